"""Config layers (scale, study, command line, axis values) merged into a RunConfig; errors name the layer at fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from bench.config import BUDGETS, RunConfig, Section
from bench.errors import InputError
from bench.scales import SCALES
from bench.study.schema import ScaleName
from bench.study.yaml_lines import Key, Located, dotted, explain, nearest, parse_value
from bench.study.yaml_values import MAX_DEPTH

MAX_FIELDS = 500
"""Of a config layer."""


@dataclass(frozen=True)
class Layer:
    """Values that lie over those of the layers before, and how to speak of a mistake in them."""

    values: dict[str, Any]
    error: Callable[[Key, str], InputError]


def merge(layers: Sequence[Layer]) -> RunConfig:
    """The defaults under all layers, later ones on top. Raises InputError that blames the layer with the mistake.

    Two things replace what lies below instead of mixing with it: a schedule that states its kind or is a bare
    number, and the budget (train.steps, images, seconds or flops).
    """
    merged: Any = OmegaConf.create(RunConfig().model_dump(mode="json"))
    for layer in layers:
        _check_sections(layer)
        values = layer.values
        if isinstance(values.get("task"), str):  # its short form, which the next layer would replace
            values = {**values, "task": {"name": values["task"]}}
        _make_way(merged, values)
        try:
            merged = OmegaConf.unsafe_merge(merged, OmegaConf.create(values))  # no copies: both are ours
        except (OmegaConfBaseException, TypeError) as error:
            raise layer.error((), str(error).splitlines()[0]) from None
    try:
        return RunConfig.model_validate(OmegaConf.to_container(merged, resolve=False))
    except OmegaConfBaseException as error:
        raise blame(layers, ())((), str(error).splitlines()[0]) from None
    except ValidationError as error:
        at, problem = explain(error, RunConfig)[0]
        raise _earliest(layers, problem) or blame(layers, at)(at, problem) from None


def _earliest(layers: Sequence[Layer], problem: str) -> InputError | None:
    """The complaint as it is without the last layer, if it is there already: then that layer is not at fault."""
    if len(layers) < 2:
        return None
    try:
        merge(layers[:-1])
    except InputError as earlier:
        return earlier if str(earlier).endswith(problem) else None
    return None


def _check_sections(layer: Layer) -> None:
    """A section given as a bare value would vanish under the next layer instead of being complained of; and so large a
    one would take OmegaConf minutes."""
    check_count(layer.values, lambda problem: layer.error((), problem))
    for name, value in layer.values.items():
        default = getattr(RunConfig(), name, None)
        named = name == "task" and isinstance(value, str)
        if isinstance(default, Section) and not isinstance(value, dict) and not named:
            keys = ", ".join(type(default).model_fields)
            raise layer.error((name,), f"{value!r} is not a mapping; its keys are: {keys}")


def _make_way(merged: Any, values: dict[str, Any]) -> None:
    train, loss = values.get("train"), values.get("loss")
    if isinstance(train, dict) and isinstance(merged.get("train"), DictConfig):
        given = [budget for budget in BUDGETS if train.get(budget) is not None]
        if given:
            for budget in BUDGETS:
                merged.train[budget] = None
    if isinstance(loss, dict) and "l1" in loss and isinstance(merged.get("loss"), DictConfig):
        schedule = loss["l1"]
        if not isinstance(schedule, dict) or "kind" in schedule:
            merged.loss.pop("l1", None)


def check_count(values: Any, error: Callable[[str], InputError]) -> None:
    """Refuse more values than any config has. Raises what `error` makes of the sentence."""
    if (count := count_values(values)) > MAX_FIELDS:
        raise error(f"has {count:,} values; a config has some fifty")


def count_values(values: Any) -> int:
    """Of a nested mapping or list: what is neither, and what is empty."""
    inner = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    return sum(map(count_values, inner)) or 1


def blame(layers: Sequence[Layer], at: Key) -> Callable[[Key, str], InputError]:
    """Who to speak through of a mistake at a path: the last layer that says something on that path."""
    for length in range(len(at), -1, -1):  # who says this; else who says something of what it lies in
        for layer in reversed(layers):
            if layer.values and _says(layer.values, at[:length]):
                return layer.error
    return lambda at, problem: InputError(f"{dotted(at)}: {problem}")


def _says(values: Any, at: Key) -> bool:
    for part in at:
        if not isinstance(values, dict):
            return True  # the mistake lies inside a value that this layer gave whole
        if part not in values:
            return False
        values = values[part]
    return True


def nested(path: str, value: Any) -> dict[str, Any]:
    """("a.b", 1) -> {"a": {"b": 1}}"""
    for part in reversed(path.split(".")):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def parse_override(text: str) -> tuple[str, Any]:
    """`train.steps=500` -> ("train.steps", 500), the value read as YAML. Raises InputError."""
    path, equals, given = text.partition("=")
    if not equals or not path or any(not part for part in path.split(".")) or path.count(".") >= MAX_DEPTH:
        raise InputError(
            f"command line: {text!r} is not an override; write it as key=value, for example train.steps=500"
        )
    value = parse_value(given, lambda problem: InputError(f"command line: {text!r}: {problem}"))
    return path, value


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def difference(config: RunConfig, control: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Dotted path -> (the control's value, this config's value), where they differ."""
    ours, theirs = flatten(config.identity()), flatten(control.identity())
    return {key: (theirs.get(key), ours.get(key)) for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)}


def check_top(path: str, others: Sequence[str]) -> None:
    """Raise InputError unless the first part of an override's path is a config section or one of `others`."""
    top = path.split(".")[0]
    allowed = [*RunConfig.model_fields, *others]
    if top not in allowed:
        raise InputError(f"command line: {path}: unknown key; {nearest(top, allowed)}")


def layers_of(
    base: dict[str, Any],
    overlay: dict[str, Any],
    located: Located,
    scale: ScaleName,
    data: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> list[Layer]:
    """The layers of a file's config: the scale, the file's base, its overlay at the scale, then the command line."""
    return [
        scale_layer(scale),
        Layer(base, lambda at, problem: located.error(("base", *at), problem)),
        Layer(overlay, lambda at, problem: located.error(("scales", scale, "base", *at), problem)),
        *command_layers(data, overrides or {}),
    ]


def scale_layer(scale: ScaleName) -> Layer:
    """What a scale stands for."""
    return Layer(SCALES[scale], lambda at, problem: InputError(f"scale {scale}: {dotted(at)}: {problem}"))


def command_layers(data: str | None, overrides: dict[str, Any]) -> list[Layer]:
    """What the command line lays over everything: --data, then key=value."""
    layers = []
    if data is not None:
        if not data.isprintable():
            raise InputError(f"command line: --data {data!r} cannot be printed, as reports do; rename the folder")
        chosen = {"name": data} if data in ("photos", "places365") else {"name": "folder", "path": data}
        layers.append(Layer({"data": chosen}, lambda at, problem: InputError(f"--data {data}: {problem}")))
    return layers + [_command_line(key, value) for key, value in overrides.items()]


def _command_line(key: str, value: Any) -> Layer:
    return Layer(
        nested(key, value),
        lambda at, problem: InputError(f"command line: {key}={value}: {f'{dotted(at)}: ' if at else ''}{problem}"),
    )
