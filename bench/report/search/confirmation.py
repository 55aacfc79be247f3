"""The confirmation of a search's winner: the final comparison, beside what the search itself measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.report.analysis.analysis import Analysis
from bench.report.search.results import SearchResults
from bench.report.tables.numbers import new_text, these_text


@dataclass(frozen=True)
class ConfirmedQuantity:
    """One answer of the final comparison. Values are as stored, and None unless the search measured both sides."""

    quantity: str
    against: str
    """The variant or baseline that the winner is compared with."""
    default_search: float | None
    winner_search: float | None
    estimate_fresh: str
    """The difference, or the ratio of a cost, with its interval."""
    verdict: str


@dataclass(frozen=True)
class Confirmation:
    """The winner with fresh seeds, on photographs that judged no trial: an objective a row, then the other answers."""

    rows: list[ConfirmedQuantity]


def confirm(results: SearchResults, comparison: Analysis) -> Confirmation:
    """Pair every answer of the final comparison with what the search measured."""
    winner = next((trial for trial in results.trials if trial.number == results.winner), None)
    objectives = [objective["quantity"] for objective in results.search["objectives"]]
    of_winner = dict(zip(objectives, winner.values or [], strict=False)) if winner else {}
    of_default = dict(zip(objectives, results.default["values"] or [], strict=False))
    rows = []
    for answer in comparison.answers:
        column = answer.quantity.column
        text = new_text if answer.of_new_images else these_text
        is_default = answer.right == comparison.control
        rows.append(
            ConfirmedQuantity(
                quantity=column.key,
                against=answer.right,
                default_search=of_default.get(column.key) if is_default else None,
                winner_search=of_winner.get(column.key) if is_default else None,
                estimate_fresh=text(answer.comparison, column),
                verdict=answer.verdict_in_words,
            )
        )
    return Confirmation(rows)
