"""The answer of a search in sentences: how trials ended, what the winner reaches, and what fresh seeds say."""

from __future__ import annotations

from bench.report.analysis.quantities import parse
from bench.report.search.analysis import ObjectiveValue, SearchAnalysis
from bench.report.search.confirmation import Confirmation
from bench.report.search.tables import OUTCOMES, cell, change
from bench.report.tables.numbers import listed


def counts_text(analysis: SearchAnalysis) -> str:
    """30 trials: 18 complete, 9 pruned, 3 lost and queued again"""
    counts, total = analysis.outcome_counts, len(analysis.results.trials)
    names = {"lost": "lost and queued again", "running": "still running"}
    parts = [f"{counts[key]} {names.get(key, key)}" for key in OUTCOMES if counts[key] or key == "complete"]
    return f"{total} trial{'' if total == 1 else 's'}: {', '.join(parts)}"


def winner_sentences(analysis: SearchAnalysis) -> list[str]:
    """What the winner reaches on the search's own seeds and photographs, and how it was chosen; empty without one."""
    winner, search = analysis.winner, analysis.results.search
    if winner is None:
        return []
    count = len(analysis.ranking)
    front = [f"The Pareto set has {count} trial{'' if count == 1 else 's'}."] if analysis.has_front else []
    if search["winner_is_default"]:
        return [*front, f"The best trial, {winner.number}, is the default itself, so there is nothing to confirm."]
    values = listed(list(map(_value_against_default, analysis.winner_values)))
    return [
        *front,
        f"The winner, trial {winner.number}, reaches {values}, on the search's own seeds and photographs.",
        *_rule(analysis),
        "It was chosen for these values, so they make it look better than it is.",
    ]


def fresh_text(confirmation: Confirmation) -> str:
    """PSNR +0.10 [+0.05, +0.15] against default, supported"""
    return "; ".join(
        f"{parse(row.quantity).column.title} {row.estimate_fresh} against {row.against}, {row.verdict}"
        for row in confirmation.rows
    )


def _value_against_default(objective: ObjectiveValue) -> str:
    """PSNR 18.25 dB against the default's 17.00 dB (+1.25)"""
    column, default = objective.column, objective.default
    unit = f" {column.unit}" if column.unit else ""
    difference = change(objective.value, default, column)
    against = f" against the default's {cell(default, column)}{unit} ({difference})" if difference else ""
    return f"{column.title} {cell(objective.value, column)}{unit}{against}"


def _rule(analysis: SearchAnalysis) -> list[str]:
    """How the winner was chosen among several objectives."""
    first, others = analysis.objectives[0].title, [column.title for column in analysis.objectives[1:]]
    match analysis.results.search["winner_rule"]:
        case "no worse":
            return [f"It is the best in {first} of the trials that are no worse than the default in {listed(others)}."]
        case "best of all":
            return [f"No trial is as good as the default in {listed(others)}, so it is the best in {first} of all."]
    return []
