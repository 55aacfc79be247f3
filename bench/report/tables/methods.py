"""The tables of methods: their papers, how they were trained here, and what their authors published."""

from __future__ import annotations

from baselines.cards import Card
from bench.report.analysis.analysis import Analysis
from bench.report.analysis.methods import Method
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING


def methods_table(analysis: Analysis) -> TextTable | None:
    """A row a method; None where the paper's model is the only one."""
    if {method.name for method in analysis.methods} <= {"gan"}:
        return None
    rows = []
    for method in analysis.methods:
        settings = method.card.settings if method.card and not method.has_authors_weights else ""
        rows.append([method.name, _paper(method.card), _training(method), _told(method), settings or MISSING])
    notes = [
        "“Trained here” means on this study's data and budget, with the losses and the optimiser of the method's own "
        "paper. Some methods are always told where the hole is; the others only if task.mask_known is true.",
    ]
    headings = ["method", "paper", "training", "told where the hole is", "losses and optimiser"]
    return TextTable("Methods", headings, rows, notes)


def published_table(analysis: Analysis) -> TextTable | None:
    """The results that the methods' own papers published; None where there are none."""
    rows = [
        [method.name, figure.score, figure.value, figure.data, f"{method.card.citation}, {figure.source}"]
        for method in analysis.methods
        if method.card is not None and not method.has_authors_weights
        for figure in method.card.published
    ]
    if not rows:
        return None
    notes = [
        "These values were measured on other data, with other protocols and budgets. They are listed for reference and "
        "cannot be compared with the results above."
    ]
    return TextTable("Published, not measured here", ["method", "score", "value", "data", "source"], rows, notes)


def _told(method: Method) -> str:
    """yes, no, or the variants that are told; a dash where no task has a hole."""
    if not method.with_hole:
        return MISSING
    if len(method.told) in (0, len(method.with_hole)):
        return "yes" if method.told else "no"
    return f"only in: {'; '.join(method.told)}"


def _paper(card: Card | None) -> str:
    if card is None:
        return "from outside this repository"
    source = f" ({card.citation}{', ' + card.venue if card.venue else ''})" if card.authors != MISSING else ""
    return f"{card.title}{source}"


def _training(method: Method) -> str:
    if not method.is_trained:
        return "nothing to train"
    if method.has_authors_weights:
        return "its authors' weights" if method.is_done else method.reason or MISSING
    images = method.training_images
    if not images:
        return "not trained"
    return f"trained here, {' to '.join(f'{n:,}' for n in sorted({images[0], images[-1]}))} images"
