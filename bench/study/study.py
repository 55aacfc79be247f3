"""A study at one scale: its variants, its data, and its runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from baselines import CODE_VERSIONS
from baselines.cards import CARDS
from baselines.custom import fingerprint, is_outside
from baselines.weights import base_of
from bench.config import DataConfig, RunConfig
from bench.data.advice import advice
from bench.data.dataset import Dataset, open_dataset
from bench.errors import InputError
from bench.scales import ScaleName
from bench.store.run_store import run_id
from bench.study.hypotheses import Hypothesis
from bench.study.schema import Claim
from bench.study.variants import Variant


@dataclass(frozen=True)
class Run:
    """A variant with a seed: the unit that is trained, scored, stored and cached."""

    id: str
    """The hash of all that changes the run's numbers."""
    label: str
    """The label of its variant."""
    config: RunConfig


Job = tuple[Run, tuple[str, ...]]
"""A run and the metrics it is asked for."""


@dataclass(frozen=True)
class Study:
    """A study at one scale. `variants` begins with the control and ends with the baselines."""

    path: Path
    title: str
    claim: Claim
    scale: ScaleName
    variants: list[Variant]
    seeds: list[int]
    baseline_seeds: list[int]
    """The seeds of baselines that train."""
    metrics: list[str]
    hypotheses: list[Hypothesis]
    arguments: list[str] = field(default_factory=list)
    """The data and the overrides, as given on the command line."""

    @property
    def name(self) -> str:
        """The name of the file, and of the report's folder."""
        return self.path.stem

    @property
    def control(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    @property
    def command(self) -> str:
        """The command that makes the report again; a file below the current folder is named by its path from there."""
        path, here = self.path.resolve(), Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else self.path
        return shlex.join(["bench", "run", shown.as_posix(), "--scale", self.scale, *self.arguments])

    def _count_seeds(self, variant: Variant) -> int:
        """The number of seeds that a variant is trained with, the first ones."""
        if not variant.is_trained:
            return 1
        return len(self.baseline_seeds if variant.is_baseline else self.seeds)

    def advice(self) -> list[str]:
        """Notes on the data to read before training. Raises InputError where they do not fit a task."""
        pairs = dict.fromkeys((variant.config.data, variant.config.task) for variant in self.variants)
        return [line for data, task in pairs for line in advice(self._datasets[data], task)]

    @cached_property
    def _datasets(self) -> dict[DataConfig, Dataset]:
        """The data sets of all variants, each opened once."""
        first: dict[DataConfig, Variant] = {}
        for variant in self.variants:
            first.setdefault(variant.config.data, variant)
        return {data: self._open(variant) for data, variant in first.items()}

    def _open(self, variant: Variant) -> Dataset:
        """The data set of a variant. Raises InputError; it names the variant where only that one has these data."""
        try:
            return open_dataset(variant.config.data)
        except InputError as error:
            if variant.config.data == self.control.config.data:
                raise
            raise InputError(f"{self.path}: the variant {variant.label}: {error}") from None

    def runs(self) -> list[Run]:
        """Every run, seed by seed; a method that does not train has one run.

        In this order an interruption leaves whole comparisons behind, and timings of the variants are interleaved. The
        first call opens the data sets for their fingerprints: images that change later do not change the ids.
        """
        return list(self._runs)

    @cached_property
    def _runs(self) -> list[Run]:
        runs = []
        for index, seed in enumerate(self.seeds):
            for variant in self.variants:
                if index < self._count_seeds(variant):
                    config = variant.config.model_copy(update={"seed": seed if variant.is_trained else 0})
                    data = self._datasets[config.data].fingerprint
                    runs.append(Run(run_id(config, data, method_code(config.method)), variant.label, config))
        return runs


def method_code(method: str) -> str:
    """The part of a run's id that stands for its method's code.

    For a method outside the repository, the fingerprint of its file; for published weights, their SHA-256; else the
    version of its code, which is empty for the first one.
    """
    if is_outside(method):
        return fingerprint(method)
    base = base_of(method)
    if base and (weights := CARDS[base].weights):
        return weights.sha256
    return str(CODE_VERSIONS[method]) if method in CODE_VERSIONS else ""
