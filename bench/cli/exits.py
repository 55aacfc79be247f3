"""Exit codes, and the ends of a long command in words: interrupted, the store lost, the Ray cluster lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from bench.cli.checks import say
from bench.errors import InputError
from bench.interrupts import INTERRUPTED as INTERRUPTED

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster
    from bench.store.run_store import RunStore

DONE, SOME_FAILED, BAD_INPUT = 0, 1, 2


@contextmanager
def exit_cleanly() -> Iterator[None]:
    """Turn an interruption, and the loss of the store, into a line on stderr and an exit code."""
    from bench.errors import StoreLost

    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; what is done is kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    except StoreLost as error:
        say(f"{error}; what is done is kept, and the same command goes on when it can be written again")
        raise typer.Exit(SOME_FAILED) from None


@contextmanager
def cluster_at(executor: str, address: str | None, store: RunStore) -> Iterator[Cluster | None]:
    """Connect to the Ray cluster if `executor` is ray; its loss becomes a line on stderr. Raises InputError."""
    if executor != "ray":
        if address is not None:
            raise InputError(f"--address {address}: is the address of a Ray cluster; give --executor ray too")
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
