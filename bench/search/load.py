"""Load a search: YAML and overrides in, a checked `Search` out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines import UNTRAINED
from bench.errors import InputError
from bench.measure.metrics import METRICS
from bench.scales import SCALES, ScaleName
from bench.search.objectives import choose_pruner, read_constraints, read_objectives
from bench.search.proposals import check_space
from bench.search.schema import Pruner, SearchFile, SearchOverlay, find_study
from bench.search.search import Search, SearchArguments, search_layer
from bench.search.space import count_configs, read_space
from bench.study.axes import paths_overlap
from bench.study.layers import Layer, check_section, layers_of, merge, parse_override
from bench.study.load import control_layers
from bench.study.schema import check_name
from bench.study.shipped import reported_path, resolve_file
from bench.study.variants import MAX_RUNS, unknown_method
from bench.study.yaml_lines import Located, explain, suggest

MAX_GRID_POINTS = 10_000
MAX_REQUESTED_GRID_POINTS = 1_000_000  # where the command line gives the number of trials
PRUNED_VALIDATIONS = 5  # of a trial that a pruner may stop at one of them, unless the base sets another number


def load_search(
    path: Path,
    scale: ScaleName = "small",
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    trials: int | None = None,
) -> Search:
    """Read a search; `path` may be the bare name of a shipped one. Raises InputError; writes nothing."""
    return read_search(SearchArguments(path, scale, data, overrides, trials))


def read_search(arguments: SearchArguments) -> Search:
    """`load_search` with its arguments in one object. Raises InputError; writes nothing."""
    located = Located(resolve_file(arguments.path))
    arguments = replace(arguments, path=reported_path(arguments.path))
    check_name(arguments.path)
    file = _read_file(located).at(arguments.scale)
    if arguments.trials is None:
        _check_run_count(file, located)
    else:
        file = file.model_copy(update={"trials": arguments.trials})
    space = read_space(located, file.space)
    objectives = read_objectives(file, located)
    pruner = choose_pruner(file, objectives, located)
    overrides = _read_overrides(arguments.overrides, file, located)
    layers, command_line = _layers(file, pruner, located, arguments.scale, arguments.data, overrides)
    search = Search(
        arguments=arguments,
        located=located,
        file=file,
        layers=layers,
        command_line=command_line,
        space=space,
        objectives=objectives,
        constraints=read_constraints(file, located),
        pruner=pruner,
    )
    _check_grid(search)
    _check_other_scales(search)
    search.config({})  # reports a mistake in the base as such, before the space is blamed for it
    check_space(space, located, search.config)
    _check_names(search)
    return search


def _read_file(located: Located) -> SearchFile:
    if "axes" in located.content and "space" not in located.content:
        raise located.error(
            ("axes",), "this is a study; run it with bench run, or name it in a search as `study: PATH` with a `space`"
        )
    try:
        return SearchFile.model_validate(located.content)
    except ValidationError as error:
        at, problem = explain(error, SearchFile)[0]
        raise located.error(at, problem) from None


def _check_run_count(file: SearchFile, located: Located) -> None:
    """A file may not ask for more runs than a study may; the command line may. Raises InputError with the count."""
    if (runs := file.trials * file.seeds) > MAX_RUNS:
        product = f"{file.trials:,} trials x {file.seeds:,} seed{'' if file.seeds == 1 else 's'} are {runs:,} runs"
        raise located.error(
            ("trials",), f"{product}; the maximum is {MAX_RUNS:,} unless you pass --trials {file.trials}"
        )


def _read_overrides(texts: tuple[str, ...], file: SearchFile, located: Located) -> dict[str, Any]:
    overrides = {}
    for text in texts:
        key, value = parse_override(text)
        check_section(key, ())
        for path in _leaves(file.space):
            if paths_overlap(path, key):
                raise InputError(f"command line: {text}: {path} is in the space of {located.path}; change it there")
        if key == "seed" or key == "data.score_on":
            raise InputError(f"command line: {text}: the search itself sets {key}")
        overrides[key] = value
    return overrides


def _leaves(space: dict[str, Any]) -> list[str]:
    """The keys of the space and of its blocks. Names of blocks are among them; they clash with no override."""
    leaves = []
    for key, value in space.items():
        leaves.append(str(key))
        if isinstance(value, dict) and not {"low", "high"} & set(value):
            leaves += [leaf for block in value.values() if isinstance(block, dict) for leaf in _leaves(block)]
    return leaves


def _layers(
    file: SearchFile,
    pruner: Pruner,
    located: Located,
    scale: ScaleName,
    data: str | None,
    overrides: dict[str, Any],
) -> tuple[list[Layer], list[Layer]]:
    """The layers of the default config (the scale, the number of validations, the study, the file), and those of the
    command line."""
    overlay = getattr(file.scales, scale).base
    for at, values in {("base",): file.base, ("scales", scale, "base"): overlay}.items():
        if "seed" in values:
            raise located.error((*at, "seed"), "`seeds` varies the seed; remove it here")
        if isinstance(values.get("data"), dict) and "score_on" in values["data"]:
            raise located.error((*at, "data", "score_on"), "the search itself sets this; remove it here")
    lowest, base, over, *command_line = layers_of(file.base, overlay, located, scale, data, overrides)
    between = []
    if file.study is not None:
        between = control_layers(find_study(located, file.study), scale)
    validations = PRUNED_VALIDATIONS if pruner in ("median", "hyperband") else 1
    return [lowest, search_layer({"train": {"validations": validations}}), *between, base, over], command_line


def _check_grid(search: Search) -> None:
    """Raises InputError for a grid without an end, or with too many points."""
    if search.file.sampler != "grid":
        return
    if (points := count_configs(search.space)) is None:
        raise search.located.error(
            ("sampler",), "a grid needs a finite space: give every range of real numbers a step, or list its values"
        )
    if points > (MAX_GRID_POINTS if search.arguments.trials is None else MAX_REQUESTED_GRID_POINTS):
        limits = f"{MAX_GRID_POINTS:,}, or {MAX_REQUESTED_GRID_POINTS:,} with --trials N"
        raise search.located.error(("sampler",), f"the grid has {points:,} points; the maximum is {limits}")


def _check_other_scales(search: Search) -> None:
    """Raises InputError for a mistake in an overlay that this scale does not use: else it shows up only there."""
    for scale in SCALES:
        if scale != search.scale and getattr(search.file.scales, scale) != SearchOverlay():
            merge(_layers(search.file, search.pruner, search.located, scale, None, {})[0])


def _check_names(search: Search) -> None:
    """Check the default's method and task against the objectives, and the names in `confirm`. Raises InputError."""
    file, located, config = search.file, search.located, search.default
    search.confirmed_default()
    if problem := unknown_method(config.method):
        raise located.error(("base", "method"), problem)
    if config.method in UNTRAINED:
        raise located.error(("base", "method"), f"{config.method} is not trained, so there is nothing to search")
    for metric in search.metrics:
        if METRICS[metric].needs == "mask" and config.task.name != "inpainting":
            raise located.error(("objectives", metric), "needs a task with a hole: inpainting")
    for index, name in enumerate(file.confirm.baselines):
        if problem := unknown_method(name):
            raise located.error(("confirm", "baselines", index), problem)
    for index, name in enumerate(file.confirm.metrics):
        if name not in METRICS:
            raise located.error(("confirm", "metrics", index), f"{name!r} is unknown; {suggest(name, list(METRICS))}")
