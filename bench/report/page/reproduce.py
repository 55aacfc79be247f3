"""How to reproduce a study's numbers: commands, versions, hardware, data, runs and their folders."""

from __future__ import annotations

from bench.report.analysis.analysis import Analysis
from bench.report.tables.numbers import counted
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING

STORE = "runs"
"""The default folder of runs."""
NOT_RECORDED = "not recorded"
ELSEWHERE = ("device", "threads", "code", "command")
"""The parts of a run's provenance that are not a version; the table lists them separately."""


def commands(analysis: Analysis) -> list[str]:
    """The commands that train and report, that report without training, and that check the reports."""
    words = analysis.study["command"]
    return [words, words.replace("bench run", "bench report", 1), "bench report --check"]


def environment_table(analysis: Analysis) -> TextTable:
    """Versions, hardware and data: a column for each environment that runs were made in."""
    counts: dict[tuple[tuple[str, str], ...], int] = {}
    commands: dict[tuple[tuple[str, str], ...], dict[str, None]] = {}
    for run in analysis.runs:
        if run["run"]:
            words, data = run["run"]["provenance"], run["run"]["data"]
            about = {"device": words["device"], "threads": words["threads"], "code": words["code"]}
            about |= {"data": data["name"], "data fingerprint": data["fingerprint"], "split": data["split_rule"]}
            about |= {"training photographs": data["train_photographs"], "skipped files": data["skipped"]}
            about |= {name: value for name, value in words.items() if name not in ELSEWHERE}
            key = tuple((name, NOT_RECORDED if value is None else str(value)) for name, value in about.items())
            counts[key] = counts.get(key, 0) + 1
            commands.setdefault(key, {})[words["command"] or NOT_RECORDED] = None
    names = list(dict.fromkeys(name for key in counts for name, _ in key))
    rows = [[name, *(dict(key).get(name, MISSING) for key in counts)] for name in names]
    rows.append(["command", *("\n".join(commands[key]) for key in counts)])
    headings = ["made with", *(counted(count, "run") for count in counts.values())]
    return TextTable("Versions, hardware and data", headings, rows if counts else [])


def runs_table(analysis: Analysis) -> TextTable:
    """Every run with its id, state, training time and folder."""
    rows = []
    for run in analysis.runs:
        training = run["training"] or {}
        seconds = f"{training['seconds']:,.1f}" if training else MISSING
        steps = f"{training['steps']:,}" if training else MISSING
        rows.append([run["label"], str(run["seed"]), run["id"], run["state"], steps, seconds, f"{STORE}/{run['id']}/"])
    headings = ["variant", "seed", "run", "state", "steps", "training (s)", "folder"]
    notes = [f"The folders are those of the default store, {STORE}/. With --runs they lie in the store that it names."]
    return TextTable("Runs", headings, rows, notes)
