"""The cases to measure: of a study, of methods, or of the paper's model against pix2pix's reference loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from baselines import ONLY_FOR, UNTRAINED
from bench.config import RunConfig
from bench.errors import InputError, is_file
from bench.scales import ScaleName
from bench.study.layers import Layer, check_section, command_layers, merge, parse_override, scale_layer
from bench.study.load import load_study
from bench.study.shipped import HOW, find_file
from bench.study.variants import unknown_method

Workload = Literal["training", "inference", "scoring"]
Loop = Literal["as run", "plain", "reference", "compiled", "cuda graphs", "one at a time", "shared"]
"""as run: what `bench run` does. plain: training and inference with nothing done for speed. reference: pix2pix as its
authors' release trains it. compiled: inference through torch.compile, with frozen weights. cuda graphs: training with
--cuda-graphs. one at a time, shared: the two ways to score."""

REFERENCE = "pix2pix, its reference loop"
Rung = tuple[str, Loop, int]
"""Precision, loop, batch size: one step of the ladder from the plain loop to the fastest."""
INFERENCE: tuple[Rung, ...] = (
    ("fp32", "plain", 8),
    ("fp32", "as run", 8),
    ("bf16", "as run", 8),
    ("fp32", "compiled", 8),
    ("bf16", "compiled", 8),
)
GRAPHS: tuple[Rung, ...] = (("bf16", "as run", 64), ("bf16", "cuda graphs", 8), ("bf16", "cuda graphs", 64))
"""Further rungs of training, on a GPU only."""


@dataclass(frozen=True)
class Case:
    """One row of a table of speeds."""

    label: str
    config: RunConfig
    work: Workload
    batch_size: int
    """Overrides train.batch_size of the config."""
    loop: Loop = "as run"


@dataclass(frozen=True)
class Table:
    """Cases that are measured in turn; ratios are to the first of them."""

    title: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Plan:
    """All that one command measures."""

    name: str
    title: str
    tables: tuple[Table, ...]
    latencies: tuple[Case, ...] = ()
    """Measured at batch 1."""
    sweeps: tuple[Case, ...] = ()
    """Measured at growing batch sizes."""
    packed: Case | None = None
    """Measured in several processes at once."""
    waiting: tuple[Case, ...] = ()
    """Training steps of which the share spent on data is measured."""


@dataclass(frozen=True)
class ProfileRequest:
    """What one `bench profile` asks for."""

    targets: Sequence[str]
    """One study, or methods by name."""
    scale: ScaleName = "small"
    data: str | None = None
    overrides: Sequence[str] = ()
    with_reference: bool = False
    """Whether pix2pix's reference loop is the first row of training."""
    batch_size: int | None = None
    """None takes that of every config."""
    on_cuda: bool = False


@dataclass(frozen=True)
class ProfileSettings:
    """How every case is measured."""

    device: str = "cpu"
    threads: int = 1
    rounds: int = 5
    """Windows of every row; the rows of a table take turns."""
    least_calls: int = 100
    """Minimum calls of a row, over all rounds."""
    least_seconds: float = 5.0
    """Minimum seconds of a row, over all rounds."""
    most_seconds: float = 30.0
    """Maximum seconds of a row; it overrides both minima."""
    warm_up_seconds: float = 2.0
    """Minimum seconds of a warm-up."""
    patience: float = 10.0
    """Seconds to wait for a steady speed while warming up."""


def make_plan(request: ProfileRequest) -> Plan:
    """The cases of one study or of some methods; without either, the tables of `against_pix2pix`. Raises InputError."""
    if not request.targets:
        if not request.with_reference:
            raise InputError("command line: nothing to measure; give a STUDY, METHODs or --against pix2pix")
        return against_pix2pix(request)
    labelled, name, title = _configs(request)
    if (batch_size := request.batch_size) is not None:
        labelled = [(label, _with_fields(config, train={"batch_size": batch_size})) for label, config in labelled]
    training = [_case(label, config, "training") for label, config in labelled if config.method not in UNTRAINED]
    inference = [_case(label, config, "inference") for label, config in labelled]
    swept = [*training, *inference]
    packed = next(iter(training), None)
    if request.with_reference:
        training.insert(0, Case(REFERENCE, labelled[0][1], "training", 1, "reference"))
    tables = [Table("Training step", tuple(training)), Table("Inference", tuple(inference))]
    return Plan(
        name=name,
        title=title,
        tables=tuple(table for table in tables if table.cases),
        latencies=tuple(inference),
        sweeps=tuple(swept),
        packed=packed,
    )


