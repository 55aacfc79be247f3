"""The keys of a study's YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from bench.config import Section
from bench.errors import InputError

RESERVED = ("speed", "claims.md", "speed.md", "index.html")
"""Names that other files have in the folder of reports."""


def check_name(path: Path) -> None:
    """Refuse a file whose name without its suffix cannot name a report folder. Raises InputError."""
    name = path.stem
    if name.startswith(".") or name in RESERVED or not str(path).isprintable() or len(name.encode()) > 120:
        raise InputError(
            f"{path}: its report would be called {name!r}; rename the file: a name is printable, has up to 120 bytes, "
            f"does not begin with a dot, and is none of {', '.join(RESERVED)}"
        )


def _check_distinct(seeds: int | list[int]) -> int | list[int]:
    if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
        raise ValueError(f"{seeds} has a seed twice")
    return seeds


Seed = Annotated[int, Field(ge=0, strict=True)]
Seeds = Annotated[
    Annotated[int, Field(ge=1, le=1000, strict=True)] | Annotated[list[Seed], Field(min_length=1)],
    AfterValidator(_check_distinct),
]


def _check_mapping(control: Any) -> Any:
    if not isinstance(control, dict):
        raise ValueError(f"write the axis with its value, `AXIS: {control}`")
    return control


class Claim(Section):
    """The claim that a study tests."""

    text: Annotated[str, Field(min_length=1)]
    """The claim, in the words of the paper."""
    section: Annotated[str, Field(min_length=1, coerce_numbers_to_str=True)] | None = None
    """The section of the paper that makes the claim; null for a question of your own."""


Values = Annotated[list[Any], Field(min_length=1)] | Annotated[dict[str, Any], Field(min_length=1)]
"""The values of an axis: a list, or a mapping of name to value."""


class Overlay(Section):
    """A study's changes at one scale."""

    base: dict[str, Any] = {}
    """Config that is laid over the study's `base`."""
    axes: dict[str, Values] = {}
    """Axis -> a list that replaces its own, or values that replace those of the same names."""
    seeds: Seeds | None = None
    """Replaces the study's `seeds`; null keeps them."""
    baseline_seeds: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Replaces the study's `baseline_seeds`; null keeps them."""


class Overlays(Section):
    """A study's changes by scale."""

    tiny: Overlay = Overlay()
    """Changes at scale tiny: seconds, for tests."""
    small: Overlay = Overlay()
    """Changes at scale small: minutes on a laptop."""
    paper: Overlay = Overlay()
    """Changes at scale paper: 256x256 images and the paper's model."""


class StudyFile(Section):
    """The keys of a study YAML."""

    title: Annotated[str, Field(min_length=1)]
    """The title of the report."""
    claim: Claim
    """The claim that the study tests."""
    base: dict[str, Any] = {}
    """Config that all variants share; it is laid over the scale's."""
    axes: Annotated[dict[str, Values], Field(min_length=1)]
    """Dotted config path -> the values it takes, as a list or by name; every combination of values is a variant.
    Where the path is a section, a value is a mapping that is laid over the base. An axis whose name is no config path
    has named values, each a mapping of dotted paths to values."""
    control: Annotated[dict[str, Any], BeforeValidator(_check_mapping)]
    """Axis -> value, or the name of a value: the variant that all others are compared with."""
    seeds: Seeds | None = None
    """The number of seeds, which are then 0, 1, ..., or a list of seeds; null takes the scale's number."""
    baselines: list[str] = []
    """Methods to compare with; those that train get the same budget."""
    baseline_seeds: Annotated[int, Field(ge=1, strict=True)] | None = None
    """The number of seeds that each baseline is trained with, the first ones; null takes all. For baselines that cost
    more than the model."""
    metrics: list[str]
    """Names of the metrics that score each run; [] for a study of costs alone."""
    hypotheses: list[dict[str, str]] = []
    """Expectations that are written down before the study is run, each `quantity: variant > variant`,
    `variant < variant` or `variant = variant within margin`. A quantity is a metric of the study, a cost, or a point of
    a validation curve, such as steps_to_psnr or psnr@50%."""
    scales: Overlays = Overlays()
    """Changes of the study by scale."""
