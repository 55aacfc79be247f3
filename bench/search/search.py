"""A search: its space, objectives, settings and where its runs go."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bench.config import DataConfig, RunConfig
from bench.data.dataset import open_dataset
from bench.errors import InputError
from bench.measure import PEAK_VERSION
from bench.search.objectives import Constraint, Objective
from bench.search.schema import FRESH, Pruner, SearchFile
from bench.search.space import Assigned, Part
from bench.store.run_store import run_id
from bench.study.axes import merge_deep, paths_overlap
from bench.study.layers import Layer, merge, nested
from bench.study.schema import ScaleName
from bench.study.study import Run, method_code
from bench.study.yaml_lines import Key, Located, dotted


@dataclass(frozen=True, eq=False)
class Search:
    """A search at one scale."""

    path: Path
    file: SearchFile
    """With the scale's counts."""
    scale: ScaleName
    layers: list[Layer]
    """Of the default, without the command line's."""
    command_line: list[Layer]
    space: list[Part]
    objectives: list[Objective]
    constraints: list[Constraint]
    pruner: Pruner
    located: Located
    recipe: tuple[Path, ScaleName, str | None, tuple[str, ...], int | None]
    """The arguments of load_search that give this again."""

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def arguments(self) -> list[str]:
        """Data and overrides as given on the command line."""
        _, _, data, overrides, trials = self.recipe
        asked = ["--trials", str(trials)] if trials is not None else []
        return asked + (["--data", data] if data is not None else []) + list(overrides)

    @property
    def seeds(self) -> list[int]:
        """Of each trial."""
        return list(range(self.file.seeds))

    @property
    def fresh_seeds(self) -> list[int]:
        """Of the comparison at the end."""
        assert self.file.confirm.seeds is not None
        return [FRESH + index for index in range(self.file.confirm.seeds)]

    @property
    def metrics(self) -> list[str]:
        """The objectives that are scores."""
        return [objective.quantity for objective in self.objectives if not objective.is_cost]

    @property
    def command(self) -> str:
        """The command that makes all of it again."""
        path, here = self.path.resolve(), Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else self.path
        return shlex.join(["bench", "search", shown.as_posix(), "--scale", self.scale, *self.arguments])

    @cached_property
    def fingerprint(self) -> str:
        """Of the photographs that the default sees."""
        return _fingerprint(self.default.data)

    @cached_property
    def study_name(self) -> str:
        """Of the Optuna study: the same for all commands that may share its trials. Only how many trials there are, for
        how long, and what is compared at the end may change."""
        content = self.file.model_dump(mode="json", include={"sampler", "seeds", "seed", "constraints"})
        content |= {
            "space": self.file.space,
            "objectives": [(o.quantity, o.direction) for o in self.objectives],
            "pruner": self.pruner,
            "default": self.default.identity(),
            "data": self.fingerprint,
            "checks": self.default.train.validations,
        }
        if code := method_code(self.default.method):
            content["code"] = code
        if "training_peak_bytes" in {c.quantity for c in self.constraints} | {o.quantity for o in self.objectives}:
            content["peak"] = PEAK_VERSION
        digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:8]
        return f"{self.name}-{self.scale}-{digest}"

    @cached_property
    def default(self) -> RunConfig:
        """The config without a proposal, as trials are judged."""
        return self.config({})

    def config(self, assigned: Assigned, seed: int = 0) -> RunConfig:
        """The config of a trial. Raises InputError, with the place in the YAML of a value that makes it invalid."""
        judged: dict[str, Any] = {"data": {"score_on": "validation"}, "seed": seed}
        last = _own(judged)
        return merge([*self.layers, *self.command_line, self._proposal(assigned), last])

    def config_of(self, changes: dict[str, Any]) -> RunConfig:
        """The config of a trial by what it was recorded to set. Raises InputError."""
        return self.config({path: (value, ("space", path)) for path, value in changes.items()})

    def confirmed_default(self) -> RunConfig:
        """The default in the comparison at the end. Raises InputError."""
        at_end = self.file.confirm.base
        for section in ("seed", "method", "task", "generator", "tiling", "discriminator", "loss"):
            if section in at_end:
                raise self.located.error(
                    ("confirm", "base", section),
                    "would be another question than the trials'; only data and train may differ",
                )
        judged = _own({"data": {"score_on": "test"}})
        own = Layer(at_end, lambda at, problem: self.located.error(("confirm", "base", *at), problem))
        return merge([*self.layers, own, *self.command_line, judged])

    def _proposal(self, assigned: Assigned) -> Layer:
        """One layer of all that a trial sets, so that their order in the YAML does not matter."""
        values: dict[str, Any] = {}
        for path, (value, _) in assigned.items():
            values = merge_deep(values, nested(path, value))

        def error(where: Key, problem: str) -> InputError:
            to_blame = next((path for path in assigned if paths_overlap(path, dotted(where))), None) if where else None
            if to_blame is None:
                shown = ", ".join(f"{path}={value}" for path, (value, _) in assigned.items())
                return self.located.error(("space",), f"with {shown}: {problem}" if shown else problem)
            value, at = assigned[to_blame]
            return self.located.error(at, f"{value!r}: {problem}")

        return Layer(values, error)

    def run(self, config: RunConfig, label: str) -> Run:
        """The run of a trial's config, which carries its seed."""
        return Run(run_id(config, _fingerprint(config.data), method_code(config.method)), label, config)


@lru_cache(maxsize=64)
def _fingerprint(data: DataConfig) -> str:
    return open_dataset(data).fingerprint


def _own(values: dict[str, Any]) -> Layer:
    """What the search itself sets."""
    return Layer(values, lambda at, problem: InputError(problem))
