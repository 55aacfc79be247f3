"""YAML as studies, searches and the command line are written in it: numbers in decimal digits, keys that are text."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import InputError

Key = tuple[str | int, ...]
Complain = Callable[[Key, str, Node | None], InputError]
"""Path, sentence, and where it stands if that is not where the path's value does -> the error."""

MAX_VALUES, MAX_DEPTH = 100_000, 30
"""Of one text: its values with all aliases followed, and how deep they are nested."""
MAX_NUMBER = 2**63
"""Whole numbers stay below it, as torch, numpy and JSON readers want them."""
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, halves of surrogate pairs, separators of lines and of paragraphs."""
INT, FLOAT, TEXT, MERGE = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "str", "merge"))
DIGITS = r"(0|[1-9](_?[0-9])*)"
DECIMAL = re.compile(
    rf"[-+]?{DIGITS}|[-+]?({DIGITS}(\.([0-9](_?[0-9])*)?)?|\.[0-9](_?[0-9])*)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
"""Numbers that mean the same to everybody: no octal, hexadecimal or binary ones, none in base 60."""


class Loader(yaml.SafeLoader):
    """Safe, and knows what else looks like a number: 1e-3, .5e3 and -.5, which YAML 1.1 takes for text, are numbers; so
    are 08 and 0o17, which `_walk` then refuses as it does the rest that is not written in decimal digits."""


_SIGNS = list("-+.0123456789")
Loader.add_implicit_resolver(
    FLOAT, re.compile(r"[-+]?([0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+|\.[0-9]+([eE][-+]?[0-9]+)?)$"), _SIGNS
)
Loader.add_implicit_resolver(INT, re.compile(r"[-+]?0([0-9_]+|[oOxXbB][0-9a-fA-F_]+)$"), _SIGNS)
Loader.yaml_implicit_resolvers = {  # a lone = is text: YAML 1.1 has a type for it that means nothing
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":value")]
    for first, known in Loader.yaml_implicit_resolvers.items()
}
Loader.add_constructor(MERGE, lambda _, node: str(node.value))  # << that is no key


class Dumper(yaml.SafeDumper):
    """Puts in quotes what the Loader would not read as text."""


Dumper.yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


@dataclass
class Marks:
    """Where the values of a document stand, and how its numbers are written there."""

    lines: dict[Key, int] = field(default_factory=dict)
    numbers: dict[Key, str] = field(default_factory=dict)


def content(loader: Loader, marks: Marks, complain: Complain) -> Any:
    """What the one document says; `marks` are filled. Raises what `complain` makes of a value that could be misread or
    that nothing could hold, and PyYAML's errors, ValueError and their kind."""
    root = loader.get_single_node()
    if root is None:
        return None
    _walk(root, (), frozenset(), marks, complain)
    found = loader.construct_document(root)
    for at, problem in unfit(found):
        raise complain(at, problem, None)
    return found


def _walk(node: Node, at: Key, above: frozenset[int], marks: Marks, complain: Complain) -> None:
    lines = marks.lines
    if len(lines) > MAX_VALUES:
        raise complain((), f"has more than {MAX_VALUES:,} values, those that aliases repeat included", node)
    if id(node) in above:
        raise complain((), "an alias that contains itself", node)
    above |= {id(node)}
    if isinstance(node, ScalarNode) and node.tag in (INT, FLOAT):
        if not DECIMAL.fullmatch(node.value) and node.value[:1] in _SIGNS:  # else no number at all
            raise complain(at, _misread(node), node)
        marks.numbers[at] = node.value
    if isinstance(node, MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            if here in lines:
                raise complain(here, f"is given twice, the first time on line {lines[here]}", key)
            lines[here] = key.start_mark.line + 1
            if isinstance(key, ScalarNode) and (problem := _no_name(key)):
                raise complain(here, problem, key)
            _walk(value, here, above, marks, complain)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*at, index)] = value.start_mark.line + 1
            _walk(value, (*at, index), above, marks, complain)


def _misread(node: ScalarNode) -> str:
    """What is to be said of a number in digits that not everybody reads in the same way."""
    shown = node.value if len(node.value) < 40 else f"{node.value[:40]}..."
    made = _made_of(node) if shown == node.value else None
    read = f", and YAML makes {made} of it" if made is not None else ""
    return f"{shown} is no decimal number{read}; write the number in decimal digits, or put text in quotes"


def _no_name(key: ScalarNode) -> str | None:
    """What is to be said of a key that YAML takes for something else than text."""
    if key.tag in (TEXT, MERGE):
        return None
    value = _made_of(key)
    shown = key.value if value is None and key.tag in (INT, FLOAT) else repr(value)
    return None if value == key.value else f"a key is text, and {shown} is not; put it in quotes"


def _made_of(node: ScalarNode) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError):
        return None


def unfit(value: Any, at: Key = ()) -> Iterator[tuple[Key, str]]:
    """What of a parsed value no config, name or report could hold, as (path, sentence)."""
    if len(at) > MAX_DEPTH:
        yield at[:MAX_DEPTH], f"is nested more than {MAX_DEPTH} deep"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield (*at, str(key)), f"a key is text, and {key!r} is not; put it in quotes"
            yield from unfit(key, at)
            yield from unfit(inner, (*at, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unfit(inner, (*at, index))
    elif isinstance(value, datetime.date):
        yield at, f"{value} is no value of a config field; put a date in quotes"
    elif isinstance(value, int) and abs(value) >= MAX_NUMBER:
        yield at, f"a whole number of {value.bit_length()} bits is too large; the most has 63"
    elif isinstance(value, str) and any(unicodedata.category(c) in UNPRINTABLE and c not in "\n\t" for c in value):
        yield at, f"{value!r} cannot be printed; write it otherwise"
    elif not (value is None or isinstance(value, str | int | float)):
        yield at, f"a {type(value).__name__} is no value of a config field; write text in quotes, a list or a mapping"
