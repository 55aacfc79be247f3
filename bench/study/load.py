"""Loads a study: reads its YAML, applies scale and overrides, checks it, and resolves its variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import PARAMETER_FREE
from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.scales import SCALES, ScaleName
from bench.study.axes import SEED_PROBLEM, Axis, control_choices, read_axes
from bench.study.hypotheses import Side, parse_hypotheses
from bench.study.layers import Layer, check_section, layers_of, parse_override
from bench.study.schema import Overlay, StudyFile, check_name
from bench.study.shipped import reported_path, resolve_file
from bench.study.study import Study
from bench.study.variants import MAX_RUNS, Variant, check_size, make_variants, seeds_of, unknown_method
from bench.study.yaml_lines import Located, dotted, explain, suggest


def load_study(
    path: Path,
    scale: ScaleName = "small",
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    max_runs: int = MAX_RUNS,
) -> Study:
    """Read a study. Raises InputError; writes nothing.

    path: a file, or the bare name of a shipped study; data: the name of a data set, or a folder.
    """
    located, path = Located(resolve_file(path)), reported_path(path)
    check_name(path)
    file, config_overrides = _override_study(read_study_file(located), scale, overrides)
    check_size(file, located, scale, max_runs)
    axes = read_axes(file, located, scale)
    _check_axes_stay(config_overrides, axes, located)
    layers = layers_of(file.base, getattr(file.scales, scale).base, located, scale, data, config_overrides)
    _check_names(file, located)
    _check_other_scales(file, located, scale, max_runs)
    control = control_choices(file, located, axes)
    variants = make_variants(file, located, layers, axes, control)
    _check_scores(file, located, variants)
    seeds = list(seeds_of(file, scale))
    arguments = (["--data", data] if data is not None else []) + list(overrides)
    return Study(
        path=path,
        title=file.title,
        claim=file.claim,
        scale=scale,
        variants=variants,
        seeds=seeds,
        baseline_seeds=seeds[: file.baseline_seeds],
        metrics=file.metrics,
        hypotheses=parse_hypotheses(file, located, {v.label: _side(v) for v in variants}),
        arguments=arguments,
    )


def read_study_file(located: Located) -> StudyFile:
    """The YAML's keys, checked. Raises InputError."""
    if "space" in located.content:
        raise located.error(("space",), f"this is a search; give it to bench search, as `bench search {located.path}`")
    content, section = located.content, located.marks.numbers.get(("claim", "section"))
    if section is not None:  # as it is written: section 3.10 is not the number 3.1
        content = content | {"claim": content["claim"] | {"section": section}}
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        at, problem = explain(error, StudyFile)[0]
        raise located.error(at, problem) from None


def _check_other_scales(file: StudyFile, located: Located, scale: ScaleName, most: int) -> None:
    """Check the parts of the file for the other scales, where a mistake would otherwise be found late."""
    for other in SCALES:
        if other != scale and getattr(file.scales, other) != Overlay():
            check_size(file, located, other, most)
            axes = read_axes(file, located, other)
            layers = layers_of(file.base, getattr(file.scales, other).base, located, other)
            make_variants(file, located, layers, axes, control_choices(file, located, axes))


def _side(variant: Variant) -> Side:
    config = variant.config
    return Side(config.task.name, variant.is_trained, has_networks=config.method not in PARAMETER_FREE)


def _override_study(file: StudyFile, scale: ScaleName, overrides: tuple[str, ...]) -> tuple[StudyFile, dict[str, Any]]:
    """The file with its own keys overridden (seeds, baselines, metrics), and the overrides that are for the config."""
    own = ("seeds", "baselines", "baseline_seeds", "metrics")
    overlay: Overlay = getattr(file.scales, scale)
    # The overlay's values are overridden by those of the command line, which are added below.
    changes = {k: v for k in ("seeds", "baseline_seeds") if (v := getattr(overlay, k)) is not None}
    for_config: dict[str, Any] = {}
    for text in overrides:
        key, value = parse_override(text)
        check_section(key, own)
        if key == "seed":
            raise InputError(f"command line: {text}: write seeds=[...] instead")
        (changes if key in own else for_config)[key] = value
    try:
        return StudyFile.model_validate(file.model_dump() | changes), for_config
    except ValidationError as error:
        at, problem = explain(error, StudyFile)[0]
        raise InputError(f"command line: {dotted(at)}: {problem}") from None


def _check_axes_stay(overrides: dict[str, Any], axes: list[Axis], located: Located) -> None:
    """Raise InputError for an override of a field that an axis varies."""
    for key, value in overrides.items():
        for axis in axes:
            if axis.touches(key):
                raise InputError(
                    f"command line: {key}={value}: {axis.name} is an axis of {located.path}; change it there"
                )


def control_layers(path: Path, scale: ScaleName) -> list[Layer]:
    """The layers that a study lays over the scale for its control: base, overlay, the control's values on the axes.

    Raises InputError.
    """
    located = Located(path)
    file = read_study_file(located)
    choices = control_choices(file, located, read_axes(file, located, scale))
    overlay = getattr(file.scales, scale).base
    return [*layers_of(file.base, overlay, located, scale)[1:], *(choice.layer for choice in choices.values())]


def _check_names(file: StudyFile, located: Located) -> None:
    overlays = {("scales", scale, "base"): getattr(file.scales, scale).base for scale in SCALES}
    for at, values in ({("base",): file.base} | overlays).items():
        if "seed" in values:
            raise located.error((*at, "seed"), SEED_PROBLEM)
    for field_name in ("metrics", "baselines"):
        names = getattr(file, field_name)
        for index, name in enumerate(names):
            problem = unknown_method(name) if field_name == "baselines" else _unknown_metric(name)
            if problem:
                raise located.error((field_name, index), problem)
            if name in names[:index]:
                raise located.error((field_name, index), f"{name!r} is given twice")


def _check_scores(file: StudyFile, located: Located, variants: list[Variant]) -> None:
    """Raise InputError for a metric of the hole where no variant has a hole."""
    for index, name in enumerate(file.metrics):
        if METRICS[name].needs == "mask" and all(v.config.task.name == "colorization" for v in variants):
            raise located.error(("metrics", index), f"{name} needs a task with a hole: inpainting")


def _unknown_metric(name: str) -> str | None:
    return None if name in METRICS else f"{name!r} is unknown; {suggest(name, list(METRICS))}"
