"""The Optuna side of a search: its storage, its study, its sampler and its pruner."""

from __future__ import annotations

import json
import re
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, BruteForceSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import InputError, first_line
from bench.search.search import Search

STORAGE_ERRORS = (StorageInternalError, SQLAlchemyError, json.JSONDecodeError)
"""What is raised where a storage cannot be reached any more."""

MAX_DEATHS = 5  # of workers on one trial, before it is given up
POPULATION = 16  # of nsga2
SQLITE_WAIT = 60  # seconds that a worker waits for the others' writes
OPENINGS = 3  # of a storage whose tables another machine is making at this moment

optuna.logging.set_verbosity(optuna.logging.WARNING)


def default_storage(search: Search, root: Path) -> str:
    """A journal in the run store, named like the study."""
    return str(root / "searches" / f"{search.study_name}.journal")


def search_lock(search: Search, root: Path) -> FileLock:
    """Held while a trial is begun, by those that share the store."""
    folder = root / "searches"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{search.study_name}.lock")


def open_storage(url: str) -> BaseStorage:
    """sqlite:///FILE, postgresql+psycopg://..., mysql+pymysql://..., or the path of a journal. Raises InputError."""
    if "://" not in url:
        path = Path(url)
        if path.suffix in (".db", ".sqlite", ".sqlite3"):
            raise InputError(f"--storage {url}: a file of this name is SQLite's; write sqlite:///{url}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = JournalLock(path)
            _mend(path, lock)
            return JournalStorage(JournalFileBackend(str(path), lock))  # type: ignore[arg-type]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"--storage {url}: not a journal that can be read and written ({first_line(error)})"
            ) from None
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    if url.startswith("sqlite"):
        arguments = {"connect_args": {"timeout": SQLITE_WAIT}}
        if folder := re.fullmatch(r"sqlite:///(.+)", url):
            Path(folder[1]).parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, OPENINGS + 1):
        try:
            return RDBStorage(url, engine_kwargs=arguments)
        except ImportError as error:
            driver = "; pip install 'gan-bench[postgresql]' and write postgresql+psycopg://"
            hint = driver if url.startswith("postgresql") else ""
            raise InputError(
                f"--storage {without_password(url)}: its driver is not installed ({first_line(error)}){hint}"
            ) from None
        except Exception as error:  # SQLAlchemy's, and each driver's own
            if attempt == OPENINGS:
                raise InputError(f"--storage {without_password(url)}: cannot be opened ({first_line(error)})") from None
            time.sleep(attempt)
    raise AssertionError


class JournalLock:
    """Held for a write. The system drops the lock of a process that dies, where Optuna's own waits for 30 seconds, or
    for ever if the journal's path is relative."""

    def __init__(self, path: Path) -> None:
        self.lock = FileLock(f"{path}.flock")

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


def _mend(path: Path, lock: JournalLock) -> None:
    """Cut off a last line that was not written to its end (the disk was full, the power failed): nobody was told that
    it is there."""
    lock.acquire()
    try:
        if path.is_file() and (content := path.read_bytes()) and not content.endswith(b"\n"):
            with open(path, "rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


def without_password(url: str) -> str:
    """A storage's URL as it may be shown."""
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:...@", url)


def open_study(search: Search, url: str) -> tuple[Study, SeededSampler]:
    """The search's Optuna study, made if it is not there yet. Raises InputError."""
    storage = open_storage(url)
    sampler = SeededSampler(search)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(
            study_name=search.study_name,
            storage=storage,
            directions=["minimize" if o.direction == "lower" else "maximize" for o in search.objectives],
            sampler=sampler,
            pruner=make_pruner(search),
            load_if_exists=True,
        )
        if not study.user_attrs:
            study.set_metric_names([objective.quantity for objective in search.objectives])
            study.set_user_attr("question", search.file.question)
            study.set_user_attr("command", search.command)
    return study, sampler


def has_study(search: Search, url: str) -> bool:
    """Whether a storage knows the search; opens none that is not there."""
    journal = "://" not in url
    file = url if journal else url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else None
    if file is not None and not Path(file).exists():
        return False
    return search.study_name in optuna.get_all_study_names(open_storage(url))


def make_pruner(search: Search) -> BasePruner:
    """What ends trials early; steps are validation points, counted over a trial's seeds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if search.pruner == "median":
            return MedianPruner(n_startup_trials=5, n_warmup_steps=2)  # the first point decides nothing
        if search.pruner == "hyperband":
            points = search.default.train.validations * len(search.seeds)
            return HyperbandPruner(min_resource=1, max_resource=points)
        if search.pruner == "wilcoxon":
            return WilcoxonPruner(p_threshold=0.1)
        return NopPruner()


class SeededSampler(BaseSampler):
    """A sampler whose randomness comes from (the search's seed, the trial's place), not from hidden state: one worker
    makes the same proposals whether it was interrupted or not, and no two workers make the same."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.inner = self._make(0)

    def begin(self, place: int) -> None:
        """Before a trial is asked for."""
        self.inner = self._make((self.search.file.seed * 1_000_003 + place) % 2**32)

    def _make(self, seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            kind = self.search.file.sampler
            if kind == "gp":
                return GPSampler(seed=seed)
            if kind == "nsga2":
                return NSGAIISampler(seed=seed, population_size=POPULATION)
            if kind == "random":
                return RandomSampler(seed=seed)
            if kind == "grid":
                return BruteForceSampler(seed=seed)
            return TPESampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if not isinstance(self.inner, BruteForceSampler):  # which says stop to a loop of Optuna's; ours knows the size
            self.inner.after_trial(study, trial, state, values)


def give_up(study: Study, trial: FrozenTrial) -> bool:
    """Fail a trial that its worker will not end; of many processes that try, one succeeds."""
    try:
        study.tell(trial.number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):  # another one was first, or the worker was done after all
        return False
    return True


def queue_again(study: Study, number: int) -> None:
    """Queue a failed trial with all that it has, under another number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)(study, study.trials[number])


def retried(trial: FrozenTrial) -> list[int]:
    """Numbers of the trials that this one goes on with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RetryHeartbeatStaleTrialCallback.retry_history(trial)
