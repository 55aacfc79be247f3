"""What the YAML of a search may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bench.config import Section
from bench.errors import is_file
from bench.scales import SEEDS
from bench.study.schema import ScaleName, Seed
from bench.study.shipped import shipped
from bench.study.yaml_lines import Located

Sampler = Literal["tpe", "gp", "nsga2", "random", "grid"]
Pruner = Literal["median", "hyperband", "wilcoxon", "none"]
Count = Annotated[int, Field(ge=1, strict=True)]
FRESH = 1000  # the first seed of the comparison at the end; trials have those from 0 on
SeedCount = Annotated[int, Field(ge=1, le=FRESH, strict=True)]


def _names_to_mapping(value: Any) -> Any:
    """[psnr, colorfulness: higher] -> {psnr: null, colorfulness: higher}; null is the quantity's own direction."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str | dict) for item in items):
        return value
    found: dict[str, Any] = {}
    for item in items:
        found |= {item: None} if isinstance(item, str) else item
    return found


def _null_is_none(value: Any) -> Any:
    return "none" if value is None else value


class Confirm(Section):
    """The comparison at the end: the winner against the default, with fresh seeds, on photographs that no trial was
    judged on."""

    seeds: SeedCount | None = None
    """How many, from 1000 on; null takes the scale's."""
    base: dict[str, Any] = {}
    """What of data and train differs from the trials', such as more images: data: {val_images: 64}."""
    baselines: list[str] = []
    """Methods to compare with as well."""
    baseline_seeds: Count | None = None
    metrics: list[str] = []
    """Scores besides the objectives."""


class ConfirmOverlay(Section):
    """What the comparison has in another way at one scale."""

    base: dict[str, Any] | None = None
    seeds: SeedCount | None = None


class SearchOverlay(Section):
    """What a search changes at one scale."""

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
    """What the search is to answer."""
    study: str | None = None
    """A study whose control is the default and what the base lies over; its path from this file, or the name
    of a shipped one."""
    base: dict[str, Any] = {}
    """Config that all trials share, over the scale's. As it is, it is the default that the winner is compared with."""
    space: Annotated[dict[str, Any], Field(min_length=1)]
    """Dotted config path -> a list to choose from, or {low, high} with log or step: of whole numbers if all of them
    are. A name that is no path has named blocks, one of which is chosen, each a space of its own; a bare value in a
    block is set with it."""
    objectives: Annotated[dict[str, Literal["lower", "higher"] | None], BeforeValidator(_names_to_mapping)] = Field(
        min_length=1
    )
    """Metrics and costs to make better; a name, names, or name: lower | higher where it has no better end."""
    constraints: dict[str, Annotated[str, Field(coerce_numbers_to_str=True)]] = {}
    """Cost: `<= BOUND` or `>= BOUND`, looked at before a trial is trained."""
    sampler: Sampler = "tpe"
    pruner: Annotated[Pruner, BeforeValidator(_null_is_none)] | None = Field(default=None, validate_default=False)
    """Default: median where there is one objective that has a validation curve, else none."""
    trials: Count
    """How many to make, besides those that a constraint ends before they are trained."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds of one command after which no further trial begins."""
    seeds: SeedCount = 1
    """Of each trial, from 0 on; its value is their mean."""
    seed: Seed = 0
    """Of the sampler: with one worker the same search proposes the same trials."""
    confirm: Confirm = Confirm()
    scales: SearchOverlays = SearchOverlays()

    def at(self, scale: ScaleName) -> SearchFile:
        """The file as it is at a scale: with its overlay's counts, which lose their null."""
        overlay: SearchOverlay = getattr(self.scales, scale)
        given = {name: value for name in ("trials", "seeds") if (value := getattr(overlay, name)) is not None}
        at_end = {"seeds": self.confirm.seeds or SEEDS[scale]} | overlay.confirm.model_dump(exclude_none=True)
        return self.model_copy(update=given | {"confirm": self.confirm.model_copy(update=at_end)})


def study_of(located: Located, name: str) -> Path:
    """The study that a search builds on: a path from the search's folder, or the name of a shipped one. Raises
    InputError."""
    beside = located.path.parent / name
    study = beside if is_file(beside) else shipped().get(name)
    if study is None:
        where = f"give the study's path from {located.path.parent}, or the name of a shipped one"
        raise located.error(("study",), f"{name} is not a file; {where}")
    return study
