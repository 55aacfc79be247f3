"""YAML that remembers the line of every key, and pydantic's complaints turned into sentences that name it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, SequenceNode

from bench.config import InputError

Key = tuple[str | int, ...]


MOST_BYTES, MOST_VALUES, MOST_DEPTH = 1_000_000, 100_000, 30
"""Of a file: its size, its values with all aliases followed, and how deep they are nested."""
MOST_LETTERS = 500
"""Of what is called something in tables."""
MOST_NUMBER = 2**63
"""Whole numbers stay below it, as torch, numpy and JSON readers want them."""
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, halves of surrogate pairs, separators of lines and of paragraphs."""


class _Loader(yaml.SafeLoader):
    """Safe, and reads 1e-3 as the number that it is; YAML 1.1 wants 1.0e-3."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class Located:
    """A YAML file's content and the line on which each of its values starts."""

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file cannot be read, is not YAML, is not a mapping, names a key twice, is too large,
        or has values that nothing could hold."""
        self.path = path
        self.lines: dict[Key, int] = {}
        loader = self._loader(path)
        try:
            root = loader.get_single_node()
            if not isinstance(root, MappingNode):
                raise InputError(f"{path}:1: a study is a mapping with the keys title, claim, base, axes, ...")
            self._walk(root, (), frozenset())
            self.content: dict[str, Any] = loader.construct_document(root)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{path}:{line}: not valid YAML: {error.problem}") from None
        except RecursionError:
            raise InputError(f"{path}: is nested too deep") from None
        except InputError:
            raise
        except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:  # PyYAML's !!int x, too
            raise InputError(f"{path}: not valid YAML: {_in_short(error)}") from None
        finally:
            loader.dispose()
        for at, problem in unfit(self.content):
            raise self.error(at, problem)

    def _loader(self, path: Path) -> _Loader:
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise InputError(f"{path}: has {path.stat().st_size:,} bytes; the most of a study is {MOST_BYTES:,}")
            return _Loader(content.decode("utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None
        except yaml.YAMLError as error:
            raise InputError(f"{path}: not valid YAML: {_in_short(error)}") from None

    def _walk(self, node: Node, at: Key, above: frozenset[int]) -> None:
        if len(self.lines) > MOST_VALUES:
            raise InputError(f"{self.path}: has more than {MOST_VALUES:,} values, those that aliases repeat included")
        if id(node) in above:
            raise InputError(f"{self.path}:{node.start_mark.line + 1}: an alias that contains itself")
        above |= {id(node)}
        if isinstance(node, MappingNode):
            for key, value in node.value:
                here = (*at, str(key.value))
                if here in self.lines:
                    raise self.error(here, f"is given twice, the first time on line {self.lines[here]}", key)
                self.lines[here] = key.start_mark.line + 1
                self._walk(value, here, above)
        elif isinstance(node, SequenceNode):
            for index, value in enumerate(node.value):
                self.lines[(*at, index)] = value.start_mark.line + 1
                self._walk(value, (*at, index), above)

    def error(self, at: Key, problem: str, node: Node | None = None) -> InputError:
        """An InputError that names the file, the line nearest to `at`, and the dotted path."""
        known = at
        while known and known not in self.lines:
            known = known[:-1]
        line = node.start_mark.line + 1 if node else self.lines.get(known, 1)
        return InputError(f"{self.path}:{line}: {dotted(at)}: {problem}")


def _in_short(error: Exception) -> str:
    return getattr(error, "problem", None) or (str(error).splitlines() or ["unreadable"])[0]


def unfit(value: Any, at: Key = ()) -> Iterator[tuple[Key, str]]:
    """What of a parsed value no config, name or report could hold, as (path, sentence)."""
    if len(at) > MOST_DEPTH:
        yield at[:MOST_DEPTH], f"is nested more than {MOST_DEPTH} deep"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield (*at, str(key)), f"a key is text, and {key!r} is not; put it in quotes"
            yield from unfit(key, at)
            yield from unfit(inner, (*at, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unfit(inner, (*at, index))
    elif isinstance(value, int) and abs(value) >= MOST_NUMBER:
        yield at, f"a whole number of {value.bit_length()} bits is too large; the most has 63"
    elif isinstance(value, str) and any(unicodedata.category(c) in UNPRINTABLE and c not in "\n\t" for c in value):
        yield at, f"{value!r} cannot be printed; write it otherwise"


def dotted(at: Key) -> str:
    """("axes", "loss.l1", 0) -> axes.loss.l1[0]"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def nearest(word: object, allowed: Sequence[str]) -> str:
    """What is allowed, after the most similar name if one is close."""
    near = len(str(word)) < MOST_LETTERS  # difflib's time grows with the square
    close = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.5) if near else []
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}allowed: {', '.join(allowed)}"


def explain(error: ValidationError, model: type[BaseModel]) -> list[tuple[Key, str]]:
    """Each complaint as (path, sentence), the sentence naming what is allowed and the nearest valid name.

    A value that may be of several types gives one complaint, not one a type.
    """
    found: dict[Key, str] = {}
    for item in sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden"):
        at, section = _real_path(model, item["loc"], unknown_key=item["type"] == "extra_forbidden")
        sentence = _sentence(item, at, section)
        found[at] = f"{found[at]}, or: {sentence}" if at in found else sentence
    return list(found.items())


def _real_path(model: type[BaseModel], loc: Key, unknown_key: bool) -> tuple[Key, type[BaseModel]]:
    """pydantic's loc without its names of union members, and the innermost section on the way."""
    at: list[str | int] = []
    inner, is_mapping = model, False
    for part in loc:
        field = inner.model_fields.get(str(part))
        if field is not None:
            annotation = field.annotation
            inner = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else inner
            at.append(part)
            is_mapping = get_origin(annotation) is dict
        elif isinstance(part, int) or is_mapping:
            at.append(part)
            is_mapping = False
    if unknown_key:
        at.append(loc[-1])
    return tuple(at), inner


def _sentence(item: Mapping[str, Any], at: Key, section: type[BaseModel]) -> str:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "extra_forbidden" and "." in str(at[-1]):
        first, rest = str(at[-1]).split(".", 1)
        return f"unknown key; write it nested, `{first}: {{{rest}: ...}}`"
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(at[-1], list(section.model_fields))}"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return f"{value!r} is not allowed; {nearest(value, allowed)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "is required"
    if kind == "model_type":
        return f"{value!r} is not a mapping; its keys are: {', '.join(section.model_fields)}"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{message}, not {value!r}"
