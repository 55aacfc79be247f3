"""The conditions of a study's runs: data, devices, software, and how long training took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.machine import MAKE
from bench.measure.metrics.registry import ALL_IMAGES
from bench.report.analysis.frames import Results
from bench.study.labels import GROUND_TRUTH


@dataclass(frozen=True)
class Setting:
    """What the runs recorded of their conditions."""

    data: dict[str, Any]
    """The data set of the first run, as `Dataset.describe` gives it; empty where no run recorded one."""
    data_names: list[str]
    fingerprints: list[str]
    """Of the files' content and the split; runs on different data have different ones."""
    train_photographs: tuple[int, int]
    """Fewest and most photographs that a run trained on."""
    val_photographs: tuple[int, int]
    crops: int
    """Number of images that were scored."""
    photographs: int
    """Number of photographs that the scored images are cut from."""
    devices: list[str]
    training_seconds: float
    """Summed over the trained runs."""
    trained_runs: int
    throughput: list[dict[str, Any]]
    """The throughput records of the runs that train."""


def read_setting(results: Results) -> Setting:
    """Collect the conditions from the runs' records."""
    recorded = [run["run"] for run in results.runs if run["run"]]
    data = [run["data"] for run in recorded]
    scored = results.records[results.records["label"] != GROUND_TRUTH]
    seconds = [run["training"]["seconds"] for run in results.runs if run["training"]]
    throughput = [run["throughput"] for run in results.runs if run["throughput"]]
    return Setting(
        data=data[0] if data else {},
        data_names=list(dict.fromkeys(str(each["name"]) for each in data)),
        fingerprints=sorted({str(each["fingerprint"]) for each in data}),
        train_photographs=_range(data, "train_photographs"),
        val_photographs=_range(data, "val_photographs"),
        crops=scored.loc[scored["image"] != ALL_IMAGES, "image"].nunique(),
        photographs=scored.loc[scored["photograph"] != ALL_IMAGES, "photograph"].nunique(),
        devices=list(dict.fromkeys(str(run["provenance"]["device"]) for run in recorded)),
        training_seconds=sum(seconds),
        trained_runs=len(seconds),
        throughput=[record for record in throughput if record["training"]],
    )


def _range(data: list[dict[str, Any]], key: str) -> tuple[int, int]:
    counts = [int(each[key]) for each in data] or [0]
    return min(counts), max(counts)


@dataclass(frozen=True)
class Environments:
    """The software and devices that runs were made with: more than one may be part of a difference."""

    all: list[str]
    """Each distinct environment of the study in words, and each change of machine during a run."""
    mixed: set[str]
    """Labels whose mean is over runs from more than one environment."""


def read_environments(results: Results) -> Environments:
    """The environments of the finished runs."""
    mixed = {label for label in results.labels if len(_environments(results.runs_of(label))) > 1}
    return Environments(_environments(results.runs), mixed)


def _environments(runs: list[dict[str, Any]]) -> list[str]:
    provenance = [run["run"]["provenance"] for run in runs if run["run"] and run["state"] == "done"]
    # A CPU run has no CUDA version: only what all runs recorded can be compared.
    names = [name for name in MAKE if all(words.get(name) is not None for words in provenance)]
    environments = {", ".join(f"{name} {words[name]}" for name in names): None for words in provenance}
    moved = {event["text"]: None for run in runs for event in run["events"] or [] if event["what"] == "moved"}
    return [*environments, *moved]
