"""Which papers a study's methods are from, how they were trained, and what their authors published."""

from __future__ import annotations

from typing import Any

from baselines import PARAMETER_FREE
from baselines.cards import CARDS, Card
from baselines.weights import base_of
from bench.report.analysis.frames import Results
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING


def methods_table(results: Results) -> TextTable | None:
    """A row a method; None where the paper's model is the only one."""
    methods = _methods(results)
    if set(methods) <= {"gan"}:
        return None
    rows = []
    for method, labels in methods.items():
        card = card_of(method)
        trained = _training(results, method, labels)
        mask = _told(results, card, labels)
        settings = card.settings if card and base_of(method) is None else ""
        rows.append([method, _paper(card), trained, mask, settings or MISSING])
    notes = [
        "Trained here: on this study's data and budget, with the losses and optimiser of its own paper. Told where the "
        "hole is: some methods always are; the others only if task.mask_known says so.",
    ]
    headings = ["method", "paper", "training", "told where the hole is", "losses and optimiser"]
    return TextTable("Methods", headings, rows, notes)


def published_table(results: Results) -> TextTable | None:
    """Figures of the methods' own papers; None where there are none."""
    rows = [
        [method, figure.score, figure.value, figure.data, f"{card.citation}, {figure.source}"]
        for method in _methods(results)
        if (card := card_of(method)) is not None and base_of(method) is None
        for figure in card.published
    ]
    if not rows:
        return None
    notes = [
        "Other data, other protocols, other budgets: they stand here for reference and do not compare with the above."
    ]
    return TextTable("Published, not measured here", ["method", "score", "value", "data", "source"], rows, notes)


def card_of(method: str) -> Card | None:
    """The method's card, or that of the method whose authors' weights it has; None for one from outside."""
    return CARDS.get(base_of(method) or method)


def _methods(results: Results) -> dict[str, list[str]]:
    """Method -> the variants that use it, in the report's order."""
    found: dict[str, list[str]] = {}
    for variant in results.study["variants"]:
        found.setdefault(variant["method"], []).append(variant["label"])
    return found


def _told(results: Results, card: Card | None, labels: list[str]) -> str:
    """yes, no, or in which of the variants; a dash where there is no hole."""
    control, differences = results.study["control"]["task"], {}
    for variant in results.study["variants"]:
        differences[variant["label"]] = variant["differences"]
    tasks = {label: differences[label].get("task.name", control["name"]) for label in labels}
    with_hole = [label for label in labels if tasks[label] != "colorization"]
    always = card is not None and card.needs_mask
    told = [b for b in with_hole if always or differences[b].get("task.mask_known", control["mask_known"])]
    if not with_hole:
        return MISSING
    if len(told) in (0, len(with_hole)):
        return "yes" if told else "no"
    return f"only in: {'; '.join(told)}"


def _paper(card: Card | None) -> str:
    if card is None:
        return "from outside this repository"
    where = f" ({card.citation}{', ' + card.venue if card.venue else ''})" if card.authors != MISSING else ""
    return f"{card.title}{where}"


def _training(results: Results, method: str, labels: list[str]) -> str:
    if method in PARAMETER_FREE:
        return "nothing to train"
    runs: list[dict[str, Any]] = [run for label in labels for run in results.runs_of(label)]
    if base_of(method) is not None:
        done = any(run["state"] == "done" for run in runs)
        return "its authors' weights" if done else next(run["outcome"] or {} for run in runs).get("reason", MISSING)
    images = sorted({run["training"]["images"] for run in runs if run["training"]})
    if not images:
        return "not trained"
    return f"trained here, {' to '.join(f'{n:,}' for n in sorted({images[0], images[-1]}))} images"
