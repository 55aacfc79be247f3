"""YAML that remembers the line of every key, and pydantic's complaints turned into sentences that name it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import Node

from bench.errors import InputError
from bench.study.yaml_values import Key as Key
from bench.study.yaml_values import Loader, Marks, content

MAX_BYTES = 1_000_000
"""Of a file."""
MAX_LETTERS = 500
"""Of what is called something in tables."""


class Located:
    """A YAML file's content and the line on which each of its values starts."""

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file cannot be read, is not YAML, is not a mapping, names a key twice, is too large,
        or has values that nothing could hold."""
        self.path = path
        self.marks = Marks()
        loader = self._loader(path)
        try:
            read = content(loader, self.marks, self.error)
            if not isinstance(read, dict):
                raise InputError(f"{path}:1: a study is a mapping with the keys title, claim, base, axes, ...")
            self.content: dict[str, Any] = read
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

    def _loader(self, path: Path) -> Loader:
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise InputError(f"{path}: has {path.stat().st_size:,} bytes; the most of a study is {MAX_BYTES:,}")
            return Loader(content.decode("utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None
        except yaml.YAMLError as error:
            raise InputError(f"{path}: not valid YAML: {_in_short(error)}") from None

    def error(self, at: Key, problem: str, node: Node | None = None) -> InputError:
        """An InputError that names the file, the line nearest to `at`, and the dotted path."""
        known = at
        while known and known not in self.marks.lines:
            known = known[:-1]
        line = node.start_mark.line + 1 if node else self.marks.lines.get(known, 1)
        where = f"{dotted(at)}: " if at else ""
        return InputError(f"{self.path}:{line}: {where}{problem}")


def _in_short(error: Exception) -> str:
    return getattr(error, "problem", None) or (str(error).splitlines() or ["unreadable"])[0]


def parse_value(text: str, error: Callable[[str], InputError]) -> Any:
    """The value that a line of YAML stands for, as it would be read in a file. Raises what `error` makes of a
    sentence."""

    def complain(at: Key, problem: str, _: Node | None) -> InputError:
        return error(f"{dotted(at)}: {problem}" if at else problem)

    try:
        return content(Loader(text), Marks(), complain)
    except InputError:
        raise
    except RecursionError:
        raise error("is nested too deep") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as problem:  # PyYAML's !!int x, too
        raise error(f"not a YAML value ({_in_short(problem)})") from None


def dotted(at: Key) -> str:
    """("axes", "loss.l1", 0) -> axes.loss.l1[0]"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def nearest(word: object, allowed: Sequence[str], are: str = "allowed") -> str:
    """What is allowed, or what else the names are, after the most similar one if one is close."""
    near = len(str(word)) < MAX_LETTERS  # difflib's time grows with the square
    close = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.5) if near else []
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}{are}: {', '.join(allowed)}"


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
        return f"{value!r} is not allowed; {nearest(value, allowed)}{unquoted(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "is required"
    if kind == "model_type":
        return f"{value!r} is not a mapping; its keys are: {', '.join(section.model_fields)}"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{message}, not {value!r}{unquoted(value) if kind == 'string_type' else ''}"


def unquoted(value: Any) -> str:
    """What to add to a complaint about something that is no text where a name is wanted."""
    if isinstance(value, bool):
        return "; yes, no, on and off are booleans in YAML: put a name in quotes"
    return "" if isinstance(value, str | list | dict) else "; put text in quotes"
