"""The report's tables in words: cells, headings and notes, and their Markdown, LaTeX and terminal forms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from bench.measure.metrics import METRICS
from bench.measure.statistics import SCREENING_BELOW
from bench.report.frames import Results
from bench.report.tables import Column, columns, hypotheses, reference_means, summary

MISSING = "—"


@dataclass(frozen=True)
class TextTable:
    """Headings and rows of cells; a cell may have two lines. Notes stand below."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def number(value: float, decimals: int, signed: bool = False) -> str:
    """A number with its decimals, thousands separated, a real minus sign."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if not text.strip("+-0.,"):  # a minus of a rounded zero says nothing
        text = text.replace("-", "+" if signed else "")
    return text.replace("-", "−")


def score_table(results: Results, compact: bool = False) -> TextTable:
    """Mean ± SD over seeds of each metric, and the difference from the control below it.

    `compact` is for a terminal: a star instead of the interval.
    """
    shown = [c for c in columns(results) if not c.is_ratio]
    table = _value_table("Scores", results, shown, compact)
    reference = reference_means(results)
    if reference:
        cells = [number(reference[c.key], c.decimals) if c.key in reference else "" for c in shown]
        table.rows.append(["ground truth", "", *cells])
        table.notes.append("Colorfulness has no better end: the nearer to the ground truth's, the better.")
    what = "a * where its 95% t interval leaves out 0" if compact else "with its 95% t interval"
    table.notes.append(f"± is the standard deviation over seeds; below it the difference from the control, paired by "
                       f"seed, {what}. It speaks of new seeds on these images.")  # fmt: skip
    return table


def cost_table(results: Results, compact: bool = False) -> TextTable:
    """What each variant costs, and how many times the control's."""
    shown = [c for c in columns(results) if c.is_ratio and not (compact and c.key == "training_seconds")]
    table = _value_table("Cost and speed", results, shown, compact)
    if compact:  # it has to fit 80 columns, and the scores have said it
        table = replace(table, headings=_without_runs(table.headings), rows=[_without_runs(row) for row in table.rows])
    what = "a * where its 95% t interval leaves out 1" if compact else "with the 95% t interval of the log ratios"
    table.notes.append(f"Trainable parameters. MACs are of one image's whole tiled forward pass as fvcore counts them; "
                       f"FLOPs are 2 x MACs; both in millions. × is the ratio to the control, {what}.")  # fmt: skip
    table.notes.extend(_speed_notes(results))
    return table


def _without_runs(row: list[str]) -> list[str]:
    return [row[0], *row[2:]]


def _value_table(title: str, results: Results, shown: list[Column], compact: bool) -> TextTable:
    values = summary(results)
    notes: list[str] = []
    rows = []
    for label in results.labels:
        mark = ("\n" if compact else " ") + "(control)" if label == results.control else ""
        cells = [label + mark, _runs_cell(results, label)]
        for column in shown:
            found = values[(values["label"] == label) & (values["column"] == column.key)]
            if len(found):
                cells.append(_cell(found.iloc[0], column, compact))
            else:
                cells.append(_missing(results, label, column, notes))
        rows.append(cells)
    headings = [column.heading.replace(" (", "\n(") if compact else column.heading for column in shown]
    return TextTable(title, ["variant", "runs", *headings], rows, notes)


def _cell(row: Any, column: Column, compact: bool) -> str:
    between = "\n" if compact else " "
    spread = f"{between}± {number(row['sd'], column.decimals)}" if row["n"] > 1 and row["sd"] > 0 else ""
    text = number(row["mean"], column.decimals) + spread
    if math.isnan(row["difference"]):
        return text
    return f"{text}\n{_comparison(row, column, compact)}"


def _comparison(row: Any, column: Column, compact: bool) -> str:
    low, high, neutral = row["low"], row["high"], 1.0 if column.is_ratio else 0.0
    if compact or math.isnan(low) or math.isclose(low, high, rel_tol=1e-9):
        star = "*" if not math.isnan(low) and not low <= neutral <= high and compact else ""
        text = ratio(row["difference"]) if column.is_ratio else number(row["difference"], column.decimals, signed=True)
        return text + star
    if column.is_ratio:
        return f"{ratio(row['difference'])} [{ratio(low)[1:]}, {ratio(high)[1:]}]"
    return interval(row["difference"], low, high, column.decimals)


def ratio(value: float) -> str:
    """×0.74, ×892"""
    return f"×{value:.2f}" if value < 10 else f"×{value:,.0f}"


def interval(mean: float, low: float, high: float, decimals: int) -> str:
    """+0.10 [−0.02, +0.22]"""
    text = number(mean, decimals, signed=True)
    if math.isnan(low):
        return text
    return f"{text} [{number(low, decimals, signed=True)}, {number(high, decimals, signed=True)}]"


