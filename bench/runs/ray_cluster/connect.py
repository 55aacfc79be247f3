"""Connects a command to a Ray cluster, or starts a Ray on this machine alone, until the command ends."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError, first_line
from bench.runs.ray_cluster.tasks import ClusterLost, Driver, code
from bench.runs.ray_cluster.transfer import StoreActor
from bench.store.run_store import RunStore

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster

INSTALL = "pip install -e '.[ray]'"
REACH_SECONDS = 5  # ray itself tries for minutes
OBJECT_STORE = 128 << 20  # bytes, for a Ray on this machine: hardly anything is sent through it


@contextmanager
def connected(address: str | None, store: RunStore) -> Iterator[Cluster]:
    """The cluster at `address` (auto, or HOST:PORT), or a Ray on this machine that ends with the block. `store` is the
    driver's. Raises InputError if Ray is not installed or no cluster is found, and ClusterLost."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # without it ray warns of a coming change
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError as error:
        raise InputError(f"--executor ray: Ray is not installed ({error}); {INSTALL}") from None
    store = RunStore(store.root.absolute(), store.grace)
    token = store.root / f".seen-{uuid.uuid4().hex}"
    try:
        _init(ray, address)
        _write_token(token)
        from bench.runs.ray_cluster.executor import Cluster

        driver = Driver(_store_actor(ray, store), store, token.name, Path.cwd(), code())
        yield Cluster(driver)
    except RayError as error:
        raise ClusterLost(first_line(error)) from None
    finally:
        ray.shutdown()
        with suppress(OSError):  # it was not written, or the store is lost
            token.unlink()


def _write_token(token: Path) -> None:
    """Write the file by which tasks recognise the driver's store."""
    try:
        token.parent.mkdir(parents=True, exist_ok=True)
        token.touch()
    except OSError as error:
        raise InputError(f"{token.parent}: cannot write the run store ({error.strerror}); use --runs DIR") from None


def _init(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        ray.init("local", include_dashboard=False, object_store_memory=OBJECT_STORE, **quiet)
        return
    if address != "auto":
        _check_reachable(address)
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, AssertionError) as error:
        raise InputError(
            f"--address {address}: no Ray cluster found ({first_line(error)}); start one here with "
            "`ray start --head`, or join one with `ray start --address=HOST:PORT`"
        ) from None


def _check_reachable(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in address:
        raise InputError(f"--address {address}: give auto or HOST:PORT, as `ray start --head` prints it")
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address {address}: cannot be reached ({error}); is the head node up?") from None


def _store_actor(ray: Any, store: RunStore) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(StoreActor).options(num_cpus=0, scheduling_strategy=here).remote(store)
