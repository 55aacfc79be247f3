"""Proposals of values from a search's space."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bench.config import RunConfig
from bench.errors import InputError
from bench.study.yaml_lines import Key, Located

if TYPE_CHECKING:
    from optuna.trial import BaseTrial
from bench.search.space import TRIES, Assigned, Block, Categorical, Fixed, Numeric, Part, Pick


def assign(parts: list[Part], pick: Pick) -> Assigned:
    """What `pick` chooses, as config values."""
    found: Assigned = {}
    for part in parts:
        if isinstance(part, Fixed):
            found[part.path] = part.value, part.at
        elif isinstance(part, Block):
            found |= assign(part.branches[pick(part)], pick)
        elif isinstance(part, Categorical):
            index = _index(part.names, pick(part))
            found[part.path] = part.values[index], (*part.at, index)
        else:
            found[part.path] = pick(part), part.at
    return found


def _index(names: list[Any], name: Any) -> int:
    """1 and True and 1.0 are equal, and may all be values."""
    return next(i for i, known in enumerate(names) if known == name and type(known) is type(name))


def propose(parts: list[Part], trial: BaseTrial) -> Assigned:
    """The values of an Optuna trial, which it samples here."""

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


def in_words(parts: list[Part]) -> dict[str, str]:
    """Name -> what it can be."""
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


def check_space(parts: list[Part], located: Located, resolve: Callable[[Assigned], RunConfig]) -> None:
    """Raise InputError for an end of a range, a value or a block that no config of the space is valid with."""
    for wanted, value, at in _extremes(parts):
        rng, first = random.Random(0), None
        for attempt in range(TRIES):
            values = assign(parts, lambda part: _steer(part, wanted, value, rng, attempt))  # noqa: B023
            try:
                resolve(values)
                break
            except InputError as error:
                first = first or error
        else:
            raise first or located.error(at, f"no config is valid with {value!r}")


def random_values(parts: list[Part], seed: int) -> Assigned:
    """A config of the space, whether it is valid or not; ranges at their ends."""
    rng = random.Random(seed)
    return assign(parts, lambda part: _steer(part, [Fixed("", None, ())], None, rng, 1))


def _steer(
    part: Numeric | Categorical | Block, wanted: list[Part], value: Any, rng: random.Random, attempt: int
) -> Any:
    """The wanted part's value, the branches that lead to it, and of the rest first the first, then any."""
    if part is wanted[-1]:
        return value
    if isinstance(part, Block):
        lead = next((n for n, b in part.branches.items() if any(p is q for p in b for q in wanted)), None)
        return lead or (next(iter(part.branches)) if attempt == 0 else rng.choice(list(part.branches)))
    if isinstance(part, Categorical):
        return part.names[0] if attempt == 0 else rng.choice(part.names)
    return part.range.low if attempt == 0 else rng.choice([part.range.low, part.range.high])


def _extremes(parts: list[Part], above: tuple[Part, ...] = ()) -> Iterator[tuple[list[Part], Any, Key]]:
    """(the blocks above and the part, value, where it is written) of every value, and both ends of every range."""
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
