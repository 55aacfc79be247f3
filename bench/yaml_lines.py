"""YAML that remembers the line of every key, and pydantic's complaints turned into sentences that name it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, SequenceNode

from bench.config import InputError

Key = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Safe, and reads 1e-3 as the number that it is; YAML 1.1 wants 1.0e-3."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class Located:
    """A YAML file's content and the line on which each of its values starts."""

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file cannot be read, is not YAML, is not a mapping or names a key twice."""
        self.path = path
        self.lines: dict[Key, int] = {}
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), _Loader)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{path}:{line}: not valid YAML: {error.problem}") from None
        except (yaml.YAMLError, RecursionError) as error:
            raise InputError(f"{path}: not valid YAML: {_in_short(error)}") from None
        if not isinstance(root, MappingNode):
            raise InputError(f"{path}:1: a study is a mapping with the keys title, claim, base, axes, ...")
        self._walk(root, (), frozenset())
        try:
            self.content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # a tag or a date that the safe loader refuses
            mark = getattr(error, "problem_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else f"{path}"
            raise InputError(f"{where}: not valid YAML: {_in_short(error)}") from None

    def _walk(self, node: Node, at: Key, above: frozenset[int]) -> None:
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


def dotted(at: Key) -> str:
    """("axes", "loss.l1", 0) -> axes.loss.l1[0]"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def nearest(word: object, allowed: Sequence[str]) -> str:
    """What is allowed, after the most similar name if one is close."""
    close = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.5)
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
