"""Axes: what a study varies, read into choices with a name and a config layer each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.config import RunConfig
from bench.errors import InputError
from bench.study.labels import value_labels
from bench.study.layers import Layer, check_count, flatten, nested
from bench.study.schema import Overlay, StudyFile
from bench.study.yaml_lines import Key, Located, nearest, unquoted

MAX_AXES = 50  # as many as a config has fields
SEED = "is what `seeds` varies; write seeds: [0, 1, ...] instead"


@dataclass(frozen=True)
class AxisValue:
    """One value of an axis."""

    label: str
    value: Any
    """As `control` says it: the value itself, or its name where values have names."""
    layer: Layer


@dataclass(frozen=True)
class Axis:
    """A config path, or a name of its own, and what it can be."""

    name: str
    choices: list[AxisValue]
    paths: list[str]
    """Where its variants may differ."""

    def touches(self, path: str) -> bool:
        """Whether any choice sets this path, or something that it lies in or that lies in it."""
        return _meets(path, _leaves(self.choices))


def read_axes(file: StudyFile, located: Located, scale: str) -> list[Axis]:
    """The axes at a scale. Raises InputError for a path that is no config field."""
    if len(file.axes) > MAX_AXES:
        raise located.error(("axes",), f"these are {len(file.axes):,} axes; the most is {MAX_AXES}")
    overlay: Overlay = getattr(file.scales, scale)
    over: Key = ("scales", scale, "axes")
    for axis, changed in overlay.axes.items():
        if axis not in file.axes:
            raise located.error((*over, axis), f"is not an axis; {nearest(axis, list(file.axes))}")
        if isinstance(changed, list) != isinstance(file.axes[axis], list):
            raise located.error((*over, axis), "is a list of values on one side and values with names on the other")
    lists = {axis: overlay.axes.get(axis, given) for axis, given in file.axes.items() if isinstance(given, list)}
    words = value_labels(lists)  # type: ignore[arg-type]
    axes = []
    for axis, given in file.axes.items():
        is_path = isinstance(given, list) or axis.split(".")[0] in RunConfig.model_fields
        if is_path:
            _check_path(axis, located)
        make = _path_choice if is_path else _free_choice
        if isinstance(given, list):
            where = (*over, axis) if axis in overlay.axes else ("axes", axis)
            entries = [(words[axis][i], value, value, (*where, i)) for i, value in enumerate(lists[axis])]
        else:
            entries = _named(located, axis, given, overlay.axes.get(axis, {}), over)  # type: ignore[arg-type]
        choices = [AxisValue(label, value, make(located, axis, content, at)) for label, value, content, at in entries]
        axes.append(Axis(axis, choices, [axis] if is_path else _leaves(choices)))
        for other in axes[:-1]:
            if both := next((leaf for leaf in _leaves(choices) if other.touches(leaf)), None):
                raise located.error(("axes", axis), f"sets {both}, as the axis {other.name} does; a field has one axis")
    return axes


Entry = tuple[str, Any, Any, Key]
"""Label, value as the control says it, content, and where that is written."""


def _named(located: Located, axis: str, given: dict[str, Any], changed: dict[str, Any], over: Key) -> list[Entry]:
    for name in changed:
        if name not in given:
            raise located.error((*over, axis, name), f"is not on the axis; {nearest(name, list(given))}")
    for name in given:
        if not name.strip():
            raise located.error(("axes", axis, name), "a value needs a name")
        if any(sign in name for sign in "<>") or " = " in name:
            raise located.error(("axes", axis, name), "a name with <, > or = could not be told from a hypothesis")
    return [
        (name, name, changed.get(name, content), (*over, axis, name) if name in changed else ("axes", axis, name))
        for name, content in given.items()
    ]


def _path_choice(located: Located, axis: str, content: Any, at: Key) -> Layer:
    depth = len(axis.split("."))

    def error(where: Key, problem: str) -> InputError:
        if len(where) < depth:  # a sum of several fields is wrong, not this one alone
            return located.error(at, f"with this value {problem}")
        return located.error((*at, *where[depth:]), problem)

    return Layer(nested(axis, content), error)


def _free_choice(located: Located, axis: str, content: Any, at: Key) -> Layer:
    """The layer of a value of an axis that is no path: dotted paths and what they become."""
    if not isinstance(content, dict):
        fix = "so its values are mappings of fields, such as generator.width: 32"
        raise located.error(at, f"{axis} is not a config field, {fix}")
    check_count(content, lambda problem: located.error(at, problem))
    values: dict[str, Any] = {}
    for path, inner in content.items():
        more = nested(str(path), inner)
        if twice := next((leaf for leaf in flatten(more) if _meets(leaf, flatten(values))), None):
            raise located.error((*at, path), f"sets {twice} a second time")
        values = merge_deep(values, more)
    if "seed" in values:
        raise located.error((*at, "seed"), SEED)

    def error(where: Key, problem: str) -> InputError:
        for path in content:
            parts = tuple(str(path).split("."))
            if where[: len(parts)] == parts:
                return located.error((*at, path, *where[len(parts) :]), problem)
            if where and parts[: len(where)] == where:  # the mistake lies on the way
                return located.error((*at, path), problem)
        return located.error(at, f"with this value {problem}")

    return Layer(values, error)


def merge_deep(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Both mappings in one, the right one on top."""
    both = {
        k: merge_deep(left[k], v) for k, v in right.items() if isinstance(v, dict) and isinstance(left.get(k), dict)
    }
    return {**left, **right, **both}


def _meets(path: str, leaves: Iterable[str]) -> bool:
    return any(leaves_meet(path, leaf) for leaf in leaves)


def leaves_meet(one: str, other: str) -> bool:
    """Whether two paths are the same, or one lies in the other."""
    return any(f"{a}.".startswith(f"{b}.") for a, b in ((one, other), (other, one)))


def _leaves(choices: list[AxisValue]) -> list[str]:
    return list(dict.fromkeys(path for choice in choices for path in flatten(choice.layer.values)))


def _check_path(axis: str, located: Located) -> None:
    """An axis is the path of a config field, and the seed is not set apart from `seeds`."""
    if problem := SEED if axis == "seed" else path_problem(axis):
        raise located.error(("axes", axis), problem)


def path_problem(path: str) -> str | None:
    """What is wrong with a config field's dotted path, if anything."""
    section: Any = RunConfig
    for part in path.split("."):
        fields = list(getattr(section, "model_fields", {}))
        if part not in fields:
            return f"unknown key; {nearest(part, fields)}" if fields else "lies inside a value; name the field itself"
        section = section.model_fields[part].annotation
    return None


def control_choices(file: StudyFile, located: Located, axes: list[Axis]) -> dict[str, AxisValue]:
    """Axis -> the control's choice. Raises InputError unless `control` names one of each axis."""
    for name in file.control:
        if name not in file.axes:
            raise located.error(("control", name), f"is not an axis; {nearest(name, list(file.axes))}")
    found = {}
    for axis in axes:
        if axis.name not in file.control:
            raise located.error(("control",), f"does not say the value of the axis {axis.name}")
        wanted = file.control[axis.name]
        same = (c for c in axis.choices if c.value == wanted and isinstance(c.value, bool) == isinstance(wanted, bool))
        choice = next(same, None)
        if choice is None:
            shown = ", ".join(str(c.value) for c in axis.choices)
            raise located.error(
                ("control", axis.name), f"{wanted!r} is not on the axis; allowed: {shown}{unquoted(wanted)}"
            )
        found[axis.name] = choice
    return found
