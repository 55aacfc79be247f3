"""What the commands share: options, exit codes, checks before hours of work, and words on stderr."""

from __future__ import annotations

import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from bench.errors import InputError, is_file
from bench.interrupts import INTERRUPTED as INTERRUPTED
from bench.scales import ScaleName

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster
    from bench.store.run_store import RunStore

GRACE_SECONDS, HANG_SECONDS = 60, 1800
DONE, SOME_FAILED, BAD_INPUT = 0, 1, 2

Studies = Annotated[
    list[str],
    typer.Argument(
        metavar="STUDY... [KEY=VALUE...]", help="Study files or names, then dotted overrides: train.steps=500."
    ),
]
Scale = Annotated[ScaleName, typer.Option(help="How much compute: tiny (seconds), small (minutes on a laptop), paper.")]
Data = Annotated[str | None, typer.Option(metavar="photos|places365|PATH", help="Data set, or a folder of images.")]
Runs = Annotated[Path, typer.Option(metavar="DIR", help="The run store.")]
Reports = Annotated[Path, typer.Option(metavar="DIR", help="Where reports go.")]
Pictures = Annotated[
    bool, typer.Option("--pictures/--no-pictures", help="Leave sample pictures out if the data may not be passed on.")
]
Device = Annotated[str, typer.Option(help="auto takes CUDA if there is one; or cpu, cuda, cuda:1.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of each run on the CPU.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Runs at a time.  [default: as many as the cores bear; 1 on CUDA]")
]
Grace = Annotated[
    float,
    typer.Option(min=1, metavar="SECONDS", help="Silence after which work of another machine is taken over."),
]
HangAfter = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="Time without progress after which a run is taken to hang.")
]
MaxRuns = Annotated[
    int | None, typer.Option("--max-runs", min=1, metavar="N", help="Runs that a study may have.  [default: 1,000]")
]
CheckpointEvery = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time between checkpoints.")]
ExecutorName = Annotated[
    Literal["local", "ray"], typer.Option(help="local: processes of this machine; ray: the nodes of a Ray cluster.")
]
Address = Annotated[
    str | None,
    typer.Option(metavar="auto|HOST:PORT", help="Of the Ray cluster.  [default: a Ray of this machine alone]"),
]


@contextmanager
def cluster_at(executor: str, address: str | None, store: RunStore) -> Iterator[Cluster | None]:
    """The Ray cluster that is asked for, if one is. Raises InputError."""
    if executor != "ray":
        if address is not None:
            raise InputError(f"--address {address}: is that of a Ray cluster; give --executor ray too")
        yield None
        return
    from bench.runs.ray_cluster.connect import connected
    from bench.runs.ray_cluster.tasks import ClusterLost

    try:
        with connected(address, store) as cluster:
            yield cluster
    except ClusterLost as error:
        say(f"the Ray cluster was lost ({error}); what is done is kept, and the same command goes on from there")
        raise typer.Exit(SOME_FAILED) from None


@contextmanager
def exit_cleanly() -> Iterator[None]:
    """An interruption, and a store that is lost, in words and as exit codes: what is done is kept."""
    from bench.errors import StoreLost

    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; what is done is kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    except StoreLost as error:
        say(f"{error}; what is done is kept, and the same command goes on when it can be written again")
        raise typer.Exit(SOME_FAILED) from None


def check_folder(option: str, path: Path) -> None:
    """Before hours of work, not after: a folder that is there, or can be made."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{option} {path}: {there} is not a folder that can be written")


def check_readable(option: str, path: Path) -> None:
    """A folder, or nothing yet."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} {path}: is not a folder")


def known_device(name: str) -> str:
    """A device's name. Raises InputError."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise InputError(f"--device {name}: unknown; allowed: auto, cpu, cuda, cuda:N")
    return name


def parse_shard(text: str | None) -> tuple[int, int]:
    """I/N -> (I - 1, N): the runs from place I - 1 on, every N-th; None is all of them. Raises InputError."""
    if text is None:
        return 0, 1
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"--shard {text}: give I/N with I from 1 to N, such as 1/8")
    return int(match[1]) - 1, int(match[2])


def given_command() -> str:
    """The command line, for the record."""
    return shlex.join(["bench", *sys.argv[1:]])


def say(text: str) -> None:
    """To stderr."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(text, markup=False, highlight=False)


def say_advice(lines: Iterable[str]) -> None:
    """What there is to know of the data, before anything is trained on them."""
    for line in dict.fromkeys(lines):
        say(f"note: {line}")


def check_distinct(files: Sequence[str | Path], what: str) -> None:
    """Refuse files whose reports would lie in one folder, be it on a disk that knows no upper case. Raises
    InputError."""
    names = [Path(file).stem for file in files]
    alike = [unicodedata.normalize("NFC", name).casefold() for name in names]
    twice = [name for name, key in zip(names, alike, strict=True) if alike.count(key) > 1]
    if twice:
        shown = " and ".join(dict.fromkeys(twice))
        raise InputError(f"command line: several {what} are named {shown}; their reports would overwrite each other")


def load_studies(
    arguments: list[str], scale: ScaleName, data: str | None, may_be_empty: bool = False, max_runs: int | None = None
) -> list[Any]:
    """Study files and overrides, as the command line mixes them, to studies."""
    from bench.study.load import load_study
    from bench.study.shipped import HOW
    from bench.study.variants import MAX_RUNS

    paths = [Path(a) for a in arguments if "=" not in a or is_file(a)]
    overrides = tuple(a for a in arguments if Path(a) not in paths)
    if not paths and not may_be_empty:
        raise InputError(f"command line: no study; give a YAML file such as ablations/pooling.yaml, or a name; {HOW}")
    check_distinct(paths, "studies")
    return [load_study(path, scale, data, overrides, max_runs or MAX_RUNS) for path in paths]
