"""The search space: its parameters and blocks, read from YAML and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, model_validator

from bench.config import RunConfig, Section
from bench.study.axes import path_problem, paths_overlap
from bench.study.layers import count_values
from bench.study.yaml_lines import Key, Located, explain

MAX_LISTED = 100  # values of one list
MAX_IN_ALL = 1_000  # values of a space, with its blocks
CHOICE = "write a list or {low, high}"
OTHER_IMAGES = "changes the images that are scored, so trials would not compare; split it into two searches"
SET_BY_SEARCH = "the search itself sets this; remove it here"
FORBIDDEN = {
    "seed": "`seeds` varies the seed; remove it here",
    "data.score_on": SET_BY_SEARCH,
    "train.validations": SET_BY_SEARCH,
    "task": OTHER_IMAGES,
    "data": OTHER_IMAGES,
    **{f"task.{name}": OTHER_IMAGES for name in ("name", "hole", "mask_seed")},
    **{f"data.{name}": OTHER_IMAGES for name in ("name", "path", "image_size", "val_images", "scales")},
}
"""Config path that a space may not vary -> the reason."""
Number = int | float
Assigned = dict[str, tuple[Any, Key]]
"""Config path -> its value, and the place of that value in the YAML."""


class Range(Section):
    """A range of numbers: {low, high} with log or step."""

    model_config = ConfigDict(strict=True)

    low: Number
    high: Number
    log: bool = False
    """Whether values are uniform in their logarithm."""
    step: Number | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Range:
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"the range from {self.low:g} to {self.high:g} is too wide")
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) is not below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs a low above 0, not {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("a logarithmic range cannot have a step")
        if self.step is not None and not _divides(self.step, self.high - self.low):
            raise ValueError(f"steps of {self.step:g} from {self.low:g} do not reach {self.high:g} exactly")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return all(isinstance(v, int) for v in (self.low, self.high) if v is not None) and not isinstance(
            self.step, float
        )

    @property
    def count(self) -> int | None:
        """The number of its values; None for a range of real numbers without a step."""
        step = self.step or (1 if self.is_whole else None)
        return None if step is None else round((self.high - self.low) / step) + 1

    def samples(self) -> Iterator[tuple[str, Number]]:
        """(key to blame, value) of both ends, and of one fraction if the range has fractions."""
        yield "low", self.low
        yield "high", self.high
        if not self.is_whole:
            yield "low", self.low + (self.step or (self.high - self.low) / math.pi)

    def __str__(self) -> str:
        spacing = ", logarithmic" if self.log else f", in steps of {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{spacing}"


@dataclass(frozen=True)
class Numeric:
    """A parameter with a range of numbers."""

    name: str
    path: str
    range: Range
    at: Key


@dataclass(frozen=True)
class Categorical:
    """A parameter with a list of values; Optuna and the tables call the values by their `names`."""

    name: str
    path: str
    values: list[Any]
    names: list[Any]
    at: Key


@dataclass(frozen=True)
class Fixed:
    """A config path with a fixed value, in a block."""

    path: str
    value: Any
    at: Key


@dataclass(frozen=True)
class Block:
    """A choice between named spaces."""

    name: str
    branches: dict[str, list[Part]]
    at: Key


Part = Numeric | Categorical | Fixed | Block
Pick = Callable[[Numeric | Categorical | Block], Any]
"""Chooses a number, the name of a value, or the name of a branch."""


def read_space(located: Located, content: dict[str, Any]) -> list[Part]:
    """The parts of the YAML's `space`. Raises InputError."""
    if (count := count_values(content)) > MAX_IN_ALL:  # checking the space tries each of them in a config
        raise located.error(("space",), f"has {count:,} values; the maximum is {MAX_IN_ALL:,}")
    return _read_parts(located, content, ("space",), "")


def count_configs(parts: list[Part]) -> int | None:
    """The number of configs; None if a range of real numbers has no step."""
    counts: list[int | None] = []
    for part in parts:
        if isinstance(part, Block):
            of_branches = [count_configs(branch) for branch in part.branches.values()]
            counts.append(None if None in of_branches else sum(filter(None, of_branches)))
        elif isinstance(part, Categorical):
            counts.append(len(part.values))
        elif isinstance(part, Numeric):
            counts.append(part.range.count)
    return None if None in counts else math.prod(filter(None, counts))