def _missing(results: Results, label: str, column: Column, notes: list[str]) -> str:
    reasons = [run["missing"][column.key] for run in results.runs_of(label) if column.key in run["missing"]]
    if not reasons:
        return MISSING
    note = f"{column.title} is missing: {reasons[0]}"
    if note not in notes:
        notes.append(note)
    return f"{MISSING} [{notes.index(note) + 1}]"


def _runs_cell(results: Results, label: str) -> str:
    runs = results.runs_of(label)
    states = [run["state"] for run in runs]
    others = {state: states.count(state) for state in states if state != "done"}
    text = f"{states.count('done')}/{len(states)}"
    return text + "".join(f", {count} {state}" for state, count in others.items())


def _speed_notes(results: Results) -> list[str]:
    measured = [run["throughput"] for run in results.runs if run["throughput"]]
    trained = [m for m in measured if m["training"]]
    if not trained:
        return []
    places = sorted({f"{m['device']}, {_threads(m['threads'])}, {m['precision']}" for m in trained})
    batches = sorted({m["training"]["batch_size"] for m in trained})
    windows = trained[0]["training"]["windows"]
    worst = max(m["training"]["spread"] for m in trained)
    notes = [
        f"img/s: images a second, median of {windows} windows after warm-up at batch {', '.join(map(str, batches))}, "
        f"on {'; '.join(places)}; the widest interquartile range within a run was {worst:.0%} of its median. A "
        "training step is all of an iteration after pretraining. Compare the ratios; the times are this machine's.",
        "Memory is the peak of all tensors alive in a training step (weights, moments, activations); on CUDA the "
        "allocator's peak.",
    ]
    if len(places) > 1:
        notes.append("These runs were measured on different machines: their speeds do not compare.")
    return notes


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def hypothesis_table(results: Results) -> TextTable:
    """What was expected, and what came out."""
    rows = []
    for row in hypotheses(results).to_dict("records"):
        estimate = interval(row["difference"], row["low"], row["high"], METRICS[row["metric"]].decimals)
        rows.append([row["hypothesis"], estimate if row["n"] else MISSING, str(row["n"]), row["verdict"]])
    notes = ["Written down before the study was run. The difference is left − right, paired by seed, with its 95% t "
             "interval; the verdict is inconclusive while that holds 0."]  # fmt: skip
    if len(results.study["seeds"]) < SCREENING_BELOW:
        notes.append(f"Screening only: fewer than {SCREENING_BELOW} seeds.")
    return TextTable("Hypotheses", ["hypothesis", "difference", "seeds", "verdict"], rows, notes)


def difference_table(results: Results) -> TextTable:
    """The config of each variant where it differs from the control's."""
    control = _flat(results.study["control"])
    rows = [
        [variant["label"], path, str(control.get(path, MISSING)), str(value)]
        for variant in results.study["variants"][1:]
        for path, value in variant["differences"].items()
    ]
    return TextTable("What differs from the control", ["variant", "field", "control", "variant's"], rows)


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    return {str(path): value for path, value in pd.json_normalize(config).iloc[0].items()}


def run_table(results: Results) -> TextTable:
    """Every run and how it ended."""
    rows = []
    for run in results.runs:
        reason = (run["outcome"] or {}).get("reason", "")
        rows.append([run["label"], str(run["seed"]), run["id"], run["state"], reason])
    return TextTable("Runs", ["variant", "seed", "run", "state", "reason"], rows)


def markdown(table: TextTable) -> str:
    """A GitHub table with its notes."""
    lines = ["| " + " | ".join(map(escape_markdown, table.headings)) + " |", "|" + "---|" * len(table.headings)]
    lines += ["| " + " | ".join(map(escape_markdown, row)) + " |" for row in table.rows]
    notes = [f"{index}. {escape_markdown(note)}" for index, note in enumerate(table.notes, 1)]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def escape_markdown(text: str) -> str:
    """Text as it is, whatever Markdown or HTML it looks like."""
    for plain, escaped in (
        ("\\", "\\\\"),
        ("`", "\\`"),
        ("[", "\\["),
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("*", "\\*"),
        ("_", "\\_"),
    ):
        text = text.replace(plain, escaped)
    return " ".join(text.split("\r")).replace("\n", "<br>")


def latex(table: TextTable) -> str:
    """A booktabs tabular; a cell's second line goes into a row of its own."""
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(table.headings) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(_tex, table.headings)) + r" \\", r"\midrule"]
    for row in table.rows:
        parts = [cell.split("\n") for cell in row]
        for depth in range(max(map(len, parts))):
            lines.append(" & ".join(_tex(p[depth]) if depth < len(p) else "" for p in parts) + r" \\")
    notes = [f"% {index}. {note}" for index, note in enumerate(table.notes, 1)]
    return "\n".join([f"% {table.title}", *lines, r"\bottomrule", r"\end{tabular}", *notes]) + "\n"


_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "—": "---",
    "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)
