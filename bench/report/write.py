"""A study's report folder: index.html, report.md, tables as CSV and LaTeX, figures/ and the records they stand on."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pandas as pd

from bench.measure.metrics.registry import ALL_IMAGES
from bench.report.analysis.archive import ARCHIVE, BEST, head, save
from bench.report.analysis.frames import Results
from bench.report.analysis.summary import wide
from bench.report.analysis.verdicts import hypotheses_frame
from bench.report.figures.curves import draw_curves, draw_samples, sample_grid, validation_curves
from bench.report.figures.effects import draw_effects, effects
from bench.report.figures.pareto import draw_pareto, pareto
from bench.report.figures.scaling import draw_scaling, scaling
from bench.report.figures.time_to_quality import levels
from bench.report.folder import rewritten
from bench.report.page.pictures import write_pictures
from bench.report.page.render import PAGE, render, undrawn
from bench.report.page.study_page import study_page
from bench.report.tables.data_set import data_words
from bench.report.tables.failures import events_table, failures_table
from bench.report.tables.hypotheses import hypothesis_table
from bench.report.tables.methods import methods_table, published_table
from bench.report.tables.numbers import budget_text, seeds_text
from bench.report.tables.text_table import TextTable, code, escape_markdown, fenced, latex, titled
from bench.report.tables.time_to_quality import time_table
from bench.report.tables.variants import cost_table, difference_table, run_table, score_table
from bench.store.run_store import RunStore, read_text, write_atomically

PICTURES = {  # file below figures/: heading, text
    "effects.png": (
        "Differences",
        "Each hypothesis: every seed's difference, the mean or median with its 95% interval on these and on new "
        "images, a line where there is no difference, and the margin of an equality. An arrowhead lies at infinity",
    ),
    "pareto.png": (
        "Quality against cost",
        "Each variant and baseline at the mean over its seeds; filled, and joined by the line, are those that no other "
        "one beats in both quality and cost. A cost of 0 stands at the left edge",
    ),
    "samples.png": (
        "Pictures",
        "Input of the control, each variant and baseline at its first seed, and the ground truth",
    ),
    "curves.png": (
        "Learning curves",
        "Validation scores over training; the band is the range over seeds, the dashed line the control's median final "
        "score, a triangle on it where a variant's median run is there",
    ),
    "scaling.png": (
        "More data",
        "Scores against the number of images that were trained on; the band is the range over seeds",
    ),
}
CURVES = {"curves.png": "step", "curves_seconds.svg": "seconds"}
"""File below figures/: what the curves are drawn against; against images they look as against steps."""


def write_report(results: Results, folder: Path, store: RunStore | None, samples: bool = True) -> None:
    """Write or rewrite the folder, whole or not at all. Without a store (a committed archive) the pictures stay as they
    are; without `samples` there are none."""
    with rewritten(folder) as beside:
        _write(results, beside, store, samples)


def _write(results: Results, folder: Path, store: RunStore | None, samples: bool) -> None:
    for name in PICTURES:  # pictures of other runs are worse than none
        if store or not samples or name != "samples.png":
            (folder / "figures" / name).unlink(missing_ok=True)
    for path in (folder / "figures").glob("*.svg"):
        path.unlink()
    _draw(results, folder / "figures", store if samples else None)
    if store or not samples:
        write_pictures(results, folder, store if samples else None)
    if store:
        save(results, folder)
    for name, text in texts(results, folder).items():
        write_atomically(folder / name, text)
    write_atomically(folder / PAGE, _page(results, folder, drawn=True))


def _page(results: Results, folder: Path, drawn: bool) -> str:
    up = ("The search", "../report.md") if folder.name == BEST else ("All studies", f"../{PAGE}")
    return render("study.html.j2", drawn, page=study_page(results, folder), up=up)


def _draw(results: Results, folder: Path, store: RunStore | None) -> None:
    is_of_scores = bool(results.study["metrics"])  # of costs alone: what was hardly trained has nothing to show
    grid = sample_grid(results, store) if store and is_of_scores else []
    if grid:
        draw_samples(grid, folder / "samples.png")
    if is_of_scores and len(curves := validation_curves(results)):
        for name, x in CURVES.items():
            draw_curves(curves, levels(results), results.labels, folder / name, x)
    if len(found := effects(results)):
        draw_effects(found, results, folder / "effects.png")
    if len(points := pareto(results)):
        draw_pareto(points, folder / "pareto.png")
    if len(frame := scaling(results)):
        draw_scaling(frame, folder / "scaling.png")


def check_report(results: Results, folder: Path) -> list[str]:
    """Names of the folder's text files that differ from what the results give, the page but for its figures."""
    found = [name for name, text in texts(results, folder).items() if read_text(folder / name) != text]
    same = undrawn(read_text(folder / PAGE) or "") == undrawn(_page(results, folder, drawn=False))
    return found if same else [*found, PAGE]