def _read_parts(located: Located, content: dict[str, Any], at: Key, prefix: str) -> list[Part]:
    """`prefix` names the enclosing blocks and their branches: NAME=BRANCH/."""
    parts: list[Part] = []
    for name, entry in content.items():
        here = (*at, str(name))
        part = _read_part(located, str(name), entry, here, prefix)
        for path in _paths([part]):
            if clash := next((p for p in _paths(parts) if paths_overlap(p, path)), None):
                raise located.error(here, f"sets {path}, but another entry already sets {clash}; vary each field once")
        parts.append(part)
    return parts


def _read_part(located: Located, name: str, entry: Any, at: Key, prefix: str) -> Part:
    is_range = isinstance(entry, dict) and {"low", "high"} & set(entry)
    is_path = path_problem(name) is None
    # A mapping is a range, a block, or, at a config path within a block, a fixed value.
    if isinstance(entry, dict) and not is_range and not (is_path and prefix):
        if is_path:
            section = name in RunConfig.model_fields
            fix = f"write its fields with dots, `{name}.{next(iter(entry), '...')}: ...`" if section else CHOICE
            raise located.error(at, f"is a {'section of the config' if section else 'config field'}; {fix}")
        return _read_block(located, name, entry, at, prefix)
    if problem := FORBIDDEN.get(name) or path_problem(name):
        raise located.error(at, problem)
    if is_range:
        try:
            return Numeric(prefix + name, name, Range.model_validate(entry), at)
        except ValidationError as error:
            where, problem = explain(error, Range)[0]
            raise located.error((*at, *where), problem) from None
    if isinstance(entry, list):
        return _read_choice(located, prefix + name, name, entry, at)
    if not prefix:
        raise located.error(at, f"{entry!r} leaves nothing to choose; {CHOICE}, or put it in base")
    return Fixed(name, entry, at)


def _read_choice(located: Located, name: str, path: str, values: list[Any], at: Key) -> Categorical:
    if not 1 <= len(values) <= MAX_LISTED:
        raise located.error(at, f"has {len(values)} values; a list has 1 to {MAX_LISTED}")
    for index, value in enumerate(values):
        if not _is_finite(value):
            raise located.error((*at, index), f"{value} cannot be the value of a config field: it is not finite")
    names = [v if v is None or isinstance(v, str | int | float) else json.dumps(v) for v in values]
    for index, known in enumerate(names):
        if any(known == other and type(known) is type(other) for other in names[:index]):
            raise located.error((*at, index), f"{values[index]!r} is given twice")
    return Categorical(name, path, values, names, at)


def _read_block(located: Located, name: str, entry: dict[str, Any], at: Key, prefix: str) -> Block:
    if not entry:
        raise located.error(at, "is empty; write {low, high}, a list, or named blocks")
    branches: dict[str, list[Part]] = {}
    for label in (name, *map(str, entry)):
        if {"=", "/"} & set(label):
            raise located.error(
                at, f"{label!r}: the names of parameters in blocks contain = and /; choose a name without them"
            )
    for label, inner in entry.items():
        if not isinstance(inner, dict):
            fix = "write {low: .., high: ..}, or a mapping of config paths"
            raise located.error((*at, str(label)), f"{inner!r} is not a block; {fix}")
        branches[str(label)] = _read_parts(located, inner, (*at, str(label)), f"{prefix}{name}={label}/")
    return Block(prefix + name, branches, at)


def _paths(parts: list[Part]) -> Iterator[str]:
    """Every config path that the parts set."""
    for part in parts:
        if isinstance(part, Block):
            for branch in part.branches.values():
                yield from _paths(branch)
        else:
            yield part.path


def _is_finite(value: Any) -> bool:
    """Whether all numbers in the value are finite."""
    if isinstance(value, list | dict):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _divides(step: Number, span: Number) -> bool:
    steps = span / step
    return math.isfinite(steps) and math.isclose(steps, round(steps), rel_tol=0, abs_tol=1e-9)
