"""Variants: the points of a study's axes and its baselines, with their configs, checked against each other."""

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
from bench.scales import SEEDS
from bench.study.axes import Axis, AxisValue
from bench.study.labels import GROUND_TRUTH, INPUT
from bench.study.layers import Layer, blame, difference, merge
from bench.study.schema import ScaleName, StudyFile
from bench.study.yaml_lines import MAX_LETTERS, Key, Located, dotted, nearest

MAX_RUNS = 1_000
"""Of a study, unless more are asked for."""
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


def make_variants(
    file: StudyFile, located: Located, layers: list[Layer], axes: list[Axis], control: dict[str, AxisValue]
) -> list[Variant]:
    """The control first, the rest of the axes' points in the file's order, then the baselines. Raises InputError."""
    made = []
    for choices in itertools.product(*(axis.choices for axis in axes)):
        config = _merged([*layers, *(choice.layer for choice in choices)])
        chosen = {axis.name: choice.value for axis, choice in zip(axes, choices, strict=True)}
        made.append(Variant(", ".join(choice.label for choice in choices), config, chosen))
    controls = {name: choice.value for name, choice in control.items()}
    made.sort(key=lambda variant: variant.axes != controls)  # the control first, the rest in the file's order
    called: dict[str, Variant] = {}
    configs: dict[str, Variant] = {}
    for variant in made:
        _check_difference(variant, made[0], axes, located)
        _check_task(variant, located, ("axes",))
        if variant.label in (GROUND_TRUTH, INPUT):
            raise located.error(("axes",), f"{variant.label} is what reports call a picture; name it otherwise")
        if not variant.label.isprintable():
            raise located.error(("axes",), f"{variant.label!r} cannot be printed; name it otherwise")
        if len(variant.label) > MAX_LETTERS:
            raise located.error(("axes",), f"{variant.label[:40]}... is too long for a table; name its values")
        if (other := configs.setdefault(_identity(variant), variant)) is not variant:
            raise located.error(("axes",), f"the variants {other.label} and {variant.label} are the same")
        if called.setdefault(variant.label, variant) is not variant:
            raise located.error(("axes",), f"two variants are called {variant.label}; name their values")
    for name in file.baselines:
        baseline = _baseline(name, layers, located)
        if name in called or _identity(baseline) in configs:
            raise located.error(("baselines",), f"{name} is a variant already")
        _check_task(baseline, located, ("baselines",))
        made.append(baseline)
    return made


def _identity(variant: Variant) -> str:
    return json.dumps(variant.config.identity(), sort_keys=True)


def check_size(file: StudyFile, located: Located, scale: ScaleName, most: int) -> None:
    """Refuse more runs than `most` before any of them is thought of. Raises InputError with the study's size."""
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
    """Those that variants are trained with."""
    given = SEEDS[scale] if file.seeds is None else file.seeds
    return given if isinstance(given, list) else range(given)


def _check_task(variant: Variant, located: Located, at: Key) -> None:
    method, task = variant.config.method, variant.config.task.name
    if task not in ONLY_FOR.get(method, (task,)):
        raise located.error(at, f"{method} does {' and '.join(ONLY_FOR[method])}, not {task}")


def _merged(layers: list[Layer]) -> RunConfig:
    """The config, with a method that there is."""
    config = merge(layers)
    if problem := unknown_method(config.method):
        raise blame(layers, ("method",))(("method",), problem)
    return config


def unknown_method(name: str) -> str | None:
    """What is wrong with a method's name, if anything."""
    if not is_outside(name):
        return None if name in METHODS else f"{name!r} is unknown; {nearest(name, list(METHODS))}"
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