def texts(results: Results, folder: Path) -> dict[str, str]:
    """File name -> content; the figures that lie in the folder are linked."""
    return {
        ARCHIVE: head(results),
        "report.md": _markdown(results, folder),
        "table.csv": _csv(wide(results)),
        "hypotheses.csv": _csv(hypotheses_frame(results)),
        "table.tex": "\n".join(latex(t) for t in [*_tables(results), difference_table(results)]),
    }


def _csv(frame: pd.DataFrame) -> str:
    """Fractions to 8 digits: the last of an fp64 sum's depend on the processor, and the same records give the same
    bytes."""
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.8g")


def _tables(results: Results) -> list[TextTable]:
    """What was found, in the page's order."""
    asked = [hypothesis_table(results)] if results.study["hypotheses"] else []
    scores = [score_table(results)] if results.study["metrics"] else []
    times = time_table(results)
    return [*asked, *scores, *([times] if times else []), cost_table(results)]


def _markdown(results: Results, folder: Path) -> str:
    study, section = results.study, results.study["claim"]["section"]
    claim = textwrap.fill(escape_markdown(study["claim"]["text"]), 110, initial_indent="> ", subsequent_indent="> ")
    parts = [
        f"# {escape_markdown(study['title'])}",
        claim + (f"\n>\n> (section {escape_markdown(section)})" if section else ""),
        _setting(results),
    ]
    parts += [titled(table) for table in _tables(results)]
    parts += _pictures(folder)
    about = (
        methods_table(results),
        published_table(results),
        difference_table(results),
        failures_table(results),
        events_table(results),
        run_table(results),
    )
    parts += [titled(table) for table in about if table]
    parts.append(_again(results))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _setting(results: Results) -> str:
    config, data = results.study["control"], _data(results)
    train, tiling = config["train"], config["tiling"]
    budget = budget_text(train)
    scored = results.records["image"]
    images = scored[scored != ALL_IMAGES].nunique()
    lines = [
        f"Scale {code(results.study['scale'])}: {config['data']['image_size']}x{config['data']['image_size']} images, "
        f"{tiling['grid']}x{tiling['grid']} sub-images, {budget} at batch {train['batch_size']} "
        f"({train['pretrain_steps']:,} of them L1 pretraining), {train['precision']}, {_for_whom(results)}; "
        f"seeds {seeds_text(results.study['seeds'])}.",
    ]
    if data:
        lines.append(
            f"Data {code(str(data['name']))} (fingerprint {code(str(data['fingerprint']))}): "
            f"{data['train_photographs']:,} photographs "
            f"to train on, {data['val_photographs']:,} to validate, from which {images} crops are scored; "
            f"{data_words(data)}. Split: {escape_markdown(str(data['split_rule']))}."
        )
    return "\n\n".join(lines)


SETTING = ("data.", "tiling.", "train.")
"""Where the fields lie that the report's first lines speak of."""


def _for_whom(results: Results) -> str:
    varied = {path for v in results.study["variants"] if not v["is_baseline"] for path in v["differences"]}
    if any(path.startswith(SETTING) for path in varied):
        return "which is the control's setting, the variants differ as listed below"
    return "the same for all variants"


def _data(results: Results) -> dict[str, str | int]:
    return next((run["run"]["data"] for run in results.runs if run["run"]), {})


def _pictures(folder: Path) -> list[str]:
    return [
        f"## {title}\n\n![{text}](figures/{name})\n\n{text}."
        for name, (title, text) in PICTURES.items()
        if (folder / "figures" / name).exists()
    ]


def _again(results: Results) -> str:
    lines = ["## How to get these numbers again", fenced(results.study["command"])]
    trained = [run["training"]["seconds"] for run in results.runs if run["training"]]
    if trained:
        total = sum(trained)
        took = f"{total / 60:,.1f} minutes" if total > 60 else f"{total:.1f} seconds"
        lines.append(f"Training took {took}, summed over {len(trained)} runs.")
    made: dict[str, set[str]] = {}
    for run in results.runs:
        if run["run"]:
            words = run["run"]["provenance"]
            made.setdefault(_provenance(words), set()).add(str(words["code"]))
    lines += [_plainly(f"Made with {words}; code {', '.join(sorted(codes))}.") for words, codes in sorted(made.items())]
    return "\n\n".join(lines)


def _plainly(text: str) -> str:
    """Escaped, but for underscores within a word, which mean nothing in Markdown."""
    return re.sub(r"(?<=\w)\\_(?=\w)", "_", escape_markdown(text))


def _provenance(words: dict[str, str | int]) -> str:
    packages = ", ".join(
        f"{name} {value}" for name, value in words.items() if name not in ("device", "threads", "code", "command")
    )
    return f"{packages}; on {words['device']}, threads {words['threads']}"
