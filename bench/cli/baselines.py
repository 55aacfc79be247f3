"""`bench baselines`: the methods to compare with, what they cost, and whether a method keeps the contract."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.cli.options import AsJson
from bench.errors import InputError
from bench.study.labels import MISSING

app = typer.Typer(invoke_without_command=True, help="The methods to compare with, and what they cost.")


@app.callback()
def list_all(
    context: typer.Context,
    as_json: AsJson = False,
) -> None:
    """List the methods to compare with: paper, task, parameters, and MACs and FLOPs of one 256x256 image."""
    if context.invoked_subcommand:
        return
    from bench.measure.catalogue import catalogue
    from bench.report.tables.narrow import print_table
    from bench.report.tables.text_table import TextTable

    rows = catalogue()
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    console = Console(emoji=False)
    headings = ["method", "paper", "task", "params G", "params all", "GMACs", "GFLOPs", "mask", "weights"]
    table = TextTable("Methods, at 256x256", headings, [_cells(row) for row in rows])
    print_table(table, console, left=("paper", "task", "weights"))
    console.print(
        "params: trainable parameters of the generator (G) and of all networks. MACs of one prediction, as fvcore "
        "counts them; FLOPs are 2 x MACs; those of classical methods are not counted. mask: whether the method is told "
        "where the hole is. weights: whether the authors' weights are here; `bench baselines weights NAME` brings them "
        "where they are published.",
        highlight=False,
        style="dim",
    )


def _cells(row: dict[str, Any]) -> list[str]:
    paper = row["authors"] + (f" {row['year']}" if row["year"] else "")
    return [
        row["name"],
        paper,
        {"colorization": "color", "inpainting": "inpaint"}[row["tasks"][0]] if len(row["tasks"]) == 1 else "both",
        f"{row['parameters_generator']:,}",
        f"{row['parameters_total']:,}",
        *(MISSING if row[key] is None else f"{row[key] / 1e9:,.2f}" for key in ("macs", "flops")),
        "yes" if row["needs_mask"] else "no",
        {"present": "yes", "not present": "no", "damaged": "damaged"}.get(row["weights"], ""),
    ]


@app.command()
def weights(
    name: Annotated[str, typer.Argument(help="A method whose authors published weights.")],
    file: Annotated[Path | None, typer.Option(show_default="download it", help="The authors' file.")] = None,
) -> None:
    """Bring the weights that a method's authors published; NAME_published is then the method with them."""
    from baselines.cards import CARDS
    from bench.study.yaml_lines import suggest

    if name not in CARDS:
        raise InputError(f"command line: {name!r} is unknown; {suggest(name, list(CARDS))}")
    card = CARDS[name]
    if card.weights is None:
        raise InputError(f"command line: {name} has no weights to load: {card.no_weights or 'it has no parameters'}")
    from baselines.published import bring
    from bench.measure.metrics.downloads import download

    if file is None:
        from bench.data.cache import cache_root

        downloaded = cache_root() / "downloads" / card.weights.file
        if not downloaded.exists() and (problem := download(card.weights.url, downloaded)):
            raise InputError(f"{card.weights.url}: {problem}; fetch it by other means, then give it with --file PATH")
        try:
            path = bring(name, downloaded)
        except InputError as error:
            downloaded.unlink(missing_ok=True)
            raise InputError(f"{error}; the download was removed, and the same command fetches it again") from None
    else:
        path = bring(name, file)
    Console(soft_wrap=True, emoji=False).print(
        f"{path}: ready; use {name}_published as a method or a baseline", highlight=False
    )


@app.command()
def check(
    method: Annotated[str, typer.Argument(help="A method of the list, or module:Class of your own.")],
    task: Annotated[
        str | None, typer.Option(show_default="each that the method does", help="colorization or inpainting.")
    ] = None,
) -> None:
    """Check on real batches that a method keeps the contract."""
    from baselines import METHODS
    from baselines.availability import MethodUnavailable
    from baselines.contract import TASKS, contract_violations, tasks_of
    from baselines.custom import is_outside, source_of
    from bench.study.yaml_lines import suggest

    if is_outside(method):
        try:
            source_of(method)
        except ValueError as error:
            raise InputError(f"command line: {method}: {error}") from None
    elif method not in METHODS:
        raise InputError(f"command line: {method!r} is unknown; {suggest(method, list(METHODS))}")
    if task is not None and task not in TASKS:
        raise InputError(f"--task {task}: unknown; {suggest(task, TASKS)}")
    if task is not None and task not in tasks_of(method):
        raise InputError(f"--task {task}: {method} does {' and '.join(tasks_of(method))}")
    console, is_broken = Console(soft_wrap=True, emoji=False), False
    for name in (task,) if task else tasks_of(method):
        try:
            violations = list(contract_violations(method, name))
        except MethodUnavailable as error:
            raise InputError(f"command line: {method}: {error}") from None
        except Exception as error:  # the user's own code may raise anything: say where
            last = traceback.extract_tb(error.__traceback__)[-1]
            violations = [f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"]
        is_broken = is_broken or bool(violations)
        console.print(
            f"{method}, {name}: {'keeps the contract' if not violations else ''}", highlight=False, markup=False
        )
        for violation in violations:
            console.print(f"  - {violation}", highlight=False, markup=False)
    if is_broken:
        raise typer.Exit(1)
