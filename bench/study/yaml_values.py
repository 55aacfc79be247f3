"""The YAML of studies, searches and the command line: numbers are decimal, keys are text, values are safe to hold."""

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
"""(path, sentence, node) -> the error; the node says where the mistake stands, None: where the path's value does."""

MAX_VALUES, MAX_DEPTH = 100_000, 30
"""The most values of a document, with all aliases followed, and how deep they may be nested."""
MAX_NUMBER = 2**63
"""The bound of integers: torch, numpy and readers of JSON hold 64 bits."""
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, halves of surrogate pairs, line and paragraph separators."""
INT, FLOAT, TEXT, MERGE = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "str", "merge"))
DIGITS = r"(0|[1-9](_?[0-9])*)"
DECIMAL = re.compile(
    rf"[-+]?{DIGITS}|[-+]?({DIGITS}(\.([0-9](_?[0-9])*)?)?|\.[0-9](_?[0-9])*)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
"""Decimal numbers. YAML 1.1 has octal, hexadecimal, binary and base-60 numbers too, which readers misread."""


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, for which all that looks like a number is one.

    1e-3, .5e3 and -.5 are numbers, and text in YAML 1.1. 08 and 0o17 are numbers too, so that `_walk` refuses them.
    """


_SIGNS = list("-+.0123456789")
Loader.add_implicit_resolver(
    FLOAT, re.compile(r"[-+]?([0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+|\.[0-9]+([eE][-+]?[0-9]+)?)$"), _SIGNS
)
Loader.add_implicit_resolver(INT, re.compile(r"[-+]?0([0-9_]+|[oOxXbB][0-9a-fA-F_]+)$"), _SIGNS)
Loader.yaml_implicit_resolvers = {  # without the type `value` of YAML 1.1, a lone = is text
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":value")]
    for first, known in Loader.yaml_implicit_resolvers.items()
}
Loader.add_constructor(MERGE, lambda _, node: str(node.value))  # a << that is not a key is text


class Dumper(yaml.SafeDumper):
    """Quotes text that the Loader would not read as text."""


Dumper.yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


@dataclass
class Marks:
    """The lines of a document's values, and its numbers as they are written."""

    lines: dict[Key, int] = field(default_factory=dict)
    numbers: dict[Key, str] = field(default_factory=dict)


def read_document(loader: Loader, marks: Marks, complain: Complain) -> Any:
    """The content of the one document; fills `marks`.

    Raises the error that `complain` makes of an ambiguous or unusable value, and whatever PyYAML raises: YAMLError,
    ValueError, TypeError, AttributeError and LookupError.
    """
    root = loader.get_single_node()
    if root is None:
        return None
    # Nodes, not values: only they know lines, repeated keys, and how a number is written.
    _walk(root, (), frozenset(), marks, complain)
    document = loader.construct_document(root)
    for at, problem in unusable_values(document):
        raise complain(at, problem, None)
    return document


def _walk(node: Node, at: Key, above: frozenset[int], marks: Marks, complain: Complain) -> None:
    lines = marks.lines
    # The walk follows aliases, with which a small text can stand for billions of values.
    if len(lines) > MAX_VALUES:
        raise complain((), f"has more than {MAX_VALUES:,} values, those that aliases repeat included", node)
    if id(node) in above:
        raise complain((), "an alias that contains itself", node)
    above |= {id(node)}
    if isinstance(node, ScalarNode) and node.tag in (INT, FLOAT):
        if not DECIMAL.fullmatch(node.value) and node.value[:1] in _SIGNS:  # PyYAML itself refuses `!!int x`
            raise complain(at, _number_problem(node), node)
        marks.numbers[at] = node.value
    if isinstance(node, MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            if here in lines:
                raise complain(here, f"is given twice, the first time on line {lines[here]}", key)
            lines[here] = key.start_mark.line + 1
            if isinstance(key, ScalarNode) and (problem := _key_problem(key)):
                raise complain(here, problem, key)
            _walk(value, here, above, marks, complain)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*at, index)] = value.start_mark.line + 1
            _walk(value, (*at, index), above, marks, complain)


def _number_problem(node: ScalarNode) -> str:
    """The sentence about a number that is not decimal."""
    shown = node.value if len(node.value) < 40 else f"{node.value[:40]}..."
    value = _yaml_value(node) if shown == node.value else None
    reading = f", and YAML makes {value} of it" if value is not None else ""
    return f"{shown} is no decimal number{reading}; write the number in decimal digits, or put text in quotes"


def _key_problem(key: ScalarNode) -> str | None:
    """The sentence about a key that is not text, if it is not."""
    if key.tag in (TEXT, MERGE):
        return None
    value = _yaml_value(key)
    shown = key.value if value is None and key.tag in (INT, FLOAT) else repr(value)
    return None if value == key.value else f"a key is text, and {shown} is not; put it in quotes"


def _yaml_value(node: ScalarNode) -> Any:
    """The value that plain YAML 1.1 reads; None where it cannot."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError):
        return None


def unusable_values(value: Any, at: Key = ()) -> Iterator[tuple[Key, str]]:
    """The parts of a parsed value that no config, name or report can hold, as (path, sentence)."""
    if len(at) > MAX_DEPTH:
        yield at[:MAX_DEPTH], f"is nested more than {MAX_DEPTH} deep"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield (*at, str(key)), f"a key is text, and {key!r} is not; put it in quotes"
            yield from unusable_values(key, at)
            yield from unusable_values(inner, (*at, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unusable_values(inner, (*at, index))
    elif isinstance(value, datetime.date):
        yield at, f"{value} is no value of a config field; put a date in quotes"
    elif isinstance(value, int) and abs(value) >= MAX_NUMBER:
        yield at, f"a whole number of {value.bit_length()} bits is too large; the most has 63"
    elif isinstance(value, str) and any(unicodedata.category(c) in UNPRINTABLE and c not in "\n\t" for c in value):
        yield at, f"{value!r} cannot be printed; write it with printable characters"
    elif not (value is None or isinstance(value, str | int | float)):
        yield at, f"a {type(value).__name__} is no value of a config field; write text in quotes, a list or a mapping"
