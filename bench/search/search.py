"""A search as loaded from its YAML at one scale: what it varies, what it optimises, and the run of every proposal."""

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
from bench.scales import ScaleName
from bench.search.objectives import Constraint, Objective
from bench.search.schema import FRESH, Pruner, SearchFile
from bench.search.space import Assigned, Part
from bench.store.run_store import run_id
from bench.study.axes import merge_deep, paths_overlap
from bench.study.layers import Layer, merge, nested
from bench.study.study import Run, method_code
from bench.study.yaml_lines import Key, Located, dotted


@dataclass(frozen=True)
class SearchArguments:
    """The arguments of `load_search`: plain values that travel to the workers, which load the search themselves."""

    path: Path
    scale: ScaleName = "small"
    data: str | None = None
    overrides: tuple[str, ...] = ()
    trials: int | None = None

    @property
    def options(self) -> list[str]:
        """Trials, data and overrides as written on the command line."""
        trials = ["--trials", str(self.trials)] if self.trials is not None else []
        return trials + (["--data", self.data] if self.data is not None else []) + list(self.overrides)


@dataclass(frozen=True, eq=False)
class Search:
    """A search at one scale."""

    arguments: SearchArguments
    located: Located
    file: SearchFile
    """The YAML's content with the counts of the scale."""
    layers: list[Layer]
    """The layers of the default config, without those of the command line."""
    command_line: list[Layer]
    space: list[Part]
    objectives: list[Objective]
    constraints: list[Constraint]
    pruner: Pruner

    @property
    def path(self) -> Path:
        return self.arguments.path

    @property
    def scale(self) -> ScaleName:
        return self.arguments.scale

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def seeds(self) -> list[int]:
        """The training seeds of every trial."""
        return list(range(self.file.seeds))

    @property
    def fresh_seeds(self) -> list[int]:
        """The training seeds of the final comparison; no trial uses them."""
        assert self.file.confirm.seeds is not None
        return [FRESH + index for index in range(self.file.confirm.seeds)]

    @property
    def metrics(self) -> list[str]:
        """The objectives that are scores."""
        return [objective.quantity for objective in self.objectives if not objective.is_cost]

    @property
    def cost_objectives(self) -> list[str]:
        """The objectives that are costs."""
        return [objective.quantity for objective in self.objectives if objective.is_cost]

    @property
    def constrained(self) -> list[str]:
        """The costs that have a bound."""
        return [constraint.quantity for constraint in self.constraints]

    @property
    def command(self) -> str:
        """The command that repeats the search."""
        path, here = self.path.resolve(), Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else self.path
        return shlex.join(["bench", "search", shown.as_posix(), "--scale", self.scale, *self.arguments.options])

    @cached_property
    def study_name(self) -> str:
        """The name of the Optuna study. Commands share trials exactly if they share this name, so it hashes whatever
        makes trials comparable, and leaves out the number of trials, the timeout and the final comparison."""
        content = self.file.model_dump(mode="json", include={"sampler", "seeds", "seed", "constraints"})
        content |= {
            "space": self.file.space,
            "objectives": [(o.quantity, o.direction) for o in self.objectives],
            "pruner": self.pruner,
            "default": self.default.identity(),
            "data": _data_fingerprint(self.default.data),
            "checks": self.default.train.validations,
        }
        if code := method_code(self.default.method):
            content["code"] = code
        # Peak memory has a version like a metric: trials measured under different versions do not compare.
        if "training_peak_bytes" in {*self.constrained, *self.cost_objectives}:
            content["peak"] = PEAK_VERSION
        digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:8]
        return f"{self.name}-{self.scale}-{digest}"

    @cached_property
    def default(self) -> RunConfig:
        """The config without a proposal, judged as trials are."""
        return self.config({})

    def config(self, assigned: Assigned) -> RunConfig:
        """The config of a trial. Raises InputError, which points at the YAML value that makes it invalid."""
        judged = search_layer({"data": {"score_on": "validation"}, "seed": 0})
        return merge([*self.layers, *self.command_line, self._proposal_layer(assigned), judged])

    def config_of(self, changes: dict[str, Any]) -> RunConfig:
        """The config of a trial from its recorded changes. Raises InputError."""
        return self.config({path: (value, ("space", path)) for path, value in changes.items()})

    def confirmed_default(self) -> RunConfig:
        """The default config in the final comparison. Raises InputError."""
        changes = self.file.confirm.base
        for section in ("seed", "method", "task", "generator", "tiling", "discriminator", "loss"):
            if section in changes:
                raise self.located.error(
                    ("confirm", "base", section),
                    "would change the question that the trials answer; only data and train may differ",
                )
        own = Layer(changes, lambda at, problem: self.located.error(("confirm", "base", *at), problem))
        judged = search_layer({"data": {"score_on": "test"}})
        return merge([*self.layers, own, *self.command_line, judged])

    def run(self, config: RunConfig, label: str) -> Run:
        """The run of a trial's config; the config carries the seed."""
        return Run(run_id(config, _data_fingerprint(config.data), method_code(config.method)), label, config)

    def _proposal_layer(self, assigned: Assigned) -> Layer:
        """One layer of everything that a trial sets, so that the order in the YAML does not matter."""
        values: dict[str, Any] = {}
        for path, (value, _) in assigned.items():
            values = merge_deep(values, nested(path, value))

        def error(where: Key, problem: str) -> InputError:
            to_blame = next((path for path in assigned if paths_overlap(path, dotted(where))), None) if where else None
            if to_blame is None:  # the values are invalid only together
                shown = ", ".join(f"{path}={value}" for path, (value, _) in assigned.items())
                return self.located.error(("space",), f"with {shown}: {problem}" if shown else problem)
            value, at = assigned[to_blame]
            return self.located.error(at, f"{value!r}: {problem}")

        return Layer(values, error)


def search_layer(values: dict[str, Any]) -> Layer:
    """A layer of values that the search sets, not its YAML."""
    return Layer(values, lambda at, problem: InputError(problem))


@lru_cache(maxsize=64)
def _data_fingerprint(data: DataConfig) -> str:
    return open_dataset(data).fingerprint
