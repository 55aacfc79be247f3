"""A study: YAML and overrides in, variants and runs out."""

from __future__ import annotations

import itertools
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import METHODS, ONLY_FOR, PARAMETER_FREE, UNTRAINED
from baselines.cards import CARDS
from baselines.outside import fingerprint, is_outside, source_of
from baselines.weights import base_of
from bench.axes import Axis, Choice, control_choices, read_axes
from bench.config import InputError, RunConfig
from bench.data.dataset import open_dataset
from bench.hypothesis import Hypothesis, Side, parse_hypotheses
from bench.measure.metrics import METRICS
from bench.merging import Layer, blame, check_top, difference, merge, nested, parse_override
from bench.store import run_id
from bench.study_file import SCALES, SEEDS, Claim, Overlay, ScaleName, StudyFile
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
    def is_trained(self) -> bool:
        """Whether it is trained and so differs by seed."""
        return self.config.method not in UNTRAINED


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
        """The command that regenerates the report."""
        return shlex.join(["bench", "run", self.path.as_posix(), "--scale", self.scale, *self.arguments])

    def _seeds_of(self, variant: Variant) -> list[int]:
        if not variant.is_trained:
            return self.seeds[:1]
        return self.baseline_seeds if variant.is_baseline else self.seeds

    def runs(self) -> list[Run]:
        """Every run, seed by seed, so that an interruption leaves whole comparisons behind and what is timed is
        interleaved. A method without parameters has one run. Opens the data set, for its fingerprint."""
        found = []
        fingerprints = {v.config.data: open_dataset(v.config.data).fingerprint for v in self.variants}
        for seed in self.seeds:
            for variant in self.variants:
                if seed in self._seeds_of(variant):
                    config = variant.config.model_copy(update={"seed": seed if variant.is_trained else 0})
                    data = fingerprints[config.data]
                    found.append(Run(run_id(config, data, _code(config.method)), variant.label, config))
        return found


def _code(method: str) -> str:
    """What of a method lies outside the repository: the file that defines it, or its authors' weights."""
    if is_outside(method):
        return fingerprint(method)
    base = base_of(method)
    weights = CARDS[base].weights if base else None
    return weights.sha256 if weights else ""


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
    axes = read_axes(file, located, scale)
    file, config_overrides = _apply_to_study(file, located, scale, overrides, axes)
    layers = _layers(file, located, scale, data, config_overrides)
    _check_names(file, located)
    control = control_choices(file, located, axes)
    variants = _variants(file, located, layers, axes, control)
    _check_scores(file, located, variants)
    given = SEEDS[scale] if file.seeds is None else file.seeds
    seeds = given if isinstance(given, list) else list(range(given))
    arguments = (["--data", data] if data is not None else []) + list(overrides)
    return Study(
        path=path,
        title=file.title,
        claim=file.claim,
        scale=scale,
        variants=variants,
        seeds=seeds,
        baseline_seeds=seeds[: file.baseline_seeds],
        metrics=file.metrics,
        hypotheses=parse_hypotheses(file, located, {v.label: _side(v) for v in variants}),
        arguments=arguments,
    )


def _side(variant: Variant) -> Side:
    config = variant.config
    return Side(config.task.name, variant.is_trained, has_networks=config.method not in PARAMETER_FREE)


def _apply_to_study(
    file: StudyFile, located: Located, scale: ScaleName, overrides: tuple[str, ...], axes: list[Axis]
) -> tuple[StudyFile, dict[str, Any]]:
    """The file with its seeds, baselines and metrics overridden, and the overrides left for the config."""
    own = ("seeds", "baselines", "baseline_seeds", "metrics")
    overlay: Overlay = getattr(file.scales, scale)
    changes = {k: v for k in ("seeds", "baseline_seeds") if (v := getattr(overlay, k)) is not None}
    rest: dict[str, Any] = {}
    for text in overrides:
        key, value = parse_override(text)
        check_top(key, own)
        if key == "seed":
            raise InputError(f"command line: {text}: write seeds=[...] instead")
        for axis in axes:
            if axis.touches(key):
                raise InputError(f"command line: {text}: {axis.name} is an axis of {located.path}; change it there")
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
    if "seed" in file.base:
        raise located.error(("base", "seed"), "is what `seeds` varies; write seeds: [0, 1, ...] instead")
    for field_name in ("metrics", "baselines"):
        names = getattr(file, field_name)
        for index, name in enumerate(names):
            problem = _unknown_method(name) if field_name == "baselines" else _unknown(name, list(METRICS))
            if problem:
                raise located.error((field_name, index), problem)
            if name in names[:index]:
                raise located.error((field_name, index), f"{name!r} is given twice")


