"""The axes of a study: each value has a label and a config layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.config import RunConfig
from bench.errors import InputError
from bench.study.labels import value_labels
from bench.study.layers import Layer, check_count, flatten, nested
from bench.study.schema import Overlay, StudyFile
from bench.study.yaml_lines import Key, Located, quotes_hint, suggest

MAX_AXES = 50  # about the number of a config's fields
SEED_PROBLEM = "is varied by `seeds`; write seeds: [0, 1, ...] instead"


@dataclass(frozen=True)
class AxisValue:
    """One value of an axis."""

    label: str
    value: Any
    """The value as `control` gives it: the value itself, or its name where values have names."""
    layer: Layer
    """The config that the value sets."""


@dataclass(frozen=True)
class Axis:
    """A config path, or a name of the study's own, and its values."""

    name: str
    choices: list[AxisValue]
    paths: list[str]
    """The config paths in which its variants may differ."""

    def touches(self, path: str) -> bool:
        """Whether any choice sets this path, a part of it, or a section around it."""
        return _overlaps_any(path, _leaves(self.choices))


def read_axes(file: StudyFile, located: Located, scale: str) -> list[Axis]:
    """The axes at a scale. Raises InputError for a path that is no config field."""
    if len(file.axes) > MAX_AXES:
        raise located.error(("axes",), f"has {len(file.axes):,} axes; the most is {MAX_AXES}")
    overlay: Overlay = getattr(file.scales, scale)
    overlay_at: Key = ("scales", scale, "axes")
    for axis, changed in overlay.axes.items():
        if axis not in file.axes:
            raise located.error((*overlay_at, axis), f"is not an axis; {suggest(axis, list(file.axes))}")
        if isinstance(changed, list) != isinstance(file.axes[axis], list):
            raise located.error((*overlay_at, axis), "is a list here and a mapping in `axes`, or the reverse")
    lists = {axis: overlay.axes.get(axis, given) for axis, given in file.axes.items() if isinstance(given, list)}
    # From all axes at once: a value needs its axis's name in the label where two axes share the value.
    labels = value_labels(lists)  # type: ignore[arg-type]
    axes = []
    for axis, given in file.axes.items():
        is_path = isinstance(given, list) or axis.split(".")[0] in RunConfig.model_fields
        if is_path:
            _check_path(axis, located)
        make_layer = _path_layer if is_path else _free_layer
        if isinstance(given, list):
            where = (*overlay_at, axis) if axis in overlay.axes else ("axes", axis)
            entries = [_Entry(labels[axis][i], value, value, (*where, i)) for i, value in enumerate(lists[axis])]
        else:
            entries = _named_entries(located, axis, given, overlay.axes.get(axis, {}), overlay_at)  # type: ignore[arg-type]
        choices = [AxisValue(e.label, e.value, make_layer(located, axis, e.content, e.at)) for e in entries]
        axes.append(Axis(axis, choices, [axis] if is_path else _leaves(choices)))
        # With two axes on one field, a variant would depend on their order.
        for other in axes[:-1]:
            if shared := next((leaf for leaf in _leaves(choices) if other.touches(leaf)), None):
                raise located.error(
                    ("axes", axis), f"sets {shared}, as the axis {other.name} does; a field has one axis"
                )
    return axes


class _Entry(NamedTuple):
    """A value of an axis as it is written."""

    label: str
    value: Any
    """As in AxisValue."""
    content: Any
    at: Key
    """The place of the content in the file."""


def _named_entries(
    located: Located, axis: str, given: dict[str, Any], changed: dict[str, Any], overlay_at: Key
) -> list[_Entry]:
    for name in changed:
        if name not in given:
            raise located.error((*overlay_at, axis, name), f"is not on the axis; {suggest(name, list(given))}")
    for name in given:
        if not name.strip():
            raise located.error(("axes", axis, name), "a value needs a name")
        if any(sign in name for sign in "<>") or " = " in name:
            raise located.error(
                ("axes", axis, name), "a name with <, > or = would be ambiguous in a hypothesis; leave the sign out"
            )
    return [
        _Entry(
            label=name,
            value=name,
            content=changed.get(name, content),
            at=(*overlay_at, axis, name) if name in changed else ("axes", axis, name),
        )
        for name, content in given.items()
    ]


