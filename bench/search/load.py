"""A search: YAML and overrides in, the configs and runs of its trials out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import UNTRAINED
from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.scales import SCALES
from bench.search.objectives import choose_pruner, read_constraints, read_objectives
from bench.search.proposals import check_space
from bench.search.schema import Pruner, SearchFile, SearchOverlay, study_of
from bench.search.search import Search, _own
from bench.search.space import read_space, size
from bench.study.axes import paths_overlap
from bench.study.layers import Layer, check_section, layers_of, merge, parse_override
from bench.study.load import control_layers
from bench.study.schema import ScaleName, check_name
from bench.study.shipped import reported_path, resolve_file
from bench.study.variants import MAX_RUNS, unknown_method
from bench.study.yaml_lines import Located, explain, suggest

MAX_POINTS, MAX_ASKED = 10_000, 1_000_000  # of a grid; where the command line says how many trials
CHECKS = 5  # validation points of a trial that may be pruned at them, unless the base says otherwise


def load_search(
    path: Path,
    scale: ScaleName = "small",
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    trials: int | None = None,
) -> Search:
    """Read a search; `path` may be the bare name of a shipped one. Raises InputError; writes nothing."""
    located, path = Located(resolve_file(path)), reported_path(path)
    check_name(path)
    file = _read(located).at(scale)
    if trials is None:
        _check_size(file, located)
    else:
        file = file.model_copy(update={"trials": trials})
    space = read_space(located, file.space)
    objectives = read_objectives(file, located)
    pruner = choose_pruner(file, objectives, located)
    layers, command_line = _layers(file, pruner, located, scale, data, _overrides(overrides, file, located))
    search = Search(
        path=path,
        file=file,
        scale=scale,
        layers=layers,
        command_line=command_line,
        space=space,
        objectives=objectives,
        constraints=read_constraints(file, located),
        pruner=pruner,
        located=located,
        recipe=(path, scale, data, overrides, trials),
    )
    if file.sampler == "grid":
        if (points := size(space)) is None:
            raise located.error(("sampler",), "a grid needs ranges that end: give those of the space a step, or lists")
        if points > (MAX_POINTS if trials is None else MAX_ASKED):
            most = f"{MAX_POINTS:,}, or {MAX_ASKED:,} of which --trials N says how many"
            raise located.error(("sampler",), f"these are {points:,} points; the most of a grid is {most}")
    for other in SCALES:  # a mistake there would else be found late
        if other != scale and getattr(file.scales, other) != SearchOverlay():
            merge(_layers(file, pruner, located, other, None, {})[0])
    search.config({})  # a mistake in the base is none of the space
    check_space(space, located, search.config)
    _check_method(search)
    return search


def _check_size(file: SearchFile, located: Located) -> None:
    """A file may not ask for more runs than a study; the command line may. Raises InputError with the size."""
    if (runs := file.trials * file.seeds) > MAX_RUNS:
        size = f"{file.trials:,} trials x {file.seeds:,} seeds are {runs:,} runs"
        raise located.error(("trials",), f"{size}; the most is {MAX_RUNS:,} unless you ask with --trials {file.trials}")


def _read(located: Located) -> SearchFile:
    if "axes" in located.content and "space" not in located.content:
        raise located.error(
            ("axes",), "this is a study; run it with bench run, or name it in a search as `study: PATH` with a `space`"
        )
    try:
        return SearchFile.model_validate(located.content)
    except ValidationError as error:
        at, problem = explain(error, SearchFile)[0]
        raise located.error(at, problem) from None


def _overrides(texts: tuple[str, ...], file: SearchFile, located: Located) -> dict[str, Any]:
    found = {}
    for text in texts:
        key, value = parse_override(text)
        check_section(key, ())
        for path in _leaves(file.space):
            if paths_overlap(path, key):
                raise InputError(f"command line: {text}: {path} is in the space of {located.path}; change it there")
        if key == "seed" or key == "data.score_on":
            raise InputError(f"command line: {text}: a search sets {key} itself")
        found[key] = value
    return found


def _leaves(space: dict[str, Any]) -> list[str]:
    """Keys of the space and its blocks; those that are no paths meet no override."""
    found = []
    for key, value in space.items():
        found.append(str(key))
        if isinstance(value, dict) and not {"low", "high"} & set(value):
            found += [leaf for block in value.values() if isinstance(block, dict) for leaf in _leaves(block)]
    return found


def _layers(
    file: SearchFile,
    pruner: Pruner,
    located: Located,
    scale: ScaleName,
    data: str | None,
    overrides: dict[str, Any],
) -> tuple[list[Layer], list[Layer]]:
    """Those of the default (the scale's, how often a trial is looked at, the study's, the file's), and the command
    line's."""
    overlay = getattr(file.scales, scale).base
    for at, values in {("base",): file.base, ("scales", scale, "base"): overlay}.items():
        if "seed" in values:
            raise located.error((*at, "seed"), "is what `seeds` varies")
        if isinstance(values.get("data"), dict) and "score_on" in values["data"]:
            raise located.error((*at, "data", "score_on"), "is what the search itself sets")
    lowest, base, over, *command_line = layers_of(file.base, overlay, located, scale, data, overrides)
    between = []
    if file.study is not None:
        between = control_layers(study_of(located, file.study), scale)
    looks = {"train": {"validations": CHECKS if pruner in ("median", "hyperband") else 1}}
    return [lowest, _own(looks), *between, base, over], command_line


def _check_method(search: Search) -> None:
    """The default's method and task, against the objectives; and the names of the comparison at the end."""
    file, located, config = search.file, search.located, search.default
    search.confirmed_default()
    if problem := unknown_method(config.method):
        raise located.error(("base", "method"), problem)
    if config.method in UNTRAINED:
        raise located.error(("base", "method"), f"{config.method} is not trained, so that there is nothing to search")
    for objective in search.objectives:
        if (
            objective.quantity in METRICS
            and METRICS[objective.quantity].needs == "mask"
            and config.task.name != "inpainting"
        ):
            raise located.error(("objectives", objective.quantity), "needs a task with a hole: inpainting")
    for index, name in enumerate(file.confirm.baselines):
        if problem := unknown_method(name):
            raise located.error(("confirm", "baselines", index), problem)
    for index, name in enumerate(file.confirm.metrics):
        if name not in METRICS:
            raise located.error(("confirm", "metrics", index), f"{name!r} is unknown; {suggest(name, list(METRICS))}")
