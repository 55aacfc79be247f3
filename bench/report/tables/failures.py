"""Runs that are not done, with advice; events during runs; and the mark of runs from different environments."""

from __future__ import annotations

from bench.errors import ADVICE
from bench.report.analysis.analysis import Analysis
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING

MARK = "†"
ADVICE_BY_STATE = {
    "diverged": "a result: training is unstable with this setting; lower the learning rate, or leave the variant out",
    "unavailable": "the command in the reason brings what it needs",
    "pruned": "bench run resumes it",
    "resumable": "bench run resumes it from its checkpoint",
    "running": "another process is training it",
    "new": "bench run trains it",
}
"""State of a run that is not done -> what the reader can do."""


def failures_table(analysis: Analysis) -> TextTable | None:
    """The runs that are not done, with reason and advice; None if all are done."""
    rows = []
    for run in analysis.runs:
        if run["state"] != "done":
            outcome = run["outcome"] or {}
            advice = ADVICE.get(outcome.get("fault", ""), ADVICE_BY_STATE.get(run["state"], ADVICE["error"]))
            reason = outcome.get("reason") or MISSING
            rows.append([run["label"], str(run["seed"]), run["id"], run["state"], reason, advice])
    if not rows:
        return None
    headings = ["variant", "seed", "run", "state", "reason", "what to do"]
    return TextTable("Runs that failed, diverged or are not done", headings, rows)


def events_table(analysis: Analysis) -> TextTable | None:
    """Take-overs, repaired damage and changes of machine: a row for each run and kind; None if there were none."""
    rows = []
    for run in analysis.runs:
        kinds: dict[str, list[str]] = {}
        for event in run["events"] or []:
            kinds.setdefault(event["what"], []).append(event["text"])
        for kind, texts in kinds.items():
            rows.append([run["label"], str(run["seed"]), run["id"], kind, str(len(texts)), texts[-1]])
    headings = ["variant", "seed", "run", "event", "times", "most recent"]
    return TextTable("Events during runs", headings, rows) if rows else None


def mark(analysis: Analysis, label: str) -> str:
    """The mark beside a mean over runs from different software or devices; else nothing."""
    return f" {MARK}" if label in analysis.environments.mixed else ""


def mark_note(analysis: Analysis) -> str | None:
    """The note on runs from different software or devices; None where all are from the same."""
    environments = analysis.environments
    if len(environments.all) < 2:
        return None
    which = f"{MARK} marks a mean over runs" if environments.mixed else "The variants come from runs"
    listed = "; ".join(sorted(environments.all))
    return f"{which} with different software or devices, which may explain part of a difference: {listed}."
