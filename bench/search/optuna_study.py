"""The Optuna study of a search, with its sampler and its pruner."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, BruteForceSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.search.search import Search
from bench.search.storage import open_storage

POPULATION = 16  # of nsga2

optuna.logging.set_verbosity(optuna.logging.WARNING)


def open_study(search: Search, url: str) -> tuple[Study, SeededSampler]:
    """Open the search's Optuna study, or create it. Raises InputError."""
    storage = open_storage(url)
    sampler = SeededSampler(search)
    with without_experimental_warnings():
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
    """Whether the storage holds the search. Creates no storage."""
    is_journal = "://" not in url
    file = url if is_journal else url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else None
    if file is not None and not Path(file).exists():
        return False
    return search.study_name in optuna.get_all_study_names(open_storage(url))


def make_pruner(search: Search) -> BasePruner:
    """The pruner; its steps are validations, counted over the seeds of a trial."""
    with without_experimental_warnings():
        if search.pruner == "median":
            return MedianPruner(n_startup_trials=5, n_warmup_steps=2)  # a first validation decides nothing
        if search.pruner == "hyperband":
            validations = search.default.train.validations * len(search.seeds)
            return HyperbandPruner(min_resource=1, max_resource=validations)
        if search.pruner == "wilcoxon":
            return WilcoxonPruner(p_threshold=0.1)
        return NopPruner()


class SeededSampler(BaseSampler):
    """A sampler whose randomness comes from the search's seed and the number of trials so far, not from hidden state.
    One worker makes the same proposals whether it was interrupted or not, and no two workers make the same."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.inner = self._make(0)

    def reseed(self, trials: int) -> None:
        """Prepare the sampler for the next trial, after so many."""
        self.inner = self._make((self.search.file.seed * 1_000_003 + trials) % 2**32)

    def _make(self, seed: int) -> BaseSampler:
        with without_experimental_warnings():
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
        # BruteForceSampler would stop Optuna's own loop here; our loop knows the size of the grid.
        if not isinstance(self.inner, BruteForceSampler):
            self.inner.after_trial(study, trial, state, values)


@contextmanager
def without_experimental_warnings() -> Iterator[None]:
    """Optuna warns of every experimental class; the versions that we allow are tested with these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
