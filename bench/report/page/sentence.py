"""The verdict of a study in one sentence, and the facts of its setting."""

from __future__ import annotations

import math
from collections import Counter

from bench.report.analysis.analysis import Analysis
from bench.report.analysis.statistics import SCREENING_BELOW
from bench.report.analysis.verdicts import UNDECIDED, Answer
from bench.report.tables.data_set import data_words
from bench.report.tables.numbers import (
    budget_text,
    counted,
    estimate_with_unit,
    listed,
    p_text,
    range_text,
    seeds_text,
    these_text,
)
from bench.study.labels import MISSING

VERDICTS = ("supported", "refuted", "inconclusive")


def verdict_sentence(analysis: Analysis) -> str:
    """Inconclusive (2 hypotheses: ...): PSNR: a > b, the difference is −0.01 [−0.07, +0.05] dB, 95% interval on new
    images, n = 6 seeds and 3 photographs, at scale small on photos (...), run on CPU x."""
    answers, verdict = analysis.answers, analysis.verdict
    where = f"at scale {analysis.study['scale']} on {data_text(analysis)}, run on {device_text(analysis)}"
    if not answers:
        return f"No verdict: the study has no hypothesis; it is {where}."
    # The first answer with the claim's verdict is the one that decided it.
    deciding = next(answer for answer in answers if answer.verdict == verdict)
    return f"{verdict.capitalize()} ({_counts(answers)}): {_estimate(deciding)}, {where}."


def _counts(answers: list[Answer]) -> str:
    counts = Counter(answer.verdict for answer in answers)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(answers)} hypothes{'is' if len(answers) == 1 else 'es'}: {listed(parts)}"


def _estimate(answer: Answer) -> str:
    comparison, column = answer.comparison, answer.quantity.column
    kind = "ratio" if comparison.is_ratio else "difference"
    if comparison.method == "exact":
        same = f"an exact count, the same for {counted(comparison.these.n, 'seed')}"
        return f"{answer.text}, the {kind} is {these_text(comparison, column)}, {same}"
    if not comparison.these.n:
        return f"{answer.text}, for which there are no values"
    text = estimate_with_unit(answer)
    interval = ", 95% interval" if "[" in text else ""
    scope = " on new images" if answer.of_new_images else " on these images" if answer.quantity.metric else ""
    n = f"n = {counted(comparison.these.n, 'seed')}"
    n += f" and {counted(comparison.photographs, 'photograph')}" if comparison.photographs else ""
    return f"{answer.text}, the {kind} is {text}{interval}{scope}{_correction(answer)}, {n}"


def _correction(answer: Answer) -> str:
    """The adjusted p-value, where it leaves no verdict although the interval excludes no difference."""
    estimate, neutral = answer.deciding, answer.comparison.neutral
    is_within = math.isnan(estimate.low) or estimate.low <= neutral <= estimate.high
    if is_within or answer.verdict != UNDECIDED or answer.margin is not None or math.isnan(answer.p_holm):
        return ""
    return f" (p = {p_text(answer.p_holm)} after Holm's correction for the study's hypotheses)"


def screening(analysis: Analysis) -> str:
    """The warning that no verdict of this study is final; empty with enough seeds or without hypotheses."""
    seeds = analysis.fewest_seeds
    if seeds >= SCREENING_BELOW or not analysis.answers:
        return ""
    return (
        f"Screening only: {counted(seeds, 'seed')}; with fewer than {SCREENING_BELOW} no sign-flip test can pass 0.05."
    )


def data_text(analysis: Analysis) -> str:
    """photos (6 photographs to train on, 3 to validate)"""
    setting = analysis.setting
    if not setting.data:
        return "data that no run describes"
    train, val = range_text(setting.train_photographs), range_text(setting.val_photographs)
    return f"{listed(setting.data_names)} ({train} photographs to train on, {val} to validate)"


def device_text(analysis: Analysis) -> str:
    """CPU x and NVIDIA y"""
    return listed(analysis.setting.devices) if analysis.setting.devices else "an unknown device"


def facts(analysis: Analysis) -> list[tuple[str, str]]:
    """The setting of the study: name, value."""
    study, setting, config = analysis.study, analysis.setting, analysis.study["control"]
    train, side, grid = config["train"], config["data"]["image_size"], config["tiling"]["grid"]
    budget = f"{budget_text(train)} at batch {train['batch_size']}, {train['pretrain_steps']:,} of L1 pretraining"
    rows = [
        ("Scale", f"{study['scale']}: {side} x {side} pixels, {grid} x {grid} sub-images"),
        ("Budget", budget),
        ("Seeds", seeds_text(study["seeds"])),
        ("Data", data_text(analysis)),
        *([("Scored", counted(setting.crops, "crop"))] if len(analysis.results.records) else []),
        ("Split", str(setting.data["split_rule"]) if setting.data else MISSING),
        *([("Data quality", data_words(setting.data))] if setting.data else []),
        ("Device", f"{device_text(analysis)}; {train['precision']}"),
    ]
    if any(path.split(".")[0] in ("data", "tiling", "train") for v in study["variants"] for path in v["differences"]):
        rows.append(("Setting", "this is the control's setting; “What differed” lists how the variants differ from it"))
    return rows
