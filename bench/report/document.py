"""report.md: a study's results as one Markdown document."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from bench.report.analysis.analysis import Analysis
from bench.report.tables.data_set import data_words
from bench.report.tables.failures import events_table, failures_table
from bench.report.tables.hypotheses import hypothesis_table
from bench.report.tables.methods import methods_table, published_table
from bench.report.tables.numbers import budget_text, counted, seeds_text
from bench.report.tables.text_table import TextTable, code, escape_markdown, fenced, titled
from bench.report.tables.time_to_quality import time_table
from bench.report.tables.variants import cost_table, difference_table, run_table, score_table

FIGURES = {  # file below figures/: heading, text
    "effects.png": (
        "Differences",
        "For each hypothesis: every seed's difference, and the mean or median with its 95% interval on these images "
        "and on new images. The vertical line is no difference, a green band is the margin of an equality, and an "
        "arrowhead is an infinite value",
    ),
    "pareto.png": (
        "Quality against cost",
        "Each point is a variant or baseline at the mean over its seeds. Filled points, joined by the line, are those "
        "that no other point beats in both quality and cost. A cost of 0 is drawn at the left edge",
    ),
    "samples.png": (
        "Pictures",
        "The control's input, the output of each variant and baseline at its first seed, and the ground truth",
    ),
    "curves.png": (
        "Learning curves",
        "Validation scores over training; the band is the range over seeds. The dashed line is the control's median "
        "final score, and a triangle on it marks where a variant's median run reaches that score",
    ),
    "scaling.png": (
        "More data",
        "Scores against the number of training images; the band is the range over seeds",
    ),
}
SETTING = ("data.", "tiling.", "train.")
"""Prefixes of the config fields that the first lines of the report state."""


def markdown_report(analysis: Analysis, folder: Path) -> str:
    """The document; it links the figures that lie in the folder."""
    study, section = analysis.study, analysis.study["claim"]["section"]
    claim = textwrap.fill(escape_markdown(study["claim"]["text"]), 110, initial_indent="> ", subsequent_indent="> ")
    parts = [
        f"# {escape_markdown(study['title'])}",
        claim + (f"\n>\n> (section {escape_markdown(section)})" if section else ""),
        *_setting(analysis),
    ]
    parts += [titled(table) for table in result_tables(analysis)]
    parts += _figures(folder)
    about = (
        methods_table(analysis),
        published_table(analysis),
        difference_table(analysis),
        failures_table(analysis),
        events_table(analysis),
        run_table(analysis),
    )
    parts += [titled(table) for table in about if table]
    parts += _reproduce(analysis)
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def result_tables(analysis: Analysis) -> list[TextTable]:
    """The tables of results, in the order of the page."""
    hypotheses = [hypothesis_table(analysis)] if analysis.study["hypotheses"] else []
    scores = [score_table(analysis)] if analysis.study["metrics"] else []
    times = time_table(analysis)
    return [*hypotheses, *scores, *([times] if times else []), cost_table(analysis)]


def _setting(analysis: Analysis) -> list[str]:
    """The scale and the data, a paragraph each."""
    study, setting, config = analysis.study, analysis.setting, analysis.study["control"]
    train, data, tiling = config["train"], setting.data, config["tiling"]
    side = config["data"]["image_size"]
    lines = [
        f"Scale {code(study['scale'])}: {side}x{side} images, {tiling['grid']}x{tiling['grid']} sub-images, "
        f"{budget_text(train)} at batch {train['batch_size']} ({train['pretrain_steps']:,} of them L1 pretraining), "
        f"{train['precision']}, {_scope(analysis)}; seeds {seeds_text(study['seeds'])}.",
    ]
    if data:
        lines.append(
            f"Data {code(str(data['name']))} (fingerprint {code(str(data['fingerprint']))}): "
            f"{data['train_photographs']:,} photographs to train on, {data['val_photographs']:,} to validate, from "
            f"which {setting.crops} crops are scored; {data_words(data)}. "
            f"Split: {escape_markdown(str(data['split_rule']))}."
        )
    return lines


def _scope(analysis: Analysis) -> str:
    """Whether the stated setting holds for all variants."""
    varied = {path for v in analysis.study["variants"] if not v["is_baseline"] for path in v["differences"]}
    if any(path.startswith(SETTING) for path in varied):
        return "for the control; the variants differ as listed below"
    return "the same for all variants"


def _figures(folder: Path) -> list[str]:
    return [
        f"## {title}\n\n![{text}](figures/{name})\n\n{text}."
        for name, (title, text) in FIGURES.items()
        if (folder / "figures" / name).exists()
    ]


def _reproduce(analysis: Analysis) -> list[str]:
    lines = ["## How to reproduce these numbers", fenced(analysis.study["command"])]
    setting = analysis.setting
    if setting.trained_runs:
        seconds = setting.training_seconds
        duration = f"{seconds / 60:,.1f} minutes" if seconds > 60 else f"{seconds:.1f} seconds"
        lines.append(f"Training took {duration}, summed over {counted(setting.trained_runs, 'run')}.")
    codes: dict[str, set[str]] = {}
    for run in analysis.runs:
        if run["run"]:
            provenance = run["run"]["provenance"]
            codes.setdefault(_environment(provenance), set()).add(str(provenance["code"]))
    return lines + [
        _escape_lightly(f"Made with {environment}; code {', '.join(sorted(versions))}.")
        for environment, versions in sorted(codes.items())
    ]


def _environment(provenance: dict[str, str | int | None]) -> str:
    """The packages and the device of a run, in words."""
    elsewhere = ("device", "threads", "code", "command")
    packages = ", ".join(
        f"{name} {'not recorded' if value is None else value}"
        for name, value in provenance.items()
        if name not in elsewhere
    )
    return f"{packages}; on {provenance['device']}, threads {provenance['threads']}"


def _escape_lightly(text: str) -> str:
    """Escape Markdown, except underscores within a word, which mean nothing in Markdown."""
    return re.sub(r"(?<=\w)\\_(?=\w)", "_", escape_markdown(text))
