"""`bench studies`: list the studies and searches that the package ships, or copy one for editing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.errors import InputError

app = typer.Typer(invoke_without_command=True, help="The shipped studies and searches.")


@app.callback()
def list_all(context: typer.Context) -> None:
    """List the shipped studies with their claims, and the searches; a name stands for a file in every command."""
    if context.invoked_subcommand:
        return
    from bench.report.tables.narrow import print_table
    from bench.report.tables.text_table import TextTable
    from bench.study.shipped import shipped
    from bench.study.yaml_lines import Located

    studies, searches = [], []
    for name, path in shipped().items():
        file = Located(path).content
        if "space" in file:
            searches.append([name, f"{file['title']}\n{' '.join(file['question'].split())}"])
        else:
            text, section = file["claim"]["text"], file["claim"].get("section")
            where = f" (section {section})" if section else ""
            studies.append([name, f"{file['title']}{where}\n{' '.join(text.split())}"])
    console = Console(emoji=False)
    for table in (
        TextTable("Studies: bench run NAME", ["name", "claim"], studies),
        TextTable("Searches: bench search NAME", ["name", "question"], searches),
    ):
        print_table(table, console, left=("claim", "question"))
    console.print("`bench studies copy NAME` copies one here for editing.", highlight=False)


@app.command()
def copy(
    name: Annotated[str, typer.Argument(help="A shipped study or search.")],
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to copy into.")] = Path(),
) -> None:
    """Copy a shipped study or search for editing; an existing file is not overwritten."""
    from bench.study.shipped import shipped
    from bench.study.yaml_lines import suggest

    if name not in shipped():
        raise InputError(f"command line: no shipped study is called {name!r}; {suggest(name, list(shipped()))}")
    path = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(shipped()[name].read_text(encoding="utf-8"))
    except FileExistsError:
        problem = f"{path}: is there already" if folder.is_dir() else f"{folder}: is not a folder"
        raise InputError(f"{problem}; name another folder, as in `bench studies copy {name} DIR`") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    command = "search" if shipped()[name].parent.name == "search" else "run"
    Console(soft_wrap=True, emoji=False).print(
        f"{path}: edit it, then bench {command} {path}", highlight=False, markup=False
    )
