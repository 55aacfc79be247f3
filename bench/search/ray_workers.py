"""The workers of a search on the nodes of a Ray cluster, each a Ray task; replaced when their node dies."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.runs.executors import ProgressCallback
from bench.runs.ray_cluster.carried_store import CarriedStore
from bench.runs.ray_cluster.resources import Resources
from bench.runs.ray_cluster.tasks import Driver, at_node, node_runs
from bench.runs.runner import MAX_LOSSES
from bench.search.load import load_search
from bench.search.schema import study_of
from bench.search.search import Search
from bench.search.worker import Worker, WorkerSettings, WorkersLost

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster

Texts = dict[str, str]
"""Of the search's file and its study's, by their path from a folder that both lie in."""


def work_on(
    cluster: Cluster,
    search: Search,
    orders: WorkerSettings,
    workers: int,
    tell: ProgressCallback,
    show: Callable[[], int],
) -> None:
    """Make the search's trials with so many workers. Raises KeyboardInterrupt, WorkersLost, InputError."""
    texts, name = _texts(search)
    _, scale, data, overrides, trials = search.recipe
    given = str(Path(data).expanduser().absolute()) if data and Path(data).expanduser().is_dir() else data
    url = orders.url if "://" in orders.url else str(Path(orders.url).absolute())
    recipe = (Path(name), scale, given, overrides, trials)
    share = 1 / math.ceil(workers / cluster.gpus()) if orders.machine.device == "cuda" else 0.0

    def start() -> Any:
        ask = Resources(orders.machine.threads, share)
        return cluster.submit(_work, ask, texts, recipe, search.study_name, replace(orders, url=url))

    refs = [start() for _ in range(workers)]
    losses, done, is_lost = 0, show(), False
    for ref in cluster.ends(refs, tell, show):
        is_lost = cluster.result(ref) == "lost"
        if is_lost:
            if (now := show()) > done:  # they do get somewhere
                losses, done = 0, now
            losses += 1
            if losses <= MAX_LOSSES:
                refs.append(start())
    show()
    if is_lost:  # the last one
        raise WorkersLost


def check_shared(cluster: Cluster, url: str, is_given: bool) -> None:
    """Raises InputError for a storage in a file where not all nodes see the same folders."""
    if cluster.nodes_without_store and ("://" not in url or url.startswith("sqlite")):
        what = f"--storage {url}" if is_given else "the search's journal"
        nodes = ", ".join(sorted(set(cluster.nodes_without_store)))
        raise InputError(
            f"{what}: is a file, and {nodes} does not see this machine's run store; "
            "name a database, --storage postgresql+psycopg://..., or give a folder that all nodes see with --runs"
        )


def _texts(search: Search) -> tuple[Texts, str]:
    """The files that a node reads the search from, and the search's own name among them."""
    ours = Path(os.path.abspath(search.located.path))
    files = {ours: ours}
    if (name := search.file.study) is not None:
        files[Path(os.path.abspath(ours.parent / name))] = study_of(search.located, name)
    root = os.path.commonpath([file.parent for file in files])
    texts = {os.path.relpath(file, root): content.read_text(encoding="utf-8") for file, content in files.items()}
    return texts, os.path.relpath(ours, root)


def _work(texts: Texts, recipe: tuple[Any, ...], study_name: str, orders: WorkerSettings, driver: Driver) -> None:
    """A worker, on a node, until the search has its trials or the driver says stop. Raises InputError and
    STORAGE_ERRORS."""
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder, at_node(driver) as (link, store):
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        search = load_search(Path(folder, recipe[0]), *recipe[1:])
        if search.study_name != study_name:
            raise InputError(f"{recipe[0]} makes another search on this node: its data differ from the driver's")
        root = node_runs() if isinstance(store, CarriedStore) else driver.store.root
        worker = Worker(search, replace(orders, root=root), link.tell, link.told_to_stop)
        worker.store = store
        with suppress(KeyboardInterrupt):  # the driver knows it
            worker.work()
