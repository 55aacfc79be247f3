"""The winner of a search twice: as its trials saw it, and with fresh seeds, from the archive of that comparison."""

from __future__ import annotations

from typing import Any

from bench.report.analysis.frames import Results
from bench.report.analysis.verdicts import answers
from bench.report.search_results import SearchResults
from bench.report.search_tables import Confirmed
from bench.report.tables.numbers import new_text, these_text


def confirmed(results: SearchResults, best: Results) -> Confirmed:
    """A row an objective, then one for every other answer of the comparison."""
    won = next((trial for trial in results.trials if trial.number == results.winner), None)
    names = [objective["quantity"] for objective in results.search["objectives"]]
    ours = dict(zip(names, won.values or [], strict=False)) if won else {}
    theirs = dict(zip(names, results.default["values"] or [], strict=False))
    rows: list[dict[str, Any]] = []
    for answer in answers(best):
        key, column = answer.quantity.column.key, answer.quantity.column
        text = new_text(answer.comparison, column) if answer.of_new_images else these_text(answer.comparison, column)
        is_default = answer.right == best.control
        left, right = (ours.get(key), theirs.get(key)) if is_default else (None, None)
        rows.append(
            {
                "quantity": key,
                "against": answer.right,
                "default_search": right,
                "winner_search": left,
                "difference_search": None if left is None or right is None else left - right,
                "estimate_fresh": text,
                "verdict": answer.verdict_in_words,
            }
        )
    return Confirmed(rows)
