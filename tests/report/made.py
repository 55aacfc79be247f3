"""Results made by hand: a few runs with known scores, costs and curves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from bench.report.analysis.frames import Results

Scores = dict[str, dict[int, list[float]]]
"""Label -> seed -> PSNR of each image."""

PSNR: Scores = {
    "a": {0: [20.0, 22.0], 1: [21.0, 23.0], 2: [22.0, 24.0]},
    "b": {0: [19.5, 21.5], 1: [20.0, 22.0]},
    "free": {0: [18.0, 18.0]},
}
SPEED = {"a": 100.0, "b": 50.0}
NO_CURVES = pd.DataFrame(columns=["label", "seed", "step", "images", "seconds", "name", "value"])
CONTROL = {
    "task": {"name": "inpainting", "mask_known": False},
    "data": {"image_size": 64},
    "tiling": {"grid": 2},
    "train": {"steps": 10, "images": None, "seconds": None, "batch_size": 4, "pretrain_steps": 2, "precision": "fp32"},
}


CLEAN = {"skipped": 0, "train_gray": 0, "val_gray": 0, "profiles": {"converted": 0, "broken": 0}, "left_out_images": 0,
         "near_copies": 0, "only_in_manifest": 0}  # fmt: skip
"""The facts of a data set with nothing to remark."""
PROVENANCE = {"torch": "2", "device": "CPU x", "threads": 2, "code": "c", "command": "bench run s.yaml"}


def made_run(label: str, seed: int, state: str = "done", trained_on: int | None = None) -> dict[str, Any]:
    """A run of `label`; b has two thirds of the others' parameters and half of a's speed."""
    rate = {"images_per_second": SPEED.get(label, 1e6) * (seed + 1), "spread": 0.02, "batch_size": 4, "windows": 7}
    throughput = {
        "training": rate if label in SPEED else None,
        "inference": rate,
        "training_peak_bytes": 2_000_000 if label in SPEED else None,
        "device": "CPU x",
        "threads": 2,
        "precision": "fp32",
        "peak_version": 2,
    }
    parameters = {"a": 1200, "b": 800}.get(label, 0)
    data = {"name": "photos", "fingerprint": "f" * 16, "train_images": trained_on, "train_photographs": trained_on,
            "val_photographs": 2, "split_rule": "fixed"} | CLEAN  # fmt: skip
    return {
        "label": label,
        "seed": seed,
        "id": f"{label}{seed}",
        "state": state,
        "missing": {"lpips": "no | weights"},
        "outcome": {"state": state, "reason": "g_adversarial became nan at step 7" if state == "diverged" else ""},
        "cost": {"parameters_generator": parameters, "parameters_total": parameters, "macs": 10**6, "flops": 2 * 10**6},
        "throughput": throughput if state == "done" else None,
        "training": {"steps": 10, "images": 40, "seconds": 2.0} if state == "done" else None,
        "events": [],
        "run": None if trained_on is None else {"data": data, "provenance": PROVENANCE},
    }


def hypothesis(
    quantity: str, left: str = "a", relation: str = ">", right: str = "b", margin: float | None = None
) -> dict[str, Any]:
    """As an archive has it."""
    return {"quantity": quantity, "left": left, "relation": relation, "right": right, "margin": margin}


def made_results(
    scores: Scores,
    hypotheses: list[dict[str, Any]],
    curves: pd.DataFrame = NO_CURVES,
    metric: str = "psnr",
    trained_on: dict[str, int] | None = None,
    **study: Any,
) -> Results:
    """The first label is the control; the scored images are cut from one photograph each; a seed that the control has
    and another label has not is that of a run that diverged. `free` has no parameters and one run."""
    rows = [
        {
            "label": label,
            "seed": seed,
            "metric": metric,
            "image": f"p{i}@1x[0,0]",
            "photograph": f"p{i}",
            "value": value,
        }
        for label, seeds in scores.items()
        for seed, values in seeds.items()
        for i, value in enumerate(values)
    ]
    control = next(iter(scores))
    seeds = list(scores[control])
    runs = [
        made_run(label, seed, "done" if seed in found else "diverged", (trained_on or {}).get(label))
        for seed in seeds
        for label, found in scores.items()
        if label != "free" or seed == seeds[0]
    ]
    variants = [
        {
            "label": label,
            "method": "gray" if label == "free" else "gan",
            "is_baseline": label == "free",
            "is_trained": label != "free",
            "differences": {},
        }
        for label in scores
    ]
    content = {
        "name": "s",
        "title": "<script>alert(1)</script>",
        "claim": {"text": "words", "section": "1"},
        "scale": "tiny",
        "command": "bench run s.yaml --scale tiny",
        "seeds": seeds,
        "metrics": [metric],
        "hypotheses": hypotheses,
        "variants": variants,
        "control": CONTROL,
    }
    return Results(content | study, runs, pd.DataFrame(rows), curves)


def named(results: Results, **study: Any) -> Results:
    """The same with some of the study's words replaced."""
    return replace(results, study=results.study | study)


def curve(values: dict[str, dict[int, list[float]]], name: str = "val_psnr") -> pd.DataFrame:
    """Label -> seed -> the score at steps 10, 20, ... of 4 images and 0.5 seconds each."""
    rows = [
        {"label": label, "seed": seed, "step": step, "images": 4 * step, "seconds": step / 2, "name": name, "value": v}
        for label, seeds in values.items()
        for seed, found in seeds.items()
        for step, v in zip(range(10, 1000, 10), found, strict=False)
    ]
    return pd.DataFrame(rows)
