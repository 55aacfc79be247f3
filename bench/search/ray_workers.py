"""Workers of a search on the nodes of a Ray cluster, each a Ray task; one whose node dies is replaced."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.runs.executors import ProgressCallback
from bench.runs.ray_cluster.carried_store import CarriedStore
from bench.runs.ray_cluster.resources import Resources
from bench.runs.ray_cluster.tasks import Driver, at_node, node_runs
from bench.runs.runner import MAX_LOSSES
from bench.search.load import read_search
from bench.search.schema import find_study
from bench.search.search import Search, SearchArguments
from bench.search.worker import Worker, WorkerSettings, WorkersLost

if TYPE_CHECKING:
    from bench.runs.ray_cluster.executor import Cluster


@dataclass(frozen=True)
class RemoteSearch:
    """A search as it travels to a node."""

    files: dict[str, str]
    """Path below a common folder -> content: the search's file and that of its study."""
    arguments: SearchArguments
    """The path is one of `files`; data in a folder have an absolute path."""
    study_name: str


def run_ray_workers(
    cluster: Cluster,
    search: Search,
    settings: WorkerSettings,
    workers: int,
    tell: ProgressCallback,
    show_trials: Callable[[], int],
) -> None:
    """Make the search's trials with so many workers. Raises KeyboardInterrupt, WorkersLost, InputError."""
    remote = _remote_search(search)
    url = settings.url if "://" in settings.url else str(Path(settings.url).absolute())
    gpu_share = 1 / math.ceil(workers / cluster.gpus()) if settings.machine.device == "cuda" else 0.0

    def start_worker() -> Any:
        resources = Resources(settings.machine.threads, gpu_share)
        return cluster.submit(_work_on_node, resources, remote, replace(settings, url=url))

    refs = [start_worker() for _ in range(workers)]
    losses, complete, is_lost = 0, show_trials(), False
    for ref in cluster.ends(refs, tell, show_trials):
        is_lost = cluster.result(ref) == "lost"
        if is_lost:
            if (now := show_trials()) > complete:  # only losses without progress in between add up
                losses, complete = 0, now
            losses += 1
            if losses <= MAX_LOSSES:
                refs.append(start_worker())
    show_trials()
    if is_lost:  # the last worker, which nobody replaced
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


def _remote_search(search: Search) -> RemoteSearch:
    ours = Path(os.path.abspath(search.located.path))
    files = {ours: ours}
    if (name := search.file.study) is not None:
        files[Path(os.path.abspath(ours.parent / name))] = find_study(search.located, name)
    root = os.path.commonpath([file.parent for file in files])
    texts = {os.path.relpath(file, root): content.read_text(encoding="utf-8") for file, content in files.items()}
    data = search.arguments.data
    if data and Path(data).expanduser().is_dir():
        data = str(Path(data).expanduser().absolute())
    arguments = replace(search.arguments, path=Path(os.path.relpath(ours, root)), data=data)
    return RemoteSearch(texts, arguments, search.study_name)


def _work_on_node(remote: RemoteSearch, settings: WorkerSettings, driver: Driver) -> None:
    """Be a worker, until the search has its trials or the driver says stop. Raises InputError and STORAGE_ERRORS."""
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder, at_node(driver) as (link, store):
        for name, text in remote.files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        search = read_search(replace(remote.arguments, path=Path(folder, remote.arguments.path)))
        if search.study_name != remote.study_name:
            raise InputError(f"{remote.arguments.path}: this node's data differ from the driver's")
        root = node_runs() if isinstance(store, CarriedStore) else driver.store.root
        worker = Worker(search, replace(settings, root=root), link.tell, link.told_to_stop, store)
        with suppress(KeyboardInterrupt):  # the driver knows that it stopped the worker
            worker.work()
