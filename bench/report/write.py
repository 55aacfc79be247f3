"""A study's report folder: report.md, table.csv, table.tex, figures/ and the records they stand on."""

from __future__ import annotations

import textwrap
from pathlib import Path

from bench.config import InputError
from bench.report.figures import draw_curves, draw_samples, sample_grid, validation_curves
from bench.report.frames import Results, save
from bench.report.tables import wide
from bench.report.text import (
    cost_table,
    difference_table,
    escape_markdown,
    hypothesis_table,
    latex,
    markdown,
    run_table,
    score_table,
)
from bench.store import RunStore, write_atomically


def write_report(results: Results, folder: Path, store: RunStore | None) -> None:
    """Write or rewrite the folder. Without a store (a committed archive) the pictures stay as they are."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the report ({error.strerror}); use --reports DIR") from None
    if store:  # pictures of other runs are worse than none
        for name in ("samples.png", "curves.png"):
            (folder / "figures" / name).unlink(missing_ok=True)
    grid = sample_grid(results, store) if store else []
    if grid:
        draw_samples(grid, folder / "figures" / "samples.png")
    curves = validation_curves(results)
    if len(curves):
        draw_curves(curves, results, folder / "figures" / "curves.png")
    if store:
        save(results, folder)
    for name, text in texts(results, folder).items():
        write_atomically(folder / name, text)


def check_report(results: Results, folder: Path) -> list[str]:
    """Names of the folder's text files that differ from what the results give."""
    return [name for name, text in texts(results, folder).items() if _read(folder / name) != text]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def texts(results: Results, folder: Path) -> dict[str, str]:
    """File name -> content; the figures that lie in the folder are linked."""
    return {
        "report.md": _markdown(results, folder),
        "table.csv": wide(results).to_csv(index=False, lineterminator="\n"),
        "table.tex": "\n".join(latex(t) for t in (score_table(results), cost_table(results))),
    }


def _markdown(results: Results, folder: Path) -> str:
    study = results.study
    claim = textwrap.fill(escape_markdown(study["claim"]["text"]), 110, initial_indent="> ", subsequent_indent="> ")
    parts = [
        f"# {escape_markdown(study['title'])}",
        f"{claim}\n>\n> (section {escape_markdown(study['claim']['section'])})",
        _setting(results),
    ]
    if study["hypotheses"]:
        parts.append("## Hypotheses\n\n" + markdown(hypothesis_table(results)))
    for table in (score_table(results), cost_table(results)):
        parts.append(f"## {table.title}\n\n{markdown(table)}")
    parts += _pictures(folder)
    for table in (difference_table(results), run_table(results)):
        parts.append(f"## {table.title}\n\n{markdown(table)}")
    parts.append(_again(results))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _setting(results: Results) -> str:
    config, data = results.study["control"], _data(results)
    train, tiling = config["train"], config["tiling"]
    budget = next(f"{train[unit]:,} {unit}" for unit in ("steps", "images", "seconds") if train[unit])
    images = results.records["image"].nunique()
    lines = [
        f"Scale `{results.study['scale']}`: {config['data']['image_size']}x{config['data']['image_size']} images, "
        f"{tiling['grid']}x{tiling['grid']} sub-images, {budget} at batch {train['batch_size']} "
        f"({train['pretrain_steps']:,} of them L1 pretraining), {train['precision']}, {_for_whom(results)}; "
        f"seeds {', '.join(map(str, results.study['seeds']))}.",
    ]
    if data:
        lines.append(
            f"Data `{data['name']}` (fingerprint `{data['fingerprint']}`): {data['train_photographs']:,} photographs "
            f"to train on, {data['val_photographs']:,} to validate, from which {images} crops are scored; "
            f"{data['skipped']} files skipped. Split: {data['split_rule']}."
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
    shown = (
        ("samples.png", "Pictures", "Input, each variant and baseline at its first seed, and the ground truth"),
        ("curves.png", "Learning curves", "Validation scores over training; the band is the range over seeds"),
    )
    return [
        f"## {title}\n\n![{text}](figures/{name})\n\n{text}."
        for name, title, text in shown
        if (folder / "figures" / name).exists()
    ]


def _again(results: Results) -> str:
    lines = ["## How to get these numbers again", f"```\n{results.study['command']}\n```"]
    made = sorted({_provenance(run["run"]["provenance"]) for run in results.runs if run["run"]})
    lines += [f"Made with {words}." for words in made]
    return "\n\n".join(lines)


def _provenance(words: dict[str, str | int]) -> str:
    packages = ", ".join(
        f"{name} {value}" for name, value in words.items() if name not in ("device", "threads", "code")
    )
    return f"{packages}; on {words['device']}, threads {words['threads']}; code {words['code']}"
