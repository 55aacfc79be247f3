"""Which cases are measured: of a study, of methods, and of the paper's model against pix2pix's reference loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from baselines import ONLY_FOR, UNTRAINED
from bench.config import RunConfig
from bench.errors import InputError, is_file
from bench.study.layers import Layer, check_section, command_layers, merge, parse_override, scale_layer
from bench.study.load import load_study
from bench.study.schema import ScaleName
from bench.study.shipped import HOW, find_file
from bench.study.variants import unknown_method

Workload = Literal["training", "inference", "scoring"]
Loop = Literal["as run", "plain", "reference", "compiled", "cuda graphs", "one at a time", "shared"]
"""as run: what `bench run` does. plain: training and inference as one would first write them. reference: pix2pix as its
authors' release trains it. compiled: inference by torch.compile with frozen weights. cuda graphs: training with
--cuda-graphs. one at a time, shared: of scoring."""

REFERENCE = "pix2pix, its reference loop"
Rung = tuple[str, Loop, int]
"""Precision, loop, batch size."""
INFERENCE: tuple[Rung, ...] = (
    ("fp32", "plain", 8),
    ("fp32", "as run", 8),
    ("bf16", "as run", 8),
    ("fp32", "compiled", 8),
    ("bf16", "compiled", 8),
)
GRAPHS: tuple[Rung, ...] = (("bf16", "as run", 64), ("bf16", "cuda graphs", 8), ("bf16", "cuda graphs", 64))
"""Where there is a GPU."""


@dataclass(frozen=True)
class Table:
    """Cases that are measured in turn; ratios are to the first."""

    title: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Plan:
    """All that one command measures."""

    name: str
    title: str
    tables: tuple[Table, ...]
    latencies: tuple[Case, ...] = ()
    sweeps: tuple[Case, ...] = ()
    packed: Case | None = None
    waiting: tuple[Case, ...] = ()
    """Training steps whose share of time for data is asked for."""


def plan_of(
    targets: Sequence[str],
    scale: ScaleName,
    data: str | None,
    overrides: Sequence[str],
    against: bool,
    batch: int | None,
    on_cuda: bool,
) -> Plan:
    """Of one study or some methods; with `against` pix2pix's reference loop is the first row of training. Of nothing
    but `against`: the tables of `against_pix2pix`. Raises InputError."""
    if not targets:
        if not against:
            raise InputError("command line: nothing to measure; give a STUDY, METHODs or --against pix2pix")
        return against_pix2pix(data, overrides, on_cuda)
    named, name, title = _configs(targets, scale, data, overrides)
    if batch is not None:
        named = [(label, _at(config, train={"batch_size": batch})) for label, config in named]
    training = [_case(label, config, "training") for label, config in named if config.method not in UNTRAINED]
    inference = [_case(label, config, "inference") for label, config in named]
    if against:
        control = named[0][1]
        training.insert(0, Case(REFERENCE, control, "training", 1, "reference"))
    tables = [Table("Training step", tuple(training)), Table("Inference", tuple(inference))]
    swept = [case for case in (*training, *inference) if case.loop != "reference"]
    return Plan(
        name=name,
        title=title,
        tables=tuple(table for table in tables if table.cases),
        latencies=tuple(inference),
        sweeps=tuple(swept),
        packed=next((case for case in training if case.loop != "reference"), None),
    )


def _configs(
    targets: Sequence[str], scale: ScaleName, data: str | None, overrides: Sequence[str]
) -> tuple[list[tuple[str, RunConfig]], str, str]:
    """Labelled configs, the record's name and its title."""
    files = [target for target in targets if _is_study(target)]
    if files:
        if len(targets) > 1:
            raise InputError("command line: measure one study at a time, or several methods")
        study = load_study(Path(files[0]), scale, data, tuple(overrides))
        return [(v.label, v.config) for v in study.variants], f"{study.name}-{scale}", f"{study.title}, scale {scale}"
    for target in targets:
        if problem := unknown_method(target):
            raise InputError(f"command line: {problem}; or give a study, a YAML file or a name; {HOW}")
    named = [(target, _method_config(target, scale, data, overrides)) for target in targets]
    name = "-".join(target.replace(":", ".") for target in targets)
    return named, f"{name}-{scale}", f"{', '.join(targets)}, scale {scale}"


