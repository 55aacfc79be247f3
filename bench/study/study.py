"""A study: YAML and overrides in, variants and runs out."""

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
from bench.store.run_store import run_id
from bench.study.hypotheses import Hypothesis
from bench.study.schema import Claim, ScaleName
from bench.study.variants import Variant


@dataclass(frozen=True)
class Run:
    """What is trained, scored, stored and cached."""

    id: str
    label: str
    """Of its variant."""
    config: RunConfig


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
    """Those that baselines are trained with."""
    metrics: list[str]
    hypotheses: list[Hypothesis]
    arguments: list[str] = field(default_factory=list)
    """Overrides and data as given on the command line."""

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def control(self) -> Variant:
        return self.variants[0]

    @property
    def command(self) -> str:
        """The command that regenerates the report; a file below the current folder is named from there."""
        path, here = self.path.resolve(), Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else self.path
        return shlex.join(["bench", "run", shown.as_posix(), "--scale", self.scale, *self.arguments])

    def _count_seeds(self, variant: Variant) -> int:
        """How many it is trained with, the first ones."""
        if not variant.is_trained:
            return 1
        return len(self.baseline_seeds if variant.is_baseline else self.seeds)

    def advice(self) -> list[str]:
        """What to know of the data before training, a line each. Raises InputError where they do not fit a task."""
        asked = dict.fromkeys((variant.config.data, variant.config.task) for variant in self.variants)
        return [line for data, task in asked for line in advice(self._datasets[data], task)]

    @cached_property
    def _datasets(self) -> dict[DataConfig, Dataset]:
        """The data sets of all variants, each opened once."""
        first: dict[DataConfig, Variant] = {}
        for variant in self.variants:
            first.setdefault(variant.config.data, variant)
        return {data: self._open(variant) for data, variant in first.items()}

    def _open(self, variant: Variant) -> Dataset:
        """Its data. Raises InputError, with the variant's name where its own data is the trouble."""
        try:
            return open_dataset(variant.config.data)
        except InputError as error:
            if variant.config.data == self.control.config.data:
                raise
            raise InputError(f"{self.path}: the variant {variant.label}: {error}") from None

    def runs(self) -> list[Run]:
        """Every run, seed by seed, so that an interruption leaves whole comparisons behind and what is timed is
        interleaved. A method without parameters has one run. Opens the data set, for its fingerprint, the first time:
        images that change later do not make other runs of those that were planned."""
        return list(self._runs)

    @cached_property
    def _runs(self) -> list[Run]:
        found = []
        for place, seed in enumerate(self.seeds):
            for variant in self.variants:
                if place < self._count_seeds(variant):
                    config = variant.config.model_copy(update={"seed": seed if variant.is_trained else 0})
                    data = self._datasets[config.data].fingerprint
                    found.append(Run(run_id(config, data, method_code(config.method)), variant.label, config))
        return found


def method_code(method: str) -> str:
    """What of a method is part of its runs' ids besides their config: the content of the file that defines it, where
    that lies outside the repository; its authors' weights; or the version of its code, from the second on."""
    if is_outside(method):
        return fingerprint(method)
    base = base_of(method)
    if base and (weights := CARDS[base].weights):
        return weights.sha256
    return str(CODE_VERSIONS[method]) if method in CODE_VERSIONS else ""
