"""What a study's YAML may hold, and what each scale stands for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bench.config import Section

ScaleName = Literal["tiny", "small", "paper"]

SCALES: dict[ScaleName, dict[str, Any]] = {
    "tiny": {
        "data": {"image_size": 64, "val_images": 4},
        "tiling": {"grid": 2},
        "generator": {"width": 8},
        "discriminator": {"width": 8},
        "train": {"steps": 20, "batch_size": 4, "pretrain_steps": 5, "validations": 2},
    },
    "small": {
        "data": {"image_size": 64, "val_images": 32},
        "tiling": {"grid": 2},
        "generator": {"width": 16},
        "discriminator": {"width": 16},
        "train": {"steps": 200, "batch_size": 16, "pretrain_steps": 50},
    },
    "paper": {},  # RunConfig's defaults
}


def _differ(seeds: int | list[int]) -> int | list[int]:
    if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
        raise ValueError(f"{seeds} name a seed twice")
    return seeds


Seed = Annotated[int, Field(ge=0, strict=True)]
Seeds = Annotated[
    Annotated[int, Field(ge=1, le=1000, strict=True)] | Annotated[list[Seed], Field(min_length=1)],
    AfterValidator(_differ),
]


class Claim(Section):
    """What the paper says, in its words."""

    text: str
    section: Annotated[str, Field(coerce_numbers_to_str=True)]
    """Where it says so."""


class Overlay(Section):
    """What a study changes at one scale."""

    base: dict[str, Any] = {}
    seeds: Seeds | None = None


class Overlays(Section):
    """Changes by scale."""

    tiny: Overlay = Overlay()
    small: Overlay = Overlay()
    paper: Overlay = Overlay()


class StudyFile(Section):
    """The keys of a study YAML."""

    title: Annotated[str, Field(min_length=1)]
    claim: Claim
    base: dict[str, Any] = {}
    """Config that all variants share, over the scale's."""
    axes: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    """Dotted config path -> the values it takes; every combination is a variant. The value of a section's path is a
    mapping, which lies over the base."""
    control: dict[str, Any]
    """Axis -> value of the variant that the others are compared with."""
    seeds: Seeds = 3
    """How many (0, 1, ...), or which."""
    baselines: list[str] = []
    """Methods to compare with, trained under the same budget if they train at all."""
    metrics: Annotated[list[str], Field(min_length=1)]
    hypotheses: list[dict[str, str]] = []
    """Metric: `variant > variant` or `variant < variant`, written down before the study is run."""
    scales: Overlays = Overlays()
