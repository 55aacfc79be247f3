"""The variants of a study: the points of its axes and its baselines, resolved to configs and checked."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from baselines import METHODS, ONLY_FOR, UNTRAINED
from baselines.custom import is_outside, source_of
from bench.config import RunConfig
from bench.errors import InputError
from bench.scales import SEEDS, ScaleName
from bench.study.axes import Axis, AxisValue
from bench.study.labels import GROUND_TRUTH, INPUT
from bench.study.layers import Layer, blame, difference, merge
from bench.study.schema import StudyFile
from bench.study.yaml_lines import MAX_LETTERS, Key, Located, dotted, suggest

MAX_RUNS = 1_000
"""The most runs of a study, unless more are asked for."""
NO_MODEL: dict[str, Any] = {"tiling": {"grid": 1, "context": "none"}, "generator": {"depth": 1}}
"""The model in the config of a method that has none: it is valid at every image size."""


@dataclass(frozen=True)
class Variant:
    """A point of the axes, or a baseline."""

    label: str
    config: RunConfig
    """The resolved config, in which the seed has no meaning yet."""
    axes: dict[str, Any]
    """Axis -> value; for a baseline `method` alone."""
    is_baseline: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether its method trains, so that its runs differ by seed."""
        return self.config.method not in UNTRAINED


def make_variants(
    file: StudyFile, located: Located, layers: list[Layer], axes: list[Axis], control: dict[str, AxisValue]
) -> list[Variant]:
    """The control first, the rest of the axes' points in the file's order, then the baselines. Raises InputError."""
    variants = []
    for choices in itertools.product(*(axis.choices for axis in axes)):
        config = _resolve([*layers, *(choice.layer for choice in choices)])
        chosen = {axis.name: choice.value for axis, choice in zip(axes, choices, strict=True)}
        variants.append(Variant(", ".join(choice.label for choice in choices), config, chosen))
    of_control = {name: choice.value for name, choice in control.items()}
    variants.sort(key=lambda variant: variant.axes != of_control)  # a stable sort: the rest keeps the file's order
    by_label: dict[str, Variant] = {}
    by_config: dict[str, Variant] = {}
    for variant in variants:
        _check_difference(variant, variants[0], axes, located)
        _check_task(variant, located, ("axes",))
        _check_label(variant.label, located)
        if (other := by_config.setdefault(_identity(variant), variant)) is not variant:
            raise located.error(("axes",), f"the variants {other.label} and {variant.label} are the same")
        if by_label.setdefault(variant.label, variant) is not variant:
            raise located.error(("axes",), f"two variants are called {variant.label}; name their values")
    for name in file.baselines:
        baseline = _make_baseline(name, layers, located)
        if name in by_label or _identity(baseline) in by_config:
            raise located.error(("baselines",), f"{name} is a variant already")
        _check_task(baseline, located, ("baselines",))
        variants.append(baseline)
    return variants


def _check_label(label: str, located: Located) -> None:
    if label in (GROUND_TRUTH, INPUT):
        raise located.error(("axes",), f"{label} labels a picture in reports; give the variant another name")
    if not label.isprintable():
        raise located.error(("axes",), f"{label!r} cannot be printed; give the variant another name")
    if len(label) > MAX_LETTERS:
        raise located.error(("axes",), f"{label[:40]}... is too long for a table; name its values")


def _identity(variant: Variant) -> str:
    return json.dumps(variant.config.identity(), sort_keys=True)


def check_size(file: StudyFile, located: Located, scale: ScaleName, most: int) -> None:
    """Refuse more runs than `most` before any is resolved. Raises InputError with the study's size."""
    # Counted and not built: ten axes of ten values would be ten billion configs.
    lists = file.axes | getattr(file.scales, scale).axes
    variants = math.prod(len(lists[axis] if isinstance(given, list) else given) for axis, given in file.axes.items())
    seeds = seeds_of(file, scale)
    trained = sum(name not in UNTRAINED for name in file.baselines)
    of_baselines = trained * len(seeds[: file.baseline_seeds]) + len(file.baselines) - trained
    runs = variants * len(seeds) + of_baselines
    if runs > most:
        more = f" and {of_baselines:,} of baselines" if of_baselines else ""
        size = f"{variants:,} variants x {len(seeds):,} seed{'' if len(seeds) == 1 else 's'}{more} are {runs:,} runs"
        raise located.error(("axes",), f"{size}; the most is {most:,} unless you ask for them with --max-runs {runs}")


def seeds_of(file: StudyFile, scale: ScaleName) -> Sequence[int]:
    """The seeds that variants are trained with."""
    given = SEEDS[scale] if file.seeds is None else file.seeds
    return given if isinstance(given, list) else range(given)


def _check_task(variant: Variant, located: Located, at: Key) -> None:
    method, task = variant.config.method, variant.config.task.name
    if task not in ONLY_FOR.get(method, (task,)):
        raise located.error(at, f"{method} does {' and '.join(ONLY_FOR[method])}, not {task}")


def _resolve(layers: list[Layer]) -> RunConfig:
    """The merged config. Raises InputError, also for an unknown method."""
    config = merge(layers)
    if problem := unknown_method(config.method):
        raise blame(layers, ("method",))(("method",), problem)
    return config


def unknown_method(name: str) -> str | None:
    """The sentence about a method that does not exist; None if it does."""
    if not is_outside(name):
        return None if name in METHODS else f"{name!r} is unknown; {suggest(name, list(METHODS))}"
    try:
        source_of(name)
    except ValueError as error:
        return str(error)
    return None


def _check_difference(variant: Variant, control: Variant, axes: list[Axis], located: Located) -> None:
    """Raise InputError where a variant's config differs from the control's in more than the axes."""
    for path in difference(variant.config, control.config):
        if not any(f"{path}.".startswith(f"{may}.") for axis in axes for may in axis.paths):
            raise located.error(("axes",), f"the variant {variant.label} also changes {path}; make it an axis")


def _make_baseline(name: str, layers: list[Layer], located: Located) -> Variant:
    def error(at: Key, problem: str) -> InputError:
        return located.error(("baselines",), f"{name}: {dotted(at)}: {problem}")

    config = merge([*layers, Layer({"method": name}, error)])
    if name in UNTRAINED:  # its results depend on the task and the data alone, and so should its id
        config = RunConfig(method=name, task=config.task, data=config.data, **NO_MODEL)
    return Variant(name, config, {"method": name}, is_baseline=True)
