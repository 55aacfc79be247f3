"""A search: YAML and overrides in, the configs and runs of its trials out."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import UNTRAINED
from bench.config import DataConfig, RunConfig
from bench.data.dataset import open_dataset
from bench.errors import InputError
from bench.measure import PEAK_VERSION
from bench.measure.metrics import METRICS
from bench.scales import SCALES
from bench.search.file import FRESH, Pruner, SearchFile, SearchOverlay, study_of
from bench.search.goals import Constraint, Objective, choose_pruner, read_constraints, read_objectives
from bench.search.space import Assigned, Part, check_space, read_space, size
from bench.store.run_store import run_id
from bench.study.axes import leaves_meet, merge_deep
from bench.study.layers import Layer, check_top, layers_of, merge, nested, parse_override
from bench.study.load import control_layers
from bench.study.schema import ScaleName, check_name
from bench.study.shipped import as_called, file_of
from bench.study.study import Run, method_code
from bench.study.variants import MOST_RUNS, unknown_method
from bench.study.yaml_lines import Key, Located, dotted, explain, nearest

MOST_POINTS, MOST_ASKED = 10_000, 1_000_000  # of a grid; where the command line says how many trials
CHECKS = 5  # validation points of a trial that may be pruned at them, unless the base says otherwise


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
            to_blame = next((path for path in assigned if leaves_meet(path, dotted(where))), None) if where else None
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


def load_search(
    path: Path,
    scale: ScaleName = "small",
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    trials: int | None = None,
) -> Search:
    """Read a search; `path` may be the bare name of a shipped one. Raises InputError; writes nothing."""
    located, path = Located(file_of(path)), as_called(path)
    check_name(path)
    file = _read(located).at(scale)
    if trials is None:
        _check_size(file, located)
    else:
        file = file.model_copy(update={"trials": trials})
    space = read_space(located, file.space)
    objectives = read_objectives(file, located)
    pruner = choose_pruner(file, objectives, located)
    layers, command_line = _layers(file, pruner, located, scale, data, _overrides(overrides, file, located))
    search = Search(
        path=path,
        file=file,
        scale=scale,
        layers=layers,
        command_line=command_line,
        space=space,
        objectives=objectives,
        constraints=read_constraints(file, located),
        pruner=pruner,
        located=located,
        recipe=(path, scale, data, overrides, trials),
    )
    if file.sampler == "grid":
        if (points := size(space)) is None:
            raise located.error(("sampler",), "a grid needs ranges that end: give those of the space a step, or lists")
        if points > (MOST_POINTS if trials is None else MOST_ASKED):
            most = f"{MOST_POINTS:,}, or {MOST_ASKED:,} of which --trials N says how many"
            raise located.error(("sampler",), f"these are {points:,} points; the most of a grid is {most}")
    for other in SCALES:  # a mistake there would else be found late
        if other != scale and getattr(file.scales, other) != SearchOverlay():
            merge(_layers(file, pruner, located, other, None, {})[0])
    search.config({})  # a mistake in the base is none of the space
    check_space(space, located, search.config)
    _check_method(search)
    return search


def _check_size(file: SearchFile, located: Located) -> None:
    """A file may not ask for more runs than a study; the command line may. Raises InputError with the size."""
    if (runs := file.trials * file.seeds) > MOST_RUNS:
        size = f"{file.trials:,} trials x {file.seeds:,} seeds are {runs:,} runs"
        raise located.error(
            ("trials",), f"{size}; the most is {MOST_RUNS:,} unless you ask with --trials {file.trials}"
        )


def _own(values: dict[str, Any]) -> Layer:
    """What the search itself sets."""
    return Layer(values, lambda at, problem: InputError(problem))


def _read(located: Located) -> SearchFile:
    if "axes" in located.content and "space" not in located.content:
        raise located.error(
            ("axes",), "this is a study; run it with bench run, or name it in a search as `study: PATH` with a `space`"
        )
    try:
        return SearchFile.model_validate(located.content)
    except ValidationError as error:
        at, problem = explain(error, SearchFile)[0]
        raise located.error(at, problem) from None


def _overrides(texts: tuple[str, ...], file: SearchFile, located: Located) -> dict[str, Any]:
    found = {}
    for text in texts:
        key, value = parse_override(text)
        check_top(key, ())
        for path in _leaves(file.space):
            if leaves_meet(path, key):
                raise InputError(f"command line: {text}: {path} is in the space of {located.path}; change it there")
        if key == "seed" or key == "data.score_on":
            raise InputError(f"command line: {text}: a search sets {key} itself")
        found[key] = value
    return found


def _leaves(space: dict[str, Any]) -> list[str]:
    """Keys of the space and its blocks; those that are no paths meet no override."""
    found = []
    for key, value in space.items():
        found.append(str(key))
        if isinstance(value, dict) and not {"low", "high"} & set(value):
            found += [leaf for block in value.values() if isinstance(block, dict) for leaf in _leaves(block)]
    return found


def _layers(
    file: SearchFile,
    pruner: Pruner,
    located: Located,
    scale: ScaleName,
    data: str | None,
    overrides: dict[str, Any],
) -> tuple[list[Layer], list[Layer]]:
    """Those of the default (the scale's, how often a trial is looked at, the study's, the file's), and the command
    line's."""
    overlay = getattr(file.scales, scale).base
    for at, values in {("base",): file.base, ("scales", scale, "base"): overlay}.items():
        if "seed" in values:
            raise located.error((*at, "seed"), "is what `seeds` varies")
        if isinstance(values.get("data"), dict) and "score_on" in values["data"]:
            raise located.error((*at, "data", "score_on"), "is what the search itself sets")
    lowest, base, over, *command_line = layers_of(file.base, overlay, located, scale, data, overrides)
    between = []
    if file.study is not None:
        between = control_layers(study_of(located, file.study), scale)
    looks = {"train": {"validations": CHECKS if pruner in ("median", "hyperband") else 1}}
    return [lowest, _own(looks), *between, base, over], command_line


def _check_method(search: Search) -> None:
    """The default's method and task, against the objectives; and the names of the comparison at the end."""
    file, located, config = search.file, search.located, search.default
    search.confirmed_default()
    if problem := unknown_method(config.method):
        raise located.error(("base", "method"), problem)
    if config.method in UNTRAINED:
        raise located.error(("base", "method"), f"{config.method} is not trained, so that there is nothing to search")
    for objective in search.objectives:
        if (
            objective.quantity in METRICS
            and METRICS[objective.quantity].needs == "mask"
            and config.task.name != "inpainting"
        ):
            raise located.error(("objectives", objective.quantity), "needs a task with a hole: inpainting")
    for index, name in enumerate(file.confirm.baselines):
        if problem := unknown_method(name):
            raise located.error(("confirm", "baselines", index), problem)
    for index, name in enumerate(file.confirm.metrics):
        if name not in METRICS:
            raise located.error(("confirm", "metrics", index), f"{name!r} is unknown; {nearest(name, list(METRICS))}")
