"""Made studies with all that a page can show, and a store with pictures for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made import Scores, curve, hypothesis, made_results, named

from bench.report.analysis.frames import Results
from bench.store.run_store import RunStore

EVIL = "<script>alert(1)</script>"
SIDE = 32


def rich_results(labels: tuple[str, ...] = ("a", "b", "c", "free"), seeds: int = 6, images: int = 8) -> Results:
    """Scores, curves, hypotheses of every kind, a diverged run, and reasons, all of them with markup in their words."""
    scores: Scores = {
        label: {
            seed: [20.0 + place - 0.1 * seed * (place + 1) + 0.5 * image for image in range(images)]
            for seed in range(1 if label == "free" else seeds)
        }
        for place, label in enumerate(labels)
    }
    del scores[labels[1]][seeds - 1]  # which diverged
    asked = [
        hypothesis("psnr", labels[0], "<", labels[2]),
        hypothesis("psnr", labels[0], "=", labels[1], 0.7),
        hypothesis("training_images_per_second", "a", ">", labels[1]),
        hypothesis("steps_to_psnr", labels[2], "<", labels[0]),
    ]
    trained = [label for label in labels if label != "free"]
    curves = curve({
        label: {seed: [15.0 + place + step - 0.1 * seed for step in range(20)] for seed in range(seeds)}
        for place, label in enumerate(trained)
    })  # fmt: skip
    counts = {label: 250 * 2**place for place, label in enumerate(labels)}
    made = made_results(scores, asked, curves, trained_on=counts, metrics=["psnr", "lpips"])
    for run in made.runs:
        run["missing"] = {"lpips": EVIL}
        if run["state"] == "diverged":
            run["outcome"]["reason"] = f"{EVIL} became nan at step 7"
    variants = [v | {"differences": {"loss.l1": place}} for place, v in enumerate(made.study["variants"])]
    return named(made, title=EVIL, claim={"text": EVIL, "section": EVIL}, variants=variants)


def store_with_pictures(results: Results, root: Path) -> RunStore:
    """Pictures of the images that were scored: image i is grey of lightness 15 i, but for a red edge that shrinks."""
    store, images = RunStore(root), list(dict.fromkeys(results.records["image"]))
    target = np.zeros((len(images), SIDE, SIDE, 3), np.uint8)
    for place in range(len(images)):
        target[place] = 15 * place
        target[place, :, : len(images) - place, 0] = 250
    for run in results.runs:
        prediction = np.clip(target.astype(int) + 9 * results.labels.index(run["label"]), 0, 255).astype(np.uint8)
        grey = np.repeat(target.mean(axis=3, keepdims=True), 3, axis=3).astype(np.uint8)
        folder = store.prepare(run["id"])
        np.savez(folder / "samples.npz", names=np.array(images), input=grey, prediction=prediction, target=target)
    return store
