"""A study: YAML and overrides in, variants and runs out."""

from __future__ import annotations

import itertools
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import METHODS, PARAMETER_FREE
from bench.config import InputError, RunConfig
from bench.data.dataset import open_dataset
from bench.hypothesis import Hypothesis, parse_hypotheses
from bench.labels import value_labels
from bench.measure.metrics import METRICS
from bench.merging import Layer, blame, check_top, difference, merge, nested, parse_override
from bench.store import run_id
from bench.study_file import SCALES, Claim, Overlay, ScaleName, StudyFile
from bench.yaml_lines import Key, Located, dotted, explain, nearest

MOST_VARIANTS = 1_000
NO_MODEL: dict[str, Any] = {"tiling": {"grid": 1, "context": "none"}, "generator": {"depth": 1}}  # fits every size


@dataclass(frozen=True)
class Variant:
    """A point of the axes, or a baseline; its config's seed is not yet a run's."""

    label: str
    config: RunConfig
    axes: dict[str, Any]
    is_baseline: bool = False

    @property
    def has_parameters(self) -> bool:
        """Whether it is trained and so differs by seed."""
        return self.config.method not in PARAMETER_FREE


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
        """The command that regenerates the report."""
        return shlex.join(["bench", "run", self.path.as_posix(), "--scale", self.scale, *self.arguments])

    def runs(self) -> list[Run]:
        """Every run, seed by seed, so that an interruption leaves whole comparisons behind and what is timed is
        interleaved. A method without parameters has one run. Opens the data set, for its fingerprint."""
        found = []
        data = {variant.config.data for variant in self.variants}
        fingerprints = {config: open_dataset(config).fingerprint for config in data}
        for seed in self.seeds:
            for variant in self.variants:
                if variant.has_parameters or seed == self.seeds[0]:
                    config = variant.config.model_copy(update={"seed": seed if variant.has_parameters else 0})
                    found.append(Run(run_id(config, fingerprints[config.data]), variant.label, config))
        return found


def load_study(
    path: Path, scale: ScaleName = "small", data: str | None = None, overrides: tuple[str, ...] = ()
) -> Study:
    """Read a study. `data` is a data set's name or a folder. Raises InputError; writes nothing."""
    located = Located(path)
    try:
        file = StudyFile.model_validate(located.content)
    except ValidationError as error:
        at, problem = explain(error, StudyFile)[0]
        raise located.error(at, problem) from None
    file, config_overrides = _apply_to_study(file, located, scale, overrides)
    layers = _layers(file, located, scale, data, config_overrides)
    _check_names(file, located)
    _check_axes(file, located)
    control_values = _control_values(file, located)
    variants = _variants(file, located, layers, control_values)
    arguments = (["--data", data] if data is not None else []) + list(overrides)
    return Study(
        path=path,
        title=file.title,
        claim=file.claim,
        scale=scale,
        variants=variants,
        seeds=list(range(file.seeds)) if isinstance(file.seeds, int) else file.seeds,
        metrics=file.metrics,
        hypotheses=parse_hypotheses(file, located, [v.label for v in variants]),
        arguments=arguments,
    )


def _apply_to_study(
    file: StudyFile, located: Located, scale: ScaleName, overrides: tuple[str, ...]
) -> tuple[StudyFile, dict[str, Any]]:
    """The file with its seeds, baselines and metrics overridden, and the overrides left for the config."""
    own = ("seeds", "baselines", "metrics")
    overlay: Overlay = getattr(file.scales, scale)
    changes: dict[str, Any] = {} if overlay.seeds is None else {"seeds": overlay.seeds}
    rest: dict[str, Any] = {}
    for text in overrides:
        key, value = parse_override(text)
        check_top(key, own)
        if key == "seed":
            raise InputError(f"command line: {text}: write seeds=[...] instead")
        for axis in file.axes:
            if f"{axis}.".startswith(f"{key}.") or f"{key}.".startswith(f"{axis}."):
                raise InputError(f"command line: {text}: {axis} is an axis of {located.path}; change it there")
        (changes if key in own else rest)[key] = value
    try:
        return StudyFile.model_validate(file.model_dump() | changes), rest
    except ValidationError as error:
        at, problem = explain(error, StudyFile)[0]
        raise InputError(f"command line: {dotted(at)}: {problem}") from None


def _layers(
    file: StudyFile, located: Located, scale: ScaleName, data: str | None, overrides: dict[str, Any]
) -> list[Layer]:
    overlay: Overlay = getattr(file.scales, scale)
    layers = [
        Layer(SCALES[scale], lambda at, problem: InputError(f"scale {scale}: {dotted(at)}: {problem}")),
        Layer(file.base, lambda at, problem: located.error(("base", *at), problem)),
        Layer(overlay.base, lambda at, problem: located.error(("scales", scale, "base", *at), problem)),
    ]
    if data is not None:
        chosen = {"name": data} if data in ("photos", "places365") else {"name": "folder", "path": data}
        layers.append(Layer({"data": chosen}, lambda at, problem: InputError(f"--data {data}: {problem}")))
    for key, value in overrides.items():
        layers.append(_command_line(key, value))
    return layers


