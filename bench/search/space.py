"""What a search varies: read from YAML with its mistakes in words, and proposed by Optuna as config values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, ValidationError, model_validator

from bench.config import RunConfig, Section
from bench.study.axes import path_problem, paths_overlap
from bench.study.layers import count_values
from bench.study.yaml_lines import Key, Located, explain

if TYPE_CHECKING:
    pass

TRIES = 20  # configs that a value may be valid in
MAX_LISTED = 100  # of a list
MAX_IN_ALL = 1_000  # of a space, its blocks included
WAYS = "write a list or {low, high}"
OTHER_IMAGES = "changes what is scored, so that trials would not compare; make it two searches"
FORBIDDEN = {
    "seed": "is what `seeds` varies",
    "data.score_on": "is what the search itself sets",
    "train.validations": "is what the search itself sets",
    "task": OTHER_IMAGES,
    "data": OTHER_IMAGES,
    **{f"task.{name}": OTHER_IMAGES for name in ("name", "hole", "mask_seed")},
    **{f"data.{name}": OTHER_IMAGES for name in ("name", "path", "image_size", "val_images", "scales")},
}
"""Config paths that a space may not have, and why."""
Number = int | float
Assigned = dict[str, tuple[Any, Key]]
"""Config path -> its value, and where the YAML gives it."""


class Range(Section):
    """{low, high} with log or step."""

    model_config = ConfigDict(strict=True)

    low: Number
    high: Number
    log: bool = False
    """Drawn evenly in the logarithm."""
    step: Number | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Range:
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"the range from {self.low:g} to {self.high:g} is too wide")
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) is not below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range lies above 0, and low is {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("a logarithmic range has no step")
        if self.step is not None and not _divides(self.step, self.high - self.low):
            raise ValueError(f"steps of {self.step:g} from {self.low:g} do not meet {self.high:g}")
        return self

    @property
    def is_whole(self) -> bool:
        return all(isinstance(v, int) for v in (self.low, self.high) if v is not None) and not isinstance(
            self.step, float
        )

    @property
    def count(self) -> int | None:
        """How many values it has; None if they are not counted."""
        step = self.step or (1 if self.is_whole else None)
        return None if step is None else round((self.high - self.low) / step) + 1

    def samples(self) -> Iterator[tuple[str, Number]]:
        """(key that is to blame, value): the ends, and where numbers need not be whole one that is not."""
        yield "low", self.low
        yield "high", self.high
        if not self.is_whole:
            yield "low", self.low + (self.step or (self.high - self.low) / math.pi)

    def __str__(self) -> str:
        how = ", logarithmic" if self.log else f", in steps of {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{how}"


@dataclass(frozen=True)
class Numeric:
    """A path and the range of its values."""

    name: str
    path: str
    range: Range
    at: Key


@dataclass(frozen=True)
class Categorical:
    """A path and its values; `names` are what Optuna and tables call them."""

    name: str
    path: str
    values: list[Any]
    names: list[Any]
    at: Key


@dataclass(frozen=True)
class Fixed:
    """A path and its value within a block."""

    path: str
    value: Any
    at: Key


@dataclass(frozen=True)
class Block:
    """A choice between spaces."""

    name: str
    branches: dict[str, list[Part]]
    at: Key


Part = Numeric | Categorical | Fixed | Block
Pick = Callable[[Numeric | Categorical | Block], Any]
"""Chooses: a number, the name of a value, or of a branch."""


def read_space(located: Located, content: dict[str, Any]) -> list[Part]:
    """The parts of the YAML's `space`. Raises InputError."""
    if (count := count_values(content)) > MAX_IN_ALL:  # each is tried in a config
        raise located.error(("space",), f"has {count:,} values; the most is {MAX_IN_ALL:,}")
    return _read(located, content, ("space",), "")


