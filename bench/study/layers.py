"""Config layers (scale, study, command line, axis values), merged into a RunConfig; errors blame the right layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from bench.config import BUDGETS, RunConfig, Section
from bench.errors import InputError
from bench.scales import SCALES, ScaleName
from bench.study.yaml_lines import Key, Located, dotted, explain, parse_value, suggest
from bench.study.yaml_values import MAX_DEPTH

MAX_FIELDS = 500
"""The most values of a config layer; a config has about fifty fields."""


@dataclass(frozen=True)
class Layer:
    """Values that are laid over those of the layers before."""

    values: dict[str, Any]
    error: Callable[[Key, str], InputError]
    """(path, sentence) -> the error about a mistake in the values, which names where they were given."""


def merge(layers: Sequence[Layer]) -> RunConfig:
    """The config of RunConfig's defaults and all layers, of which later ones win.

    Two values replace what lies below instead of merging with it: a schedule that states its kind or is a bare number,
    and the budget (train.steps, images, seconds or flops). Raises InputError that blames the layer at fault.
    """
    merged: Any = OmegaConf.create(RunConfig().model_dump(mode="json"))
    for layer in layers:
        _check_sections(layer)
        values = layer.values
        if isinstance(values.get("task"), str):  # the short form could not be merged with the next layer's fields
            values = {**values, "task": {"name": values["task"]}}
        # OmegaConf merges mappings key by key, and would mix the old budget or schedule with the new one.
        _clear_replaced(merged, values)
        try:
            merged = OmegaConf.unsafe_merge(merged, OmegaConf.create(values))  # without copies: both are ours
        except (OmegaConfBaseException, TypeError) as error:
            raise layer.error((), str(error).splitlines()[0]) from None
    try:
        return RunConfig.model_validate(OmegaConf.to_container(merged, resolve=False))
    except OmegaConfBaseException as error:
        raise blame(layers, ())((), str(error).splitlines()[0]) from None
    except ValidationError as error:
        at, problem = explain(error, RunConfig)[0]
        raise _error_without_last(layers, problem) or blame(layers, at)(at, problem) from None


def _error_without_last(layers: Sequence[Layer], problem: str) -> InputError | None:
    """The error of the layers without the last one, if it is the same problem: then the last one is not at fault."""
    if len(layers) < 2:
        return None
    try:
        merge(layers[:-1])
    except InputError as earlier:
        return earlier if str(earlier).endswith(problem) else None
    return None


def _check_sections(layer: Layer) -> None:
    """Refuse what OmegaConf would not: a section given as a bare value, which would vanish under the next layer, and a
    layer so large that merging takes minutes. Raises InputError."""
    check_count(layer.values, lambda problem: layer.error((), problem))
    for name, value in layer.values.items():
        default = getattr(RunConfig(), name, None)
        is_task_name = name == "task" and isinstance(value, str)
        if isinstance(default, Section) and not isinstance(value, dict) and not is_task_name:
            keys = ", ".join(type(default).model_fields)
            raise layer.error((name,), f"{value!r} is not a mapping; its keys are: {keys}")


def _clear_replaced(merged: Any, values: dict[str, Any]) -> None:
    """Remove the budget and the schedule that the values replace."""
    train, loss = values.get("train"), values.get("loss")
    has_budget = isinstance(train, dict) and any(train.get(budget) is not None for budget in BUDGETS)
    if has_budget and isinstance(merged.get("train"), DictConfig):
        for budget in BUDGETS:
            merged.train[budget] = None
    if isinstance(loss, dict) and "l1" in loss and isinstance(merged.get("loss"), DictConfig):
        schedule = loss["l1"]
        if not isinstance(schedule, dict) or "kind" in schedule:
            merged.loss.pop("l1", None)


def check_count(values: Any, error: Callable[[str], InputError]) -> None:
    """Refuse more values than any config has. Raises the error that `error` makes of the sentence."""
    if (count := count_values(values)) > MAX_FIELDS:
        raise error(f"has {count:,} values; a config has about fifty")


def count_values(values: Any) -> int:
    """The number of values in nested mappings and lists; an empty one counts as a value."""
    inner = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    return sum(map(count_values, inner)) or 1


def blame(layers: Sequence[Layer], at: Key) -> Callable[[Key, str], InputError]:
    """The `error` of the layer to blame for an error at `path`: the last one that sets it, or a section around it."""
    # The path itself first, then ever larger sections around it.
    for length in range(len(at), -1, -1):
        for layer in reversed(layers):
            if layer.values and _sets(layer.values, at[:length]):
                return layer.error
    return lambda at, problem: InputError(f"{dotted(at)}: {problem}")


def _sets(values: Any, at: Key) -> bool:
    for part in at:
        if not isinstance(values, dict):
            return True  # the path lies inside a value that the layer sets as a whole
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


def check_section(path: str, others: Sequence[str]) -> None:
    """Raise InputError unless the first part of an override's path is a config section or one of `others`."""
    top = path.split(".")[0]
    allowed = [*RunConfig.model_fields, *others]
    if top not in allowed:
        raise InputError(f"command line: {path}: unknown key; {suggest(top, allowed)}")


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
    """The values that a scale sets."""
    return Layer(SCALES[scale], lambda at, problem: InputError(f"scale {scale}: {dotted(at)}: {problem}"))


def command_layers(data: str | None, overrides: dict[str, Any]) -> list[Layer]:
    """The layers of the command line: --data, then each key=value."""
    layers = []
    if data is not None:
        if not data.isprintable():
            raise InputError(f"command line: --data {data!r} cannot be printed, as reports do; rename the folder")
        chosen = {"name": data} if data in ("photos", "places365") else {"name": "folder", "path": data}
        layers.append(Layer({"data": chosen}, lambda at, problem: InputError(f"--data {data}: {problem}")))
    return layers + [_override_layer(key, value) for key, value in overrides.items()]


def _override_layer(key: str, value: Any) -> Layer:
    return Layer(
        nested(key, value),
        lambda at, problem: InputError(f"command line: {key}={value}: {f'{dotted(at)}: ' if at else ''}{problem}"),
    )
