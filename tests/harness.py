"""What tests of the whole program share."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "ablations").glob("*.yaml"))
TINY = ("--scale", "tiny")
RUN = (*TINY, "--workers", "1")
"""Options of `bench run`: starting workers takes longer than the runs of tests."""

QUIET = {"COLUMNS": "200"}

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([
    "bench.cli.main", "bench.runs.run", "baselines.contract", "bench.report.sources", "bench.report.tables.claims",
    "bench.report.terminal",
    "bench.search.worker", "bench.measure.metrics.fidelity", "torch._dynamo", "skimage.color",
    "matplotlib.backends.backend_agg",
])  # fmt: skip
"""A process that has imported once what takes most of the time of a small `bench run`, and is forked for each."""


def contents(folder: Path) -> dict[str, bytes]:
    """Path below the folder -> bytes, of every file."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


Bench = Callable[..., subprocess.CompletedProcess[str]]
WriteStudy = Callable[..., Path]


def small_study(folder: Path, name: str = "study", **changes: object) -> Path:
    """The pooling study with some keys replaced (None: left out), as small as it gets."""
    content = yaml.safe_load((ROOT / "ablations" / "pooling.yaml").read_text())
    content |= {"seeds": 1, "baselines": [], "metrics": ["psnr", "colorfulness"], "hypotheses": []} | changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False))
    return path


class Command:
    """`python -m bench` at work in a folder: a process of its own, that finds all imports done."""

    def __init__(self, folder: Path, *arguments: str | Path, **environment: str) -> None:
        self.arguments = [str(argument) for argument in arguments]
        (self.out, out), (self.error, error) = FORKS.Pipe(duplex=False), FORKS.Pipe(duplex=False)
        everything = {**os.environ, **QUIET, **environment}
        self.process = FORKS.Process(target=_main, args=(folder, self.arguments, everything, out, error))
        self.process.start()
        out.close()
        error.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def finish(self, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Wait for its end, and for that of the processes it has started, since those hold the pipes too."""
        try:
            out, error = _all_of(self.out, timeout), _all_of(self.error, timeout)
        except TimeoutError:
            self.process.kill()  # or pytest would wait for it in the end
            raise
        self.process.join()
        assert self.process.exitcode is not None
        return subprocess.CompletedProcess(self.arguments, self.process.exitcode, out, error)


def _main(
    folder: Path, arguments: Sequence[str], environment: dict[str, str], out: Connection, error: Connection
) -> None:
    from bench.cli.main import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, pipe in ((1, out), (2, error)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["bench", *arguments]
    main()


def _all_of(pipe: Connection, timeout: float) -> str:
    """What is written until the last writer has gone; at most `timeout` seconds may pass without a word."""
    said = b""
    while True:
        if not pipe.poll(timeout):
            raise TimeoutError(said.decode())
        if not (more := os.read(pipe.fileno(), 1 << 16)):
            pipe.close()
            return said.decode()
        said += more