def against_pix2pix(request: ProfileRequest) -> Plan:
    """The paper's model at its own size, from the plain loop to the one of `bench run`, against pix2pix as its authors
    train it; also inference, scoring, several runs at once, and the time for data at every scale. Raises InputError."""
    command = command_layers(request.data, _parse_overrides(request.overrides))
    graphs = GRAPHS if request.on_cuda else ()
    paper = merge([scale_layer("paper"), *command])
    # A grid of 2 keeps the 64 px sub-images, and with them the parameters.
    half = _with_fields(paper, data={"image_size": 128}, tiling={"grid": 2})
    scales = {scale: merge([scale_layer(scale), *command]) for scale in ("tiny", "small", "paper")}
    tables = (
        Table(
            "Training step, 256 x 256",
            (
                Case(REFERENCE, paper, "training", 1, "reference"),
                *_ladder(paper, [("fp32", "plain", 2), ("fp32", "plain", 8), ("fp32", "as run", 8)]),
                *_ladder(paper, [("bf16", "as run", 4), ("bf16", "as run", 8), *graphs]),
            ),
        ),
        Table(
            "Training step, 128 x 128",
            (
                Case(REFERENCE, half, "training", 1, "reference"),
                *_ladder(half, [("fp32", "plain", 8), ("bf16", "as run", 8), ("bf16", "as run", 32), *graphs]),
            ),
        ),
        Table("Inference, 256 x 256", _ladder(paper, INFERENCE, "inference")),
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


def _configs(request: ProfileRequest) -> tuple[list[tuple[str, RunConfig]], str, str]:
    """Labelled configs, the record's name and its title. Raises InputError."""
    targets, scale = request.targets, request.scale
    files = [target for target in targets if _is_study(target)]
    if files:
        if len(targets) > 1:
            raise InputError("command line: measure one study at a time, or several methods")
        study = load_study(Path(files[0]), scale, request.data, tuple(request.overrides))
        labelled = [(variant.label, variant.config) for variant in study.variants]
        return labelled, f"{study.name}-{scale}", f"{study.title}, scale {scale}"
    for target in targets:
        if problem := unknown_method(target):
            raise InputError(f"command line: {problem}; or give a study by its file or name; {HOW}")
    labelled = [(target, _method_config(target, request)) for target in targets]
    name = "-".join(target.replace(":", ".") for target in targets)
    return labelled, f"{name}-{scale}", f"{', '.join(targets)}, scale {scale}"


def _is_study(target: str) -> bool:
    """Whether the target is a file, or the name of a shipped study and of no method."""
    if Path(target).suffix in (".yaml", ".yml") or is_file(target):
        return True
    return unknown_method(target) is not None and find_file(Path(target)) is not None


def _method_config(method: str, request: ProfileRequest) -> RunConfig:
    task = ONLY_FOR.get(method, ("colorization",))[0]
    own = Layer({"method": method, "task": {"name": task}}, lambda at, problem: InputError(f"{method}: {problem}"))
    command = command_layers(request.data, _parse_overrides(request.overrides))
    return merge([scale_layer(request.scale), own, *command])


def _parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    overrides = dict(parse_override(text) for text in texts)
    for key in overrides:
        check_section(key, ())
    return overrides


def _case(label: str, config: RunConfig, work: Workload) -> Case:
    return Case(label, config, work, config.train.batch_size)


def _with_fields(config: RunConfig, **sections: dict[str, Any]) -> RunConfig:
    """The config with some fields of its sections changed."""
    changed = {name: getattr(config, name).model_copy(update=fields) for name, fields in sections.items()}
    return config.model_copy(update=changed)


def _ladder(config: RunConfig, rungs: Sequence[Rung], work: Workload = "training") -> tuple[Case, ...]:
    """Cases of one model, a rung each."""
    return tuple(
        Case(
            f"gan, {loop}, {precision}, batch {batch}",
            _with_fields(config, train={"precision": precision}),
            work,
            batch,
            loop,
        )
        for precision, loop, batch in rungs
    )


def _scoring(config: RunConfig) -> tuple[Case, ...]:
    """The two ways to score."""
    first = Case("one at a time: torchmetrics, the ST-LPIPS wheel", config, "scoring", 1, "one at a time")
    return first, replace(first, label="batched, targets' features shared", loop="shared")