def _read(located: Located, content: dict[str, Any], at: Key, prefix: str) -> list[Part]:
    parts: list[Part] = []
    for name, entry in content.items():
        here = (*at, str(name))
        part = _part(located, str(name), entry, here, prefix)
        for path in _paths([part]):
            if clash := next((p for p in _paths(parts) if paths_overlap(p, path)), None):
                raise located.error(here, f"sets {path}, and {clash} is set beside it; a field has one place")
        parts.append(part)
    return parts


def _part(located: Located, name: str, entry: Any, at: Key, prefix: str) -> Part:
    is_range = isinstance(entry, dict) and {"low", "high"} & set(entry)
    is_path = path_problem(name) is None
    if isinstance(entry, dict) and not is_range and not (is_path and prefix):
        if is_path:
            section = name in RunConfig.model_fields
            how = f"write its fields with dots, `{name}.{next(iter(entry), '...')}: ...`" if section else WAYS
            raise located.error(at, f"is a {'section of the config' if section else 'config field'}; {how}")
        return _block(located, name, entry, at, prefix)
    if problem := FORBIDDEN.get(name) or path_problem(name):
        raise located.error(at, problem)
    if is_range:
        try:
            return Numeric(prefix + name, name, Range.model_validate(entry), at)
        except ValidationError as error:
            where, problem = explain(error, Range)[0]
            raise located.error((*at, *where), problem) from None
    if isinstance(entry, list):
        return _choice(located, prefix + name, name, entry, at)
    if not prefix:
        raise located.error(at, f"{entry!r} leaves nothing to choose; {WAYS}, or put it in base")
    return Fixed(name, entry, at)


def _choice(located: Located, name: str, path: str, values: list[Any], at: Key) -> Categorical:
    if not 1 <= len(values) <= MAX_LISTED:
        raise located.error(at, f"has {len(values)} values; a list has 1 to {MAX_LISTED}")
    for index, value in enumerate(values):
        if not _is_plain(value):
            raise located.error((*at, index), f"{value} is no value of a config field; a date wants quotes")
    names = [v if v is None or isinstance(v, str | int | float) else json.dumps(v) for v in values]
    for index, known in enumerate(names):
        if any(known == other and type(known) is type(other) for other in names[:index]):
            raise located.error((*at, index), f"{values[index]!r} is given twice")
    return Categorical(name, path, values, names, at)


def _block(located: Located, name: str, entry: dict[str, Any], at: Key, prefix: str) -> Block:
    if not entry:
        raise located.error(at, "is empty; write {low, high}, a list, or named blocks")
    branches: dict[str, list[Part]] = {}
    for label in (name, *map(str, entry)):
        if {"=", "/"} & set(label):
            raise located.error(at, f"{label!r}: = and / stand between a block and its parameters; name it otherwise")
    for label, inner in entry.items():
        if not isinstance(inner, dict):
            fix = "write {low: .., high: ..}, or blocks, which are mappings of config paths"
            raise located.error((*at, str(label)), f"{inner!r} is no block; {fix}")
        branches[str(label)] = _read(located, inner, (*at, str(label)), f"{prefix}{name}={label}/")
    return Block(prefix + name, branches, at)


def _paths(parts: list[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Block):
            for branch in part.branches.values():
                yield from _paths(branch)
        else:
            yield part.path


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def size(parts: list[Part]) -> int | None:
    """How many configs there are; None where a range has no step, so that they are not counted."""
    counts: list[int | None] = []
    for part in parts:
        if isinstance(part, Block):
            inner = [size(branch) for branch in part.branches.values()]
            counts.append(None if None in inner else sum(filter(None, inner)))
        elif isinstance(part, Categorical):
            counts.append(len(part.values))
        elif isinstance(part, Numeric):
            counts.append(part.range.count)
    return None if None in counts else math.prod(filter(None, counts))


def _divides(step: Number, span: Number) -> bool:
    steps = span / step
    return math.isfinite(steps) and math.isclose(steps, round(steps), rel_tol=0, abs_tol=1e-9)
