"""Proposals: choose a value for every parameter of a search's space, and check that some config is valid with each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bench.config import RunConfig
from bench.errors import InputError
from bench.search.space import Assigned, Block, Categorical, Fixed, Numeric, Part, Pick
from bench.study.yaml_lines import Key, Located

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

TRIES = 20  # random configs that are tried for one that is valid


def propose(parts: list[Part], trial: BaseTrial) -> Assigned:
    """Sample the values of an Optuna trial."""

    def pick(part: Numeric | Categorical | Block) -> Any:
        if isinstance(part, Block):
            return trial.suggest_categorical(part.name, list(part.branches))
        if isinstance(part, Categorical):
            return trial.suggest_categorical(part.name, part.names)
        r = part.range
        if r.is_whole:
            return trial.suggest_int(part.name, int(r.low), int(r.high), step=int(r.step or 1), log=r.log)
        return trial.suggest_float(part.name, r.low, r.high, step=r.step, log=r.log)

    return assign(parts, pick)


def random_values(parts: list[Part], seed: int) -> Assigned:
    """A random config of the space, valid or not; ranges are at one of their ends."""
    rng = random.Random(seed)
    return assign(parts, lambda part: _random_pick(part, rng))


def check_space(parts: list[Part], located: Located, resolve: Callable[[Assigned], RunConfig]) -> None:
    """Raise InputError for an end of a range, a value or a block that makes every config invalid."""
    for line, value, at in _extremes(parts):
        rng, first_error = random.Random(0), None
        for attempt in range(TRIES):
            values = assign(parts, lambda part: _steer(part, line, value, rng, attempt))  # noqa: B023
            try:
                resolve(values)
                break
            except InputError as error:
                first_error = first_error or error
        else:
            raise first_error or located.error(at, f"no config is valid with {value!r}")


def in_words(parts: list[Part]) -> dict[str, str]:
    """Parameter -> its values in words."""
    words: dict[str, str] = {}
    for part in parts:
        if isinstance(part, Numeric):
            words[part.name] = str(part.range)
        elif isinstance(part, Categorical):
            words[part.name] = ", ".join(n if isinstance(n, str) else json.dumps(n) for n in part.names)
        elif isinstance(part, Block):
            words[part.name] = ", ".join(part.branches)
            for branch in part.branches.values():
                words |= in_words(branch)
    return words


def assign(parts: list[Part], pick: Pick) -> Assigned:
    """The config values that `pick` chooses."""
    assigned: Assigned = {}
    for part in parts:
        if isinstance(part, Fixed):
            assigned[part.path] = part.value, part.at
        elif isinstance(part, Block):
            assigned |= assign(part.branches[pick(part)], pick)
        elif isinstance(part, Categorical):
            index = _index(part.names, pick(part))
            assigned[part.path] = part.values[index], (*part.at, index)
        else:
            assigned[part.path] = pick(part), part.at
    return assigned


def _index(names: list[Any], name: Any) -> int:
    """The place of a name. Types count: 1, 1.0 and True are equal, and a list may hold all three."""
    return next(i for i, known in enumerate(names) if known == name and type(known) is type(name))


def _extremes(parts: list[Part], above: tuple[Part, ...] = ()) -> Iterator[tuple[list[Part], Any, Key]]:
    """(the part below its enclosing blocks, value, place in the YAML) of every listed value and block, and of the ends
    of every range."""
    for part in parts:
        line = [*above, part]
        if isinstance(part, Numeric):
            yield from ((line, value, (*part.at, name)) for name, value in part.range.samples())
        elif isinstance(part, Categorical):
            yield from ((line, name, (*part.at, i)) for i, name in enumerate(part.names))
        elif isinstance(part, Block):
            for name, branch in part.branches.items():
                yield line, name, (*part.at, name)
                yield from _extremes(branch, tuple(line))


def _steer(part: Numeric | Categorical | Block, line: list[Part], value: Any, rng: random.Random, attempt: int) -> Any:
    """Pick `value` for the last part of `line` and the branches that lead to it. The rest is at its first value in the
    first attempt, which makes the plainest error, and random afterwards."""
    if part is line[-1]:
        return value
    if isinstance(part, Block):
        leading = next((n for n, b in part.branches.items() if any(p is q for p in b for q in line)), None)
        if leading is not None:
            return leading
    return _random_pick(part, rng) if attempt else _first_pick(part)


def _first_pick(part: Numeric | Categorical | Block) -> Any:
    if isinstance(part, Block):
        return next(iter(part.branches))
    return part.names[0] if isinstance(part, Categorical) else part.range.low


def _random_pick(part: Numeric | Categorical | Block, rng: random.Random) -> Any:
    if isinstance(part, Block):
        return rng.choice(list(part.branches))
    return rng.choice(part.names if isinstance(part, Categorical) else [part.range.low, part.range.high])
