"""The verdict of a study in one sentence, and the facts that it stands on."""

from __future__ import annotations

import math
from collections import Counter

from bench.measure.metrics.registry import ALL_IMAGES
from bench.report.analysis.frames import Results
from bench.report.analysis.statistics import SCREENING_BELOW
from bench.report.analysis.verdicts import UNDECIDED, Answer, answers, conjunction, fewest_seeds
from bench.report.tables.data_set import data_words
from bench.report.tables.numbers import budget_text, listed, new_text, p_text, seeds_text, these_text
from bench.study.labels import GROUND_TRUTH, MISSING

PLAIN = ("supported", "refuted", "inconclusive")


def verdict_sentence(results: Results) -> str:
    """Inconclusive: of ..., difference −0.01 [−0.07, +0.05], 95% interval on new images, n = 6 seeds and 3 photographs,
    at scale small on photos (...), on CPU x."""
    found, verdict = answers(results), conjunction(answers(results))
    where = f"at scale {results.study['scale']} on {data_text(results)}, run on {device_text(results)}"
    if not found:
        return f"No verdict: the study has no hypothesis; it is {where}."
    return f"{verdict.capitalize()} ({_counts(found)}): {_estimate(_deciding(found, verdict))}, {where}."


def _counts(found: list[Answer]) -> str:
    counts = Counter(answer.verdict for answer in found)
    parts = [f"{counts[verdict]} {verdict}" for verdict in PLAIN if counts[verdict]]
    return f"{len(found)} hypothes{'is' if len(found) == 1 else 'es'}: {listed(parts)}"


def _deciding(found: list[Answer], verdict: str) -> Answer:
    """The first that makes the claim's verdict what it is."""
    return next(answer for answer in found if answer.verdict == verdict)


def _estimate(answer: Answer) -> str:
    found, column = answer.comparison, answer.quantity.column
    what = "ratio" if found.is_ratio else "difference"
    if found.method == "exact":
        same = f"an exact count, the same for {_count(found.these.n, 'seed')}"
        return f"{answer.text}, the {what} is {these_text(found, column)}, {same}"
    if not found.these.n:
        return f"{answer.text}, of which there are no values"
    text = new_text(found, column) if answer.of_new_images else these_text(found, column)
    unit = f" {column.unit}" if column.unit and not column.is_ratio else ""
    interval = ", 95% interval" if "[" in text else ""
    speaks = " on new images" if answer.of_new_images else " on these images" if answer.quantity.metric else ""
    n = f"n = {_count(found.these.n, 'seed')}"
    n += f" and {_count(found.photographs, 'photograph')}" if found.photographs else ""
    return f"{answer.text}, the {what} is {text}{unit}{interval}{speaks}{_corrected(answer)}, {n}"


def _corrected(answer: Answer) -> str:
    """Why there is no verdict although the interval leaves out no difference."""
    estimate, neutral = answer.deciding, answer.comparison.neutral
    is_within = math.isnan(estimate.low) or estimate.low <= neutral <= estimate.high
    if is_within or answer.verdict != UNDECIDED or answer.margin is not None or math.isnan(answer.p_holm):
        return ""
    return f" (p = {p_text(answer.p_holm)} after Holm's correction for the study's hypotheses)"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def screening(results: Results) -> str:
    """Why no verdict of this study is final; nothing with seeds enough."""
    seeds = fewest_seeds(results)
    if seeds >= SCREENING_BELOW or not answers(results):
        return ""
    return (
        f"Screening only: {_count(seeds, 'seed')}; with fewer than {SCREENING_BELOW} no sign-flip test can pass 0.05."
    )


def data_text(results: Results) -> str:
    """photos (6 photographs to train on, 3 to validate)"""
    found = [run["run"]["data"] for run in results.runs if run["run"]]
    if not found:
        return "data that no run describes"
    names = listed(list(dict.fromkeys(str(data["name"]) for data in found)))
    train, val = ({data[key] for data in found} for key in ("train_photographs", "val_photographs"))
    return f"{names} ({_range(train)} photographs to train on, {_range(val)} to validate)"


def _range(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def device_text(results: Results) -> str:
    """CPU x and NVIDIA y"""
    found = [str(run["run"]["provenance"]["device"]) for run in results.runs if run["run"]]
    return listed(list(dict.fromkeys(found))) if found else "an unknown device"


def facts(results: Results) -> list[tuple[str, str]]:
    """The setting, name by name."""
    study, config = results.study, results.study["control"]
    train, side, grid = config["train"], config["data"]["image_size"], config["tiling"]["grid"]
    scored = results.records[results.records["label"] != GROUND_TRUTH]["image"]
    data = next((run["run"]["data"] for run in results.runs if run["run"]), None)
    found = [
        ("Scale", f"{study['scale']}: {side} x {side} pixels, {grid} x {grid} sub-images"),
        (
            "Budget",
            f"{budget_text(train)} at batch {train['batch_size']}, {train['pretrain_steps']:,} of L1 pretraining",
        ),
        ("Seeds", seeds_text(study["seeds"])),
        ("Data", data_text(results)),
        *([("Scored", _count(scored[scored != ALL_IMAGES].nunique(), "crop"))] if len(scored) else []),
        ("Split", str(data["split_rule"]) if data else MISSING),
        *([("Of the data", data_words(data))] if data and "near_copies" in data else []),
        ("Device", f"{device_text(results)}; {train['precision']}"),
    ]
    if any(path.split(".")[0] in ("data", "tiling", "train") for v in study["variants"] for path in v["differences"]):
        found.append(("Setting", "the control's; the variants differ as listed under “What differed”"))
    return found
