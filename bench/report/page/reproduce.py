"""How to get a study's numbers again: commands, versions, hardware, data, runs and their folders."""

from __future__ import annotations

from bench.report.analysis.frames import Results
from bench.report.tables.text_table import TextTable
from bench.study.labels import MISSING

STORE = "runs"
"""Where runs lie unless --runs says otherwise."""
ELSEWHERE = ("device", "threads", "code", "command")
"""Of a run's provenance: what is no version of a package."""


def commands(results: Results) -> list[str]:
    """What trains what is missing and writes this page, and what makes the page from the records beside it."""
    words = results.study["command"]
    return [words, words.replace("bench run", "bench report", 1), "bench report --check"]


def made_table(results: Results) -> TextTable:
    """Versions, hardware and data, a column a setting that runs were made with."""
    made: dict[tuple[tuple[str, str], ...], int] = {}
    commands: dict[tuple[tuple[str, str], ...], dict[str, None]] = {}
    for run in results.runs:
        if run["run"]:
            words, data = run["run"]["provenance"], run["run"]["data"]
            about = {"device": words["device"], "threads": words["threads"], "code": words["code"]}
            about |= {"data": data["name"], "data fingerprint": data["fingerprint"], "split": data["split_rule"]}
            about |= {"training photographs": data["train_photographs"], "skipped files": data["skipped"]}
            about |= {name: value for name, value in words.items() if name not in ELSEWHERE}
            key = tuple((name, str(value)) for name, value in about.items())
            made[key] = made.get(key, 0) + 1
            commands.setdefault(key, {}).update({words["command"]: None} if "command" in words else {})
    names = list(dict.fromkeys(name for key in made for name, _ in key))
    rows = [[name, *(dict(key).get(name, MISSING) for key in made)] for name in names]
    if any(commands.values()):
        rows.append(["command", *("\n".join(commands[key]) or MISSING for key in made)])
    headings = ["made with", *(f"{count} run{'' if count == 1 else 's'}" for count in made.values())]
    return TextTable("Versions, hardware and data", headings, rows)


def runs_table(results: Results) -> TextTable:
    """Every run, its id, how it ended, what its training took, and its folder."""
    rows = []
    for run in results.runs:
        training = run["training"] or {}
        took = f"{training['seconds']:,.1f}" if training else MISSING
        steps = f"{training['steps']:,}" if training else MISSING
        rows.append([run["label"], str(run["seed"]), run["id"], run["state"], steps, took, f"{STORE}/{run['id']}/"])
    headings = ["variant", "seed", "run", "state", "steps", "training (s)", "folder"]
    notes = [f"Folders are of the default store, {STORE}/; another one is what --runs names."]
    return TextTable("Runs", headings, rows, notes)
