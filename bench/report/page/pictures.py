"""The pictures of the page: PNG files and a list beside it, written from the store and read again for the page."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.report.analysis.analysis import Analysis
from bench.report.analysis.columns import score_column
from bench.report.figures.samples import read_samples
from bench.report.page.picture_choice import choose_pictures
from bench.report.tables.numbers import number
from bench.store.run_store import RunStore, write_atomically
from bench.study.labels import GROUND_TRUTH, INPUT

FOLDER = "figures/pictures"
LIST = "pictures.json"


@dataclass(frozen=True)
class Picture:
    """One image file."""

    label: str
    """The variant or baseline that made it; or input, or ground truth."""
    file: str
    """Its name in the folder."""
    seed: int | None
    """Seed of the run that made it; None for input and ground truth."""
    grid: int
    """Number of sub-images on a side; the page can show their borders."""
    scores: list[str]
    """PSNR 20.10 dB"""


@dataclass(frozen=True)
class PictureRow:
    """An image as every method made it."""

    image: str
    why: str
    """The rules that chose it."""
    difference: str
    """Difference between control and other method in the score that ranks the images, in words; may be empty."""
    side: int
    """In pixels."""
    pictures: list[Picture]


@dataclass(frozen=True)
class Pictures:
    """The pictures in a report folder."""

    runs: list[str]
    """Ids of the runs that made the pictures."""
    rule: str
    """The rule of choice, in words."""
    rows: list[PictureRow]


def write_pictures(analysis: Analysis, folder: Path, store: RunStore | None) -> None:
    """Replace the pictures in the report folder. Without a store, or without samples in it, there are none."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    samples = _samples(analysis, store) if store and analysis.study["metrics"] else []
    if not samples:
        return
    (folder / FOLDER).mkdir(parents=True)
    first = samples[0][1]
    names = [str(name) for name in first["names"]]
    rows: list[PictureRow] = []
    for row in choose_pictures(analysis.ranking.differences, names, first["target"]).to_dict("records"):
        rows.append(_write_row(analysis, folder / FOLDER, samples, len(rows), row))
    pictures = Pictures([run["id"] for run, _ in samples], _rule(analysis, len(names)), rows)
    write_atomically(folder / FOLDER / LIST, json.dumps(asdict(pictures), indent=1) + "\n")


Sample = tuple[dict[str, Any], dict[str, np.ndarray]]


def _samples(analysis: Analysis, store: RunStore) -> list[Sample]:
    """The first finished run of each label, with the names, input, target and prediction that it kept."""
    samples = []
    for label in analysis.labels:
        for run in analysis.results.runs_of(label):
            if arrays := read_samples(store, run):
                samples.append((run, arrays))
                break
    return samples


def _write_row(analysis: Analysis, folder: Path, samples: list[Sample], index: int, row: dict[Any, Any]) -> PictureRow:
    """Write the pictures of one image; `row` is one of `choose_pictures`."""
    image, grids = str(row["image"]), _grids(analysis)
    first = samples[0][1]
    shown: list[tuple[str, int | None, np.ndarray]] = [(INPUT, None, first["input"][row["place"]])]
    for run, arrays in samples:
        places = [str(name) for name in arrays["names"]]
        if image in places:
            shown.append((run["label"], run["seed"], arrays["prediction"][places.index(image)]))
    shown.append((GROUND_TRUTH, None, first["target"][row["place"]]))
    pictures = []
    for place, (label, seed, pixels) in enumerate(shown):
        name = f"{index}-{place}.png"
        _write_png(folder / name, pixels)
        grid = grids.get(label, grids[analysis.control])
        pictures.append(Picture(label, name, seed, grid, _scores(analysis, label, seed, image)))
    is_ranked = row["difference"] is not None and not np.isnan(row["difference"])
    difference = _difference_text(analysis, row["difference"]) if is_ranked else ""
    return PictureRow(image, str(row["why"]), difference, len(first["target"][0]), pictures)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    write_atomically(path, content.getvalue())


def _grids(analysis: Analysis) -> dict[str, int]:
    """Label -> number of sub-images on a side; the control's where a variant does not set it."""
    default = int(analysis.study["control"]["tiling"]["grid"])
    return {v["label"]: int(v["differences"].get("tiling.grid", default)) for v in analysis.study["variants"]}


def _scores(analysis: Analysis, label: str, seed: int | None, image: str) -> list[str]:
    """The scores of this one picture."""
    rows = analysis.results.records
    rows = rows[(rows["label"] == label) & (rows["image"] == image)]
    rows = rows[rows["seed"] == (0 if seed is None else seed)]
    values = dict(zip(rows["metric"], rows["value"], strict=True))
    columns = [score_column(metric) for metric in analysis.study["metrics"] if metric in values]
    return [f"{c.title} {number(values[c.key], c.decimals)}{f' {c.unit}' if c.unit else ''}" for c in columns]


def _difference_text(analysis: Analysis, difference: float) -> str:
    """PSNR difference +0.35 dB"""
    column = score_column(analysis.ranking.metric)
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.title} difference {number(difference, column.decimals, signed=True)}{unit}"


def _rule(analysis: Analysis, count: int) -> str:
    ranking, ranked = analysis.ranking, ""
    if ranking.metric:
        ranked = (
            f"the 5th, 50th and 95th percentile of the difference in {score_column(ranking.metric).title} between "
            f"{analysis.control} and {ranking.label} (paired by image and seed, mean over seeds), "
        )
    return (
        f"A rule chose these images among the first {count} crops of the validation set, whose pictures every run "
        f"keeps: {ranked}the brightest ground truth (mean luma) and the least saturated one (mean HSV saturation). "
        "Each method is shown at its first finished seed, and the scores below a picture are of that picture alone."
    )


def read_pictures(analysis: Analysis, folder: Path) -> Pictures | None:
    """The pictures in the report folder; None if there are none, or if other runs made them. The scores and differences
    are computed from the records, not read. Raises InputError."""
    path = folder / FOLDER / LIST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [_read_row(analysis, folder / FOLDER, row) for row in content["rows"]]
        pictures = Pictures([str(run) for run in content["runs"]], str(content["rule"]), rows)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return pictures if set(pictures.runs) <= {run["id"] for run in analysis.runs} else None


def _read_row(analysis: Analysis, folder: Path, row: dict[str, Any]) -> PictureRow:
    """Raises ValueError, KeyError or TypeError."""
    image, pictures = str(row["image"]), []
    for entry in row["pictures"]:
        label, name = str(entry["label"]), str(entry["file"])
        seed = None if entry["seed"] is None else int(entry["seed"])
        if Path(name).name != name or not (folder / name).is_file():
            raise ValueError(f"the picture {name} is missing")
        pictures.append(Picture(label, name, seed, int(entry["grid"]), _scores(analysis, label, seed, image)))
    ranked = analysis.ranking.differences.set_index("image")["difference"]
    difference = _difference_text(analysis, float(ranked[image])) if image in ranked.index else ""
    return PictureRow(image, str(row["why"]), difference, int(row["side"]), pictures)