def _is_study(target: str) -> bool:
    """A file's path, or the name of a shipped study that no method has."""
    if Path(target).suffix in (".yaml", ".yml") or is_file(target):
        return True
    return unknown_method(target) is not None and find_file(Path(target)) is not None


def _method_config(method: str, scale: ScaleName, data: str | None, overrides: Sequence[str]) -> RunConfig:
    task = ONLY_FOR.get(method, ("colorization",))[0]
    own = Layer({"method": method, "task": {"name": task}}, lambda at, problem: InputError(f"{method}: {problem}"))
    return merge([scale_layer(scale), own, *command_layers(data, _parsed(overrides))])


def _parsed(overrides: Sequence[str]) -> dict[str, Any]:
    found = dict(parse_override(text) for text in overrides)
    for key in found:
        check_section(key, ())
    return found


def _case(label: str, config: RunConfig, work: Workload) -> Case:
    return Case(label, config, work, config.train.batch_size)


def _at(config: RunConfig, **sections: dict[str, Any]) -> RunConfig:
    """The config with some fields of its sections changed."""
    changed = {name: getattr(config, name).model_copy(update=fields) for name, fields in sections.items()}
    return config.model_copy(update=changed)


def against_pix2pix(data: str | None, overrides: Sequence[str], on_cuda: bool) -> Plan:
    """The paper's model at its own size, from the loop that one would first write to what `bench run` does, against
    pix2pix as its authors train it; inference, scoring, several runs at once, and the time for data at every scale."""
    command = command_layers(data, _parsed(overrides))
    paper = merge([scale_layer("paper"), *command])
    half = _at(paper, data={"image_size": 128}, tiling={"grid": 2})  # the same 64 px sub-images and parameters
    scales = {scale: merge([scale_layer(scale), *command]) for scale in ("tiny", "small", "paper")}
    tables = (
        Table(
            "Training step, 256 x 256",
            (
                Case(REFERENCE, paper, "training", 1, "reference"),
                *_ladder(paper, [("fp32", "plain", 2), ("fp32", "plain", 8), ("fp32", "as run", 8)]),
                *_ladder(paper, [("bf16", "as run", 4), ("bf16", "as run", 8), *(GRAPHS if on_cuda else ())]),
            ),
        ),
        Table(
            "Training step, 128 x 128",
            (
                Case(REFERENCE, half, "training", 1, "reference"),
                *_ladder(
                    half,
                    [("fp32", "plain", 8), ("bf16", "as run", 8), ("bf16", "as run", 32), *(GRAPHS if on_cuda else ())],
                ),
            ),
        ),
        Table(
            "Inference, 256 x 256",
            _ladder(paper, INFERENCE, "inference"),
        ),
        Table("Scoring, 256 x 256", _scoring(paper)),
        Table("Scoring, 64 x 64", _scoring(scales["small"])),
    )
    return Plan(
        name="against-pix2pix",
        title="The paper's model against pix2pix's reference loop",
        tables=tables,
        packed=_case("gan, scale small", scales["small"], "training"),
        waiting=tuple(_case(f"gan, scale {scale}", config, "training") for scale, config in scales.items()),
    )


def _ladder(config: RunConfig, rungs: Sequence[Rung], work: Workload = "training") -> tuple[Case, ...]:
    """Cases of one model."""
    return tuple(
        Case(f"gan, {loop}, {precision}, batch {batch}", _at(config, train={"precision": precision}), work, batch, loop)
        for precision, loop, batch in rungs
    )


def _scoring(config: RunConfig) -> tuple[Case, ...]:
    first = Case("one at a time: torchmetrics, the ST-LPIPS wheel", config, "scoring", 1, "one at a time")
    return first, replace(first, label="batched, targets' features shared", loop="shared")


@dataclass(frozen=True)
class Case:
    """One row of a table of speeds."""

    label: str
    config: RunConfig
    work: Workload
    batch_size: int
    loop: Loop = "as run"


@dataclass(frozen=True)
class Settings:
    """How a case is measured."""

    device: str = "cpu"
    threads: int = 1
    rounds: int = 5
    least_calls: int = 100
    least_seconds: float = 5.0
    most_seconds: float = 30.0
    """Of one row's windows, where so many calls would take longer."""
    warm_up_seconds: float = 2.0
    """At the least."""
    patience: float = 10.0
    """Seconds for windows to become alike while warming up."""