def _path_layer(located: Located, axis: str, content: Any, at: Key) -> Layer:
    depth = len(axis.split("."))

    def error(where: Key, problem: str) -> InputError:
        if len(where) < depth:  # several fields together are wrong, not this one alone
            return located.error(at, f"with this value {problem}")
        return located.error((*at, *where[depth:]), problem)

    return Layer(nested(axis, content), error)


def _free_layer(located: Located, axis: str, content: Any, at: Key) -> Layer:
    """The layer of a value on an axis that is no config path: dotted paths and their values."""
    if not isinstance(content, dict):
        fix = "so write its values as mappings of fields, such as generator.width: 32"
        raise located.error(at, f"{axis} is not a config field, {fix}")
    check_count(content, lambda problem: located.error(at, problem))
    values: dict[str, Any] = {}
    for path, inner in content.items():
        addition = nested(str(path), inner)
        if repeated := next((leaf for leaf in flatten(addition) if _overlaps_any(leaf, flatten(values))), None):
            raise located.error((*at, path), f"sets {repeated} a second time")
        values = merge_deep(values, addition)
    if "seed" in values:
        raise located.error((*at, "seed"), SEED_PROBLEM)

    def error(where: Key, problem: str) -> InputError:
        for path in content:
            parts = tuple(str(path).split("."))
            if where[: len(parts)] == parts:
                return located.error((*at, path, *where[len(parts) :]), problem)
            if where and parts[: len(where)] == where:  # the mistake is in a section around the field
                return located.error((*at, path), problem)
        return located.error(at, f"with this value {problem}")

    return Layer(values, error)


def merge_deep(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """The two mappings merged at every depth; values of the right one win."""
    nested_both = {
        k: merge_deep(left[k], v) for k, v in right.items() if isinstance(v, dict) and isinstance(left.get(k), dict)
    }
    return {**left, **right, **nested_both}


def _overlaps_any(path: str, others: Iterable[str]) -> bool:
    return any(paths_overlap(path, other) for other in others)


def paths_overlap(left: str, right: str) -> bool:
    """Whether two dotted paths are the same, or one lies in the other."""
    return f"{left}.".startswith(f"{right}.") or f"{right}.".startswith(f"{left}.")


def _leaves(choices: list[AxisValue]) -> list[str]:
    return list(dict.fromkeys(path for choice in choices for path in flatten(choice.layer.values)))


def _check_path(axis: str, located: Located) -> None:
    """Raise InputError unless the axis is the path of a config field other than the seed."""
    if problem := SEED_PROBLEM if axis == "seed" else path_problem(axis):
        raise located.error(("axes", axis), problem)


def path_problem(path: str) -> str | None:
    """The sentence about a dotted path that is no config field; None if it is one."""
    section: Any = RunConfig
    for part in path.split("."):
        fields = list(getattr(section, "model_fields", {}))
        if part not in fields:
            return f"unknown key; {suggest(part, fields)}" if fields else "lies inside a value; name the field itself"
        section = section.model_fields[part].annotation
    return None


def control_choices(file: StudyFile, located: Located, axes: list[Axis]) -> dict[str, AxisValue]:
    """Axis -> the control's value. Raises InputError unless `control` names a value of each axis."""
    for name in file.control:
        if name not in file.axes:
            raise located.error(("control", name), f"is not an axis; {suggest(name, list(file.axes))}")
    chosen = {}
    for axis in axes:
        if axis.name not in file.control:
            raise located.error(("control",), f"lacks the axis {axis.name}; give it one of its values")
        wanted = file.control[axis.name]
        # In Python 1 equals True, and here they are different values.
        same = (c for c in axis.choices if c.value == wanted and isinstance(c.value, bool) == isinstance(wanted, bool))
        choice = next(same, None)
        if choice is None:
            shown = ", ".join(str(c.value) for c in axis.choices)
            raise located.error(
                ("control", axis.name), f"{wanted!r} is not on the axis; allowed: {shown}{quotes_hint(wanted)}"
            )
        chosen[axis.name] = choice
    return chosen
