"""The pictures of the page: written beside it from the store, as PNG files and a list, and read from there again."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.report.analysis.columns import score_column
from bench.report.analysis.frames import Results
from bench.report.figures.samples import read_samples
from bench.report.page.picture_choice import chosen, compared, image_differences
from bench.report.tables.numbers import number
from bench.store.run_store import RunStore, write_atomically
from bench.study.labels import GROUND_TRUTH, INPUT

FOLDER = "figures/pictures"
LIST = "pictures.json"


@dataclass(frozen=True)
class Picture:
    """One image file."""

    label: str
    """The variant or baseline that made it, or input, or ground truth."""
    file: str
    """Its name in the folder."""
    seed: int | None
    """Of the run that made it."""
    grid: int
    """Sub-images a side, of the borders that can be shown on it."""
    scores: list[str]
    """PSNR 20.10 dB"""


@dataclass(frozen=True)
class PictureRow:
    """An image as all methods made it."""

    image: str
    why: str
    """The rules by which it was chosen."""
    difference: str
    """Of the score that ranks the images."""
    side: int
    """In pixels."""
    pictures: list[Picture]


@dataclass(frozen=True)
class Pictures:
    """What lies in the folder."""

    runs: list[str]
    """Ids of the runs that the pictures are of."""
    rule: str
    """How they were chosen, in words."""
    rows: list[PictureRow]


def write_pictures(results: Results, folder: Path, store: RunStore | None) -> None:
    """Write the pictures anew into the report folder; without a store, or samples in it, there are none."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    found = _samples(results, store) if store and results.study["metrics"] else []
    if not found:
        return
    (folder / FOLDER).mkdir(parents=True)
    first = found[0][1]
    names = [str(name) for name in first["names"]]
    rows: list[PictureRow] = []
    for row in chosen(image_differences(results), names, first["target"]).to_dict("records"):
        rows.append(_write_row(results, folder / FOLDER, found, len(rows), row))
    pictures = Pictures([run["id"] for run, _ in found], _rule(results, len(names)), rows)
    write_atomically(folder / FOLDER / LIST, json.dumps(asdict(pictures), indent=1) + "\n")


Sample = tuple[dict[str, Any], dict[str, np.ndarray]]


def _samples(results: Results, store: RunStore) -> list[Sample]:
    """The first finished run of each label, with names, input, target, prediction of what it kept."""
    found = []
    for label in results.labels:
        for run in results.runs_of(label):
            if arrays := read_samples(store, run):
                found.append((run, arrays))
                break
    return found


def _write_row(results: Results, folder: Path, found: list[Sample], index: int, row: dict[Any, Any]) -> PictureRow:
    image, grids = str(row["image"]), _grids(results)
    first = found[0][1]
    shown: list[tuple[str, int | None, np.ndarray]] = [(INPUT, None, first["input"][row["place"]])]
    for run, arrays in found:
        places = [str(name) for name in arrays["names"]]
        if image in places:
            shown.append((run["label"], run["seed"], arrays["prediction"][places.index(image)]))
    shown.append((GROUND_TRUTH, None, first["target"][row["place"]]))
    pictures = []
    for place, (label, seed, pixels) in enumerate(shown):
        name = f"{index}-{place}.png"
        _write_png(folder / name, pixels)
        grid = grids.get(label, grids[results.control])
        pictures.append(Picture(label, name, seed, grid, _scores(results, label, seed, image)))
    difference = "" if row["difference"] is None or np.isnan(row["difference"]) else _signed(results, row["difference"])
    return PictureRow(image, str(row["why"]), difference, len(first["target"][0]), pictures)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    write_atomically(path, content.getvalue())


def _grids(results: Results) -> dict[str, int]:
    """Label -> sub-images a side; a method that has no say in it has the control's."""
    usual = int(results.study["control"]["tiling"]["grid"])
    return {v["label"]: int(v["differences"].get("tiling.grid", usual)) for v in results.study["variants"]}


def _scores(results: Results, label: str, seed: int | None, image: str) -> list[str]:
    """Of this very picture."""
    rows = results.records
    rows = rows[(rows["label"] == label) & (rows["image"] == image)]
    rows = rows[rows["seed"] == (0 if seed is None else seed)]
    values = dict(zip(rows["metric"], rows["value"], strict=True))
    columns = [score_column(metric) for metric in results.study["metrics"] if metric in values]
    return [f"{c.title} {number(values[c.key], c.decimals)}{f' {c.unit}' if c.unit else ''}" for c in columns]


def _signed(results: Results, difference: float) -> str:
    pair = compared(results)
    if pair is None:
        return ""
    column = score_column(pair[0])
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.title} difference {number(difference, column.decimals, signed=True)}{unit}"


def _rule(results: Results, count: int) -> str:
    pair = compared(results)
    ranked = ""
    if pair:
        ranked = (
            f"the 5th, 50th and 95th percentile of the difference in {score_column(pair[0]).title} between "
            f"{results.control} and {pair[1]} (paired by image and seed, mean over seeds), "
        )
    return (
        f"Chosen by rule among the first {count} crops of the validation set, which are those whose pictures a run "
        f"keeps: {ranked}the ground truth that is brightest (mean luma) and that which is least saturated (mean HSV "
        "saturation). Each method's picture is of its first finished seed, and the scores below it are of that "
        "picture alone."
    )


def read_pictures(results: Results, folder: Path) -> Pictures | None:
    """What lies in the report folder; None where that is nothing, or of other runs. The scores are those of the
    records, whatever the list says. Raises InputError."""
    path = folder / FOLDER / LIST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [_read_row(results, folder / FOLDER, row) for row in content["rows"]]
        found = Pictures([str(run) for run in content["runs"]], str(content["rule"]), rows)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return found if set(found.runs) <= {run["id"] for run in results.runs} else None


def _read_row(results: Results, folder: Path, row: dict[str, Any]) -> PictureRow:
    """Raises ValueError, KeyError or TypeError."""
    image, pictures = str(row["image"]), []
    for found in row["pictures"]:
        label, name = str(found["label"]), str(found["file"])
        seed = None if found["seed"] is None else int(found["seed"])
        if Path(name).name != name or not (folder / name).is_file():
            raise ValueError(f"there is no picture {name} beside it")
        pictures.append(Picture(label, name, seed, int(found["grid"]), _scores(results, label, seed, image)))
    ranked = image_differences(results).set_index("image")["difference"]
    difference = _signed(results, float(ranked[image])) if image in ranked.index else ""
    return PictureRow(image, str(row["why"]), difference, int(row["side"]), pictures)