def _command_line(key: str, value: Any) -> Layer:
    return Layer(
        nested(key, value),
        lambda at, problem: InputError(f"command line: {key}={value}: {dotted(at)}: {problem}"),
    )


def _check_names(file: StudyFile, located: Located) -> None:
    for field_name, allowed in (("metrics", list(METRICS)), ("baselines", list(METHODS))):
        names = getattr(file, field_name)
        for index, name in enumerate(names):
            if name not in allowed:
                raise located.error((field_name, index), f"{name!r} is unknown; {nearest(name, allowed)}")
            if name in names[:index]:
                raise located.error((field_name, index), f"{name!r} is given twice")


def _check_axes(file: StudyFile, located: Located) -> None:
    """Every axis is the path of a config field, and the seed is not set apart from `seeds`."""
    if "seed" in file.base:
        raise located.error(("base", "seed"), "is what `seeds` varies; write seeds: [0, 1, ...] instead")
    for axis in file.axes:
        if axis == "seed":
            raise located.error(("axes", axis), "is what `seeds` varies; write seeds: [0, 1, ...] instead")
        section: Any = RunConfig
        for part in axis.split("."):
            fields = list(getattr(section, "model_fields", {}))
            if part not in fields:
                what = (
                    f"unknown key; {nearest(part, fields)}" if fields else "lies inside a value; name the field itself"
                )
                raise located.error(("axes", axis), what)
            section = section.model_fields[part].annotation


def _control_values(file: StudyFile, located: Located) -> dict[str, Any]:
    for axis in file.control:
        if axis not in file.axes:
            raise located.error(("control", axis), f"is not an axis; {nearest(axis, list(file.axes))}")
    for axis, values in file.axes.items():
        if axis not in file.control:
            raise located.error(("control",), f"does not say the value of the axis {axis}")
        if file.control[axis] not in values:
            shown = ", ".join(map(str, values))
            raise located.error(("control", axis), f"{file.control[axis]!r} is not on the axis; allowed: {shown}")
    return file.control


def _variants(file: StudyFile, located: Located, layers: list[Layer], control_values: dict[str, Any]) -> list[Variant]:
    count = math.prod(len(values) for values in file.axes.values())
    if count > MOST_VARIANTS:
        raise located.error(("axes",), f"these are {count:,} variants; the most is {MOST_VARIANTS:,}")
    labels = value_labels(file.axes)
    made = []
    for indices in itertools.product(*(range(len(values)) for values in file.axes.values())):
        chosen = {axis: values[i] for (axis, values), i in zip(file.axes.items(), indices, strict=True)}
        over = [_axis_layer(located, axis, i, chosen[axis]) for axis, i in zip(file.axes, indices, strict=True)]
        label = ", ".join(labels[axis][i] for axis, i in zip(file.axes, indices, strict=True))
        made.append(Variant(label, _merged([*layers, *over]), chosen))
    made.sort(key=lambda variant: variant.axes != control_values)  # the control first, the rest in the file's order
    control = made[0]
    for index, variant in enumerate(made):
        _check_difference(variant, control, located)
        same = next((v for v in made[:index] if v.config.identity() == variant.config.identity()), None)
        if same is not None:
            raise located.error(("axes",), f"the variants {same.label} and {variant.label} are the same")
    for name in file.baselines:
        baseline = _baseline(name, layers, located)
        if any(v.label == name or v.config.identity() == baseline.config.identity() for v in made):
            raise located.error(("baselines",), f"{name} is a variant already")
        made.append(baseline)
    return made


def _merged(layers: list[Layer]) -> RunConfig:
    """The config, with a method that there is."""
    config = merge(layers)
    if config.method not in METHODS:
        unknown = f"{config.method!r} is unknown; {nearest(config.method, list(METHODS))}"
        raise blame(layers, ("method",))(("method",), unknown)
    return config


def _axis_layer(located: Located, axis: str, index: int, value: Any) -> Layer:
    depth = len(axis.split("."))

    def error(at: Key, problem: str) -> InputError:
        if len(at) < depth:  # a sum of several fields is wrong, not this one alone
            return located.error(("axes", axis, index), f"with this value {problem}")
        return located.error(("axes", axis, index, *at[depth:]), problem)

    return Layer(nested(axis, value), error)


def _check_difference(variant: Variant, control: Variant, located: Located) -> None:
    """Only the axes differ: the resolved configs may not differ anywhere else (design rule 4)."""
    for path in difference(variant.config, control.config):
        if not any(f"{path}.".startswith(f"{axis}.") for axis in variant.axes):
            raise located.error(("axes",), f"the variant {variant.label} also changes {path}; make it an axis")


def _baseline(name: str, layers: list[Layer], located: Located) -> Variant:
    def error(at: Key, problem: str) -> InputError:
        return located.error(("baselines",), f"{name}: {dotted(at)}: {problem}")

    config = merge([*layers, Layer({"method": name}, error)])
    if name in PARAMETER_FREE:  # what it does depends on the task and the data alone
        config = RunConfig(method=name, task=config.task, data=config.data, **NO_MODEL)
    return Variant(name, config, {"method": name}, is_baseline=True)