def _variants(
    file: StudyFile, located: Located, layers: list[Layer], axes: list[Axis], control: dict[str, Choice]
) -> list[Variant]:
    count = math.prod(len(axis.choices) for axis in axes)
    if count > MOST_VARIANTS:
        raise located.error(("axes",), f"these are {count:,} variants; the most is {MOST_VARIANTS:,}")
    made = []
    for choices in itertools.product(*(axis.choices for axis in axes)):
        config = _merged([*layers, *(choice.layer for choice in choices)])
        chosen = {axis.name: choice.value for axis, choice in zip(axes, choices, strict=True)}
        made.append(Variant(", ".join(choice.label for choice in choices), config, chosen))
    controls = {name: choice.value for name, choice in control.items()}
    made.sort(key=lambda variant: variant.axes != controls)  # the control first, the rest in the file's order
    for index, variant in enumerate(made):
        _check_difference(variant, made[0], axes, located)
        _check_task(variant, located, ("axes",))
        for other in made[:index]:
            if other.config.identity() == variant.config.identity():
                raise located.error(("axes",), f"the variants {other.label} and {variant.label} are the same")
            if other.label == variant.label:
                raise located.error(("axes",), f"two variants are called {variant.label}; name their values")
    for name in file.baselines:
        baseline = _baseline(name, layers, located)
        if any(v.label == name or v.config.identity() == baseline.config.identity() for v in made):
            raise located.error(("baselines",), f"{name} is a variant already")
        _check_task(baseline, located, ("baselines",))
        made.append(baseline)
    return made


def _check_task(variant: Variant, located: Located, at: Key) -> None:
    method, task = variant.config.method, variant.config.task.name
    if task not in ONLY_FOR.get(method, (task,)):
        raise located.error(at, f"{method} does {' and '.join(ONLY_FOR[method])}, not {task}")


def _check_scores(file: StudyFile, located: Located, variants: list[Variant]) -> None:
    """A metric of the hole needs one in some variant at least."""
    for index, name in enumerate(file.metrics):
        if METRICS[name].needs == "mask" and all(v.config.task.name == "colorization" for v in variants):
            raise located.error(("metrics", index), f"{name} needs a task with a hole: inpainting")


def _merged(layers: list[Layer]) -> RunConfig:
    """The config, with a method that there is."""
    config = merge(layers)
    if problem := _unknown_method(config.method):
        raise blame(layers, ("method",))(("method",), problem)
    return config


def _unknown(name: str, allowed: list[str]) -> str | None:
    return None if name in allowed else f"{name!r} is unknown; {nearest(name, allowed)}"


def _unknown_method(name: str) -> str | None:
    """What is wrong with a method's name, if anything."""
    if not is_outside(name):
        return _unknown(name, list(METHODS))
    try:
        source_of(name)
    except ValueError as error:
        return str(error)
    return None


def _check_difference(variant: Variant, control: Variant, axes: list[Axis], located: Located) -> None:
    """Only the axes differ: the resolved configs may not differ anywhere else (design rule 4)."""
    for path in difference(variant.config, control.config):
        if not any(f"{path}.".startswith(f"{may}.") for axis in axes for may in axis.paths):
            raise located.error(("axes",), f"the variant {variant.label} also changes {path}; make it an axis")


def _baseline(name: str, layers: list[Layer], located: Located) -> Variant:
    def error(at: Key, problem: str) -> InputError:
        return located.error(("baselines",), f"{name}: {dotted(at)}: {problem}")

    config = merge([*layers, Layer({"method": name}, error)])
    if name in UNTRAINED:  # what it does depends on the task and the data alone
        config = RunConfig(method=name, task=config.task, data=config.data, **NO_MODEL)
    return Variant(name, config, {"method": name}, is_baseline=True)
