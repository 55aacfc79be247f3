"""What did not go smoothly: runs without a good end and what to do, what happened on the way, mixed makes."""

from __future__ import annotations

from typing import Any

from bench.errors import ADVICE
from bench.machine import MAKE
from bench.report.analysis.frames import Results
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING

MARK = "†"
OF_STATES = {
    "diverged": "a result: the setting is unstable here; lower the learning rate, or leave the variant out",
    "unavailable": "the command in the reason brings what it needs",
    "pruned": "bench run goes on with it",
    "resumable": "bench run goes on from its checkpoint",
    "running": "another process is at work on it",
    "new": "bench run trains it",
}
"""State of a run that is not done -> what to do."""


def failures_table(results: Results) -> TextTable | None:
    """Runs that did not end well, with the reason, which names the step, and what to do; None if all are done."""
    rows = []
    for run in results.runs:
        if run["state"] != "done":
            outcome = run["outcome"] or {}
            advice = ADVICE.get(outcome.get("fault", ""), OF_STATES.get(run["state"], ADVICE["error"]))
            reason = outcome.get("reason") or MISSING
            rows.append([run["label"], str(run["seed"]), run["id"], run["state"], reason, advice])
    if not rows:
        return None
    headings = ["variant", "seed", "run", "state", "reason", "what to do"]
    return TextTable("Runs that failed, diverged or are not done", headings, rows)


def events_table(results: Results) -> TextTable | None:
    """Take-overs, damage that was mended and changes of machine, the last of each kind of a run; None if none."""
    rows = []
    for run in results.runs:
        kinds: dict[str, list[str]] = {}
        for event in run.get("events") or []:
            kinds.setdefault(event["what"], []).append(event["text"])
        for what, texts in kinds.items():
            rows.append([run["label"], str(run["seed"]), run["id"], what, str(len(texts)), texts[-1]])
    headings = ["variant", "seed", "run", "what", "times", "the last time"]
    return TextTable("What happened to runs on their way", headings, rows) if rows else None


def _makes(runs: list[dict[str, Any]]) -> list[str]:
    """What the runs were made with, as far as all of them say it."""
    described = [run["run"]["provenance"] for run in runs if run["run"] and run["state"] == "done"]
    names = [name for name in MAKE if all(name in words for words in described)]
    made = {", ".join(f"{name} {words[name]}" for name in names): None for words in described}
    moved = {event["text"]: None for run in runs for event in run.get("events") or [] if event["what"] == "moved"}
    return [*made, *moved]


def mark(results: Results, label: str) -> str:
    """What stands by a mean over runs that were not all made with the same software on the same kind of device."""
    return f" {MARK}" if len(_makes(results.runs_of(label))) > 1 else ""


def mark_note(results: Results) -> str | None:
    """The mark's meaning; or that variants differ in what they were made with; None where all are of one make."""
    makes = _makes(results.runs)
    if len(makes) < 2:
        return None
    marked = any(mark(results, label) for label in results.labels)
    what = f"{MARK} averages runs" if marked else "The variants are of runs"
    return f"{what} that were not made alike, which may be part of a difference: {'; '.join(sorted(makes))}."
