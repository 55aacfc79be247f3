"""A study: YAML and overrides in, variants and runs out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import CODE_VERSIONS, PARAMETER_FREE
from baselines.cards import CARDS
from baselines.custom import fingerprint, is_outside
from baselines.weights import base_of
from bench.axes import SEED, Axis, control_choices, read_axes
from bench.config import DataConfig, RunConfig
from bench.data.advice import advice
from bench.data.dataset import Dataset, open_dataset
from bench.errors import InputError
from bench.hypothesis import Hypothesis, Side, parse_hypotheses
from bench.measure.metrics import METRICS
from bench.merging import Layer, check_top, nested, parse_override
from bench.scales import SCALES
from bench.shipped import as_called, file_of
from bench.store import run_id
from bench.study_file import Claim, Overlay, ScaleName, StudyFile, check_name
from bench.variants import MOST_RUNS, Variant, check_size, make_variants, seeds_of, unknown_method
from bench.yaml_lines import Located, dotted, explain, nearest


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


def load_study(
    path: Path,
    scale: ScaleName = "small",
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    max_runs: int = MOST_RUNS,
) -> Study:
    """Read a study. `path` may be the bare name of a shipped one; `data` is a data set's name or a folder. Raises
    InputError; writes nothing."""
    located, path = Located(file_of(path)), as_called(path)
    check_name(path)
    file, config_overrides = _apply_to_study(read_study_file(located), scale, overrides)
    check_size(file, located, scale, max_runs)
    axes = read_axes(file, located, scale)
    _check_overrides(config_overrides, axes, located)
    layers = layers_of(file.base, getattr(file.scales, scale).base, located, scale, data, config_overrides)
    _check_names(file, located)
    _check_other_scales(file, located, scale, max_runs)
    control = control_choices(file, located, axes)
    variants = make_variants(file, located, layers, axes, control)
    _check_scores(file, located, variants)
    seeds = list(seeds_of(file, scale))
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


def read_study_file(located: Located) -> StudyFile:
    """The YAML's keys, checked. Raises InputError."""
    if "space" in located.content:
        raise located.error(("space",), f"this is a search; give it to bench search, as `bench search {located.path}`")
    content, section = located.content, located.marks.numbers.get(("claim", "section"))
    if section is not None:  # 3.10 is not 3.1
        content = content | {"claim": content["claim"] | {"section": section}}
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        at, problem = explain(error, StudyFile)[0]
        raise located.error(at, problem) from None


def _check_other_scales(file: StudyFile, located: Located, scale: ScaleName, most: int) -> None:
    """What the file says of scales that are not asked for: a mistake there would else be found late."""
    for other in SCALES:
        if other != scale and getattr(file.scales, other) != Overlay():
            check_size(file, located, other, most)
            axes = read_axes(file, located, other)
            layers = layers_of(file.base, getattr(file.scales, other).base, located, other)
            make_variants(file, located, layers, axes, control_choices(file, located, axes))


def _side(variant: Variant) -> Side:
    config = variant.config
    return Side(config.task.name, variant.is_trained, has_networks=config.method not in PARAMETER_FREE)


def _apply_to_study(file: StudyFile, scale: ScaleName, overrides: tuple[str, ...]) -> tuple[StudyFile, dict[str, Any]]:
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
        (changes if key in own else rest)[key] = value
    try:
        return StudyFile.model_validate(file.model_dump() | changes), rest
    except ValidationError as error:
        at, problem = explain(error, StudyFile)[0]
        raise InputError(f"command line: {dotted(at)}: {problem}") from None


def _check_overrides(overrides: dict[str, Any], axes: list[Axis], located: Located) -> None:
    for key, value in overrides.items():
        for axis in axes:
            if axis.touches(key):
                raise InputError(
                    f"command line: {key}={value}: {axis.name} is an axis of {located.path}; change it there"
                )


def layers_of(
    base: dict[str, Any],
    overlay: dict[str, Any],
    located: Located,
    scale: ScaleName,
    data: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> list[Layer]:
    """The layers of a file's config: the scale, the file's base, its overlay at the scale, then the command line."""
    return [
        scale_layer(scale),
        Layer(base, lambda at, problem: located.error(("base", *at), problem)),
        Layer(overlay, lambda at, problem: located.error(("scales", scale, "base", *at), problem)),
        *command_layers(data, overrides or {}),
    ]


def scale_layer(scale: ScaleName) -> Layer:
    """What a scale stands for."""
    return Layer(SCALES[scale], lambda at, problem: InputError(f"scale {scale}: {dotted(at)}: {problem}"))


def command_layers(data: str | None, overrides: dict[str, Any]) -> list[Layer]:
    """What the command line lays over everything: --data, then key=value."""
    layers = []
    if data is not None:
        if not data.isprintable():
            raise InputError(f"command line: --data {data!r} cannot be printed, as reports do; rename the folder")
        chosen = {"name": data} if data in ("photos", "places365") else {"name": "folder", "path": data}
        layers.append(Layer({"data": chosen}, lambda at, problem: InputError(f"--data {data}: {problem}")))
    return layers + [_command_line(key, value) for key, value in overrides.items()]


def control_layers(path: Path, scale: ScaleName) -> list[Layer]:
    """What a study says of its control, over the scale: its base, its overlay, the control's choices. Raises
    InputError."""
    located = Located(path)
    file = read_study_file(located)
    choices = control_choices(file, located, read_axes(file, located, scale))
    overlay = getattr(file.scales, scale).base
    return [*layers_of(file.base, overlay, located, scale)[1:], *(choice.layer for choice in choices.values())]


def _command_line(key: str, value: Any) -> Layer:
    return Layer(
        nested(key, value),
        lambda at, problem: InputError(f"command line: {key}={value}: {f'{dotted(at)}: ' if at else ''}{problem}"),
    )


def _check_names(file: StudyFile, located: Located) -> None:
    overlays = {("scales", scale, "base"): getattr(file.scales, scale).base for scale in SCALES}
    for at, values in ({("base",): file.base} | overlays).items():
        if "seed" in values:
            raise located.error((*at, "seed"), SEED)
    for field_name in ("metrics", "baselines"):
        names = getattr(file, field_name)
        for index, name in enumerate(names):
            problem = unknown_method(name) if field_name == "baselines" else _unknown_metric(name)
            if problem:
                raise located.error((field_name, index), problem)
            if name in names[:index]:
                raise located.error((field_name, index), f"{name!r} is given twice")


def _check_scores(file: StudyFile, located: Located, variants: list[Variant]) -> None:
    """A metric of the hole needs one in some variant at least."""
    for index, name in enumerate(file.metrics):
        if METRICS[name].needs == "mask" and all(v.config.task.name == "colorization" for v in variants):
            raise located.error(("metrics", index), f"{name} needs a task with a hole: inpainting")


def _unknown_metric(name: str) -> str | None:
    return None if name in METRICS else f"{name!r} is unknown; {nearest(name, list(METRICS))}"
