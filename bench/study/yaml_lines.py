"""YAML that keeps the line of every key, and pydantic's errors as sentences, so that messages name file and line."""

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
from bench.study.yaml_values import Loader, Marks, read_document

MAX_BYTES = 1_000_000
"""The largest size of a file."""
MAX_LETTERS = 500
"""The longest label in tables."""


class Located:
    """The content of a YAML file, and the line on which each of its values starts."""

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file cannot be read, is not YAML, is not a mapping, has a key twice, is too large,
        or has a value of a kind that no config has."""
        self.path = path
        self.marks = Marks()
        loader = self._loader(path)
        try:
            document = read_document(loader, self.marks, self.error)
            if not isinstance(document, dict):
                raise InputError(f"{path}:1: a study is a mapping with the keys title, claim, base, axes, ...")
            self.content: dict[str, Any] = document
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{path}:{line}: not valid YAML: {error.problem}") from None
        except RecursionError:
            raise InputError(f"{path}: is nested too deep") from None
        except InputError:
            raise
        except (
            yaml.YAMLError,
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
        ) as error:  # PyYAML raises these, too
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
        marked = at
        while marked and marked not in self.marks.lines:
            marked = marked[:-1]
        line = node.start_mark.line + 1 if node else self.marks.lines.get(marked, 1)
        where = f"{dotted(at)}: " if at else ""
        return InputError(f"{self.path}:{line}: {where}{problem}")


def _in_short(error: Exception) -> str:
    return getattr(error, "problem", None) or (str(error).splitlines() or ["unreadable"])[0]


def parse_value(text: str, error: Callable[[str], InputError]) -> Any:
    """The value of a line of YAML, read as in a file. Raises the error that `error` makes of a sentence."""

    def complain(at: Key, problem: str, _: Node | None) -> InputError:
        return error(f"{dotted(at)}: {problem}" if at else problem)

    try:
        return read_document(Loader(text), Marks(), complain)
    except InputError:
        raise
    except RecursionError:
        raise error("is nested too deep") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as problem:  # PyYAML raises these, too
        raise error(f"not a YAML value ({_in_short(problem)})") from None


def dotted(at: Key) -> str:
    """("axes", "loss.l1", 0) -> axes.loss.l1[0]"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def suggest(word: object, names: Sequence[str], kind: str = "allowed") -> str:
    """A hint for an unknown word: the most similar name if one is close, then all names."""
    is_short = len(str(word)) < MAX_LETTERS  # difflib's time grows with the square
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5) if is_short else []
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}{kind}: {', '.join(names)}"


def explain(error: ValidationError, model: type[BaseModel]) -> list[tuple[Key, str]]:
    """Each mistake as (path, sentence); the sentence names the allowed values and the most similar one.

    A value whose type is a union gives one mistake, not one for each member.
    """
    sentences: dict[Key, str] = {}
    # Unknown keys first: a misspelt key explains why another one is missing.
    for item in sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden"):
        at, section = _real_path(model, item["loc"], unknown_key=item["type"] == "extra_forbidden")
        sentence = _sentence(item, at, section)
        sentences[at] = f"{sentences[at]}, or: {sentence}" if at in sentences else sentence
    return list(sentences.items())


def _real_path(model: type[BaseModel], loc: Key, unknown_key: bool) -> tuple[Key, type[BaseModel]]:
    """pydantic's loc without the names of union members, and the innermost section on the way."""
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
        return f"unknown key; {suggest(at[-1], list(section.model_fields))}"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return f"{value!r} is not allowed; {suggest(value, allowed)}{quotes_hint(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "is required"
    if kind == "model_type":
        return f"{value!r} is not a mapping; its keys are: {', '.join(section.model_fields)}"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{message}, not {value!r}{quotes_hint(value) if kind == 'string_type' else ''}"


def quotes_hint(value: Any) -> str:
    """The end of a message about a value that is not text where text is wanted: put it in quotes."""
    if isinstance(value, bool):
        return "; yes, no, on and off are booleans in YAML: put a name in quotes"
    return "" if isinstance(value, str | list | dict) else "; put text in quotes"
