"""What a study's YAML may hold, and what each scale stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from bench.config import Section
from bench.errors import InputError
from bench.scales import ScaleName as ScaleName

TAKEN = ("speed", "claims.md", "speed.md", "index.html")
"""What else lies among the reports."""


def check_name(path: Path) -> None:
    """A study's or a search's name, its file's without the ending, becomes that of its report folder: no other file, no
    hidden one, and none above it. Raises InputError."""
    name = path.stem
    if name.startswith(".") or name in TAKEN or not str(path).isprintable() or len(name.encode()) > 120:
        raise InputError(
            f"{path}: its report would be called {name!r}; rename the file: a name can be printed, has up to 120 "
            f"bytes, does not begin with a dot, and is none of {', '.join(TAKEN)}"
        )


def _differ(seeds: int | list[int]) -> int | list[int]:
    if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
        raise ValueError(f"{seeds} name a seed twice")
    return seeds


Seed = Annotated[int, Field(ge=0, strict=True)]
Seeds = Annotated[
    Annotated[int, Field(ge=1, le=1000, strict=True)] | Annotated[list[Seed], Field(min_length=1)],
    AfterValidator(_differ),
]


def _has_axes(control: Any) -> Any:
    if not isinstance(control, dict):
        raise ValueError(f"write the axis with its value, `AXIS: {control}`")
    return control


class Claim(Section):
    """What the paper says, in its words."""

    text: Annotated[str, Field(min_length=1)]
    section: Annotated[str, Field(min_length=1, coerce_numbers_to_str=True)] | None = None
    """Where it says so; null for a question of one's own."""


Values = Annotated[list[Any], Field(min_length=1)] | Annotated[dict[str, Any], Field(min_length=1)]
"""Of an axis: a list, or name -> value."""


class Overlay(Section):
    """What a study changes at one scale."""

    base: dict[str, Any] = {}
    axes: dict[str, Values] = {}
    """Axis -> another list, or other values for some of its names."""
    seeds: Seeds | None = None
    baseline_seeds: Annotated[int, Field(ge=1, strict=True)] | None = None


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
    axes: Annotated[dict[str, Values], Field(min_length=1)]
    """Dotted config path -> the values it takes, as a list or by name; every combination is a variant. The value of a
    section's path is a mapping, which lies over the base. An axis that is no path has named values, each a mapping of
    dotted paths."""
    control: Annotated[dict[str, Any], BeforeValidator(_has_axes)]
    """Axis -> value, or its name, of the variant that the others are compared with."""
    seeds: Seeds | None = None
    """How many (0, 1, ...), or which; null takes the scale's."""
    baselines: list[str] = []
    """Methods to compare with, trained under the same budget if they train at all."""
    baseline_seeds: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Train each baseline with the first so many seeds only, where it costs more than the model; null takes all."""
    metrics: list[str]
    """Names of scores; [] for a study of costs alone."""
    hypotheses: list[dict[str, str]] = []
    """Quantity: `variant > variant`, `variant < variant` or `variant = variant within margin`, written down before the
    study is run. A quantity is a metric of the study, a cost, or speaks of the curve: steps_to_psnr, psnr@50%."""
    scales: Overlays = Overlays()
