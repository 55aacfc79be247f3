"""The schema of a search YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bench.config import Section
from bench.errors import is_file
from bench.scales import SEEDS, ScaleName
from bench.study.schema import Seed
from bench.study.shipped import shipped
from bench.study.yaml_lines import Located

Sampler = Literal["tpe", "gp", "nsga2", "random", "grid"]
Pruner = Literal["median", "hyperband", "wilcoxon", "none"]
Count = Annotated[int, Field(ge=1, strict=True)]
FRESH = 1000  # the first seed of the final comparison; the seeds of trials count from 0
SeedCount = Annotated[int, Field(ge=1, le=FRESH, strict=True)]


def _names_to_mapping(value: Any) -> Any:
    """[psnr, colorfulness: higher] -> {psnr: null, colorfulness: higher}; null is the quantity's own direction."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str | dict) for item in items):
        return value
    mapping: dict[str, Any] = {}
    for item in items:
        mapping |= {item: None} if isinstance(item, str) else item
    return mapping


def _null_is_none(value: Any) -> Any:
    return "none" if value is None else value


class Confirm(Section):
    """The final comparison: the winner against the default, with fresh seeds, on photographs that judged no trial."""

    seeds: SeedCount | None = None
    """How many fresh seeds, counted from 1000; null takes the number of the scale."""
    base: dict[str, Any] = {}
    """Fields of data and train that differ from those of the trials, such as data: {val_images: 64}."""
    baselines: list[str] = []
    """Further methods to compare the winner with."""
    baseline_seeds: Count | None = None
    """How many seeds a baseline gets; null takes the study's default."""
    metrics: list[str] = []
    """Scores to show besides the objectives."""


class ConfirmOverlay(Section):
    """Changes of the final comparison at one scale."""

    base: dict[str, Any] | None = None
    seeds: SeedCount | None = None


class SearchOverlay(Section):
    """Changes of a search at one scale."""

    base: dict[str, Any] = {}
    trials: Count | None = None
    seeds: SeedCount | None = None
    confirm: ConfirmOverlay = ConfirmOverlay()


class SearchOverlays(Section):
    """Changes by scale."""

    tiny: SearchOverlay = SearchOverlay()
    small: SearchOverlay = SearchOverlay()
    paper: SearchOverlay = SearchOverlay()


class SearchFile(Section):
    """The keys of a search YAML."""

    title: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    """The question that the search answers."""
    study: str | None = None
    """A study: its path from this file, or the name of a shipped one. Its control is the config that the base
    changes."""
    base: dict[str, Any] = {}
    """Config that all trials share, over the scale's. Without a proposal, it is the default that the winner is compared
    with."""
    space: Annotated[dict[str, Any], Field(min_length=1)]
    """Dotted config path -> a list of values, or {low, high} with log or step; whole numbers give whole values. A key
    that is no config path holds named blocks. A trial chooses one of them, and each block is a space of its own; a bare
    value in a block is fixed."""
    objectives: Annotated[dict[str, Literal["lower", "higher"] | None], BeforeValidator(_names_to_mapping)] = Field(
        min_length=1
    )
    """Metrics and costs to optimise: a name, names, or name: lower | higher for a metric without a direction."""
    constraints: dict[str, Annotated[str, Field(coerce_numbers_to_str=True)]] = {}
    """Cost: `<= BOUND` or `>= BOUND`, checked before a trial is trained."""
    sampler: Sampler = "tpe"
    pruner: Annotated[Pruner, BeforeValidator(_null_is_none)] | None = Field(default=None, validate_default=False)
    """Default: median for a single objective with a validation curve, else none."""
    trials: Count
    """How many trials to train; those that break a constraint do not count."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds after which a command starts no further trial."""
    seeds: SeedCount = 1
    """How many seeds every trial gets, counted from 0; its value is the mean over them."""
    seed: Seed = 0
    """Seed of the sampler. With one worker, the same search proposes the same trials."""
    confirm: Confirm = Confirm()
    scales: SearchOverlays = SearchOverlays()

    def at(self, scale: ScaleName) -> SearchFile:
        """The file with the counts of a scale filled in."""
        overlay: SearchOverlay = getattr(self.scales, scale)
        counts = {name: value for name in ("trials", "seeds") if (value := getattr(overlay, name)) is not None}
        confirm = {"seeds": self.confirm.seeds or SEEDS[scale]} | overlay.confirm.model_dump(exclude_none=True)
        return self.model_copy(update=counts | {"confirm": self.confirm.model_copy(update=confirm)})


def find_study(located: Located, name: str) -> Path:
    """The file of the study that a search builds on; `name` is a path from the search's folder, or a shipped study.
    Raises InputError."""
    beside = located.path.parent / name
    study = beside if is_file(beside) else shipped().get(name)
    if study is None:
        hint = f"give the study's path from {located.path.parent}, or the name of a shipped one"
        raise located.error(("study",), f"{name} is not a file; {hint}")
    return study
