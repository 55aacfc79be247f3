"""speed.md and the CSV from records: what stands in a row, what is flagged, and what is said where there is nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.errors import InputError
from bench.report.overview import check_overview, write_overview
from bench.report.tables.speed import speed_text, tables_of
from bench.report.tables.speed_records import load_records, save_record
from bench.report.tables.text_table import TextTable

ROW: dict[str, Any] = {
    "label": "gan", "method": "gan", "work": "training", "loop": "as run", "image_size": 64, "batch_size": 16,
    "precision": "fp32", "warm_up": {"steady": True, "first_call_seconds": 1.0, "seconds_per_call": 0.1},
    "images_per_second": 150.0, "rounds": [149.0, 150.0, 151.0], "spread": 0.0067, "noisy": False, "calls": 100,
    "seconds": 10.6, "ratio": {"to": "gan", "median": 1.0, "low": 1.0, "high": 1.0},
    "memory": {"allocated": 40 * 2**20, "reserved": None, "resident": 700 * 2**20},
    "split": {"data": 0.002, "generator": 0.05, "discriminator": 0.04, "optimiser": 0.006, "rest": 0.002},
    "costs": {"call_flops": 32 * 10**9, "call_bytes": 10**9, "images": 16, "macs": 5 * 10**6, "flops": 10**7,
              "parameters_generator": 1000, "parameters_total": 3000},
    "roofline": {"matmul": 1e11, "copy": 1e10, "intensity": 32.0, "floor_seconds_per_image": 0.02, "share": 0.5},
    "sensors": {"missing": "not a GPU"},
}  # fmt: skip


def record() -> dict[str, Any]:
    slow = copy.deepcopy(ROW) | {
        "label": "slow & wide", "images_per_second": 7.5, "noisy": True, "spread": 0.2, "batch_size": 1,
        "ratio": {"to": "gan", "median": 0.05, "low": 0.04, "high": 0.06},
        "warm_up": {"steady": False, "first_call_seconds": 1.0, "seconds_per_call": 0.1},
    }  # fmt: skip
    lost = {key: ROW[key] for key in ("method", "work", "loop", "image_size", "batch_size", "precision")}
    lost |= {"label": "lost", "missing": "out of memory (tried to allocate 9 GiB)"}
    return {
        "version": 1, "name": "pooling-small", "title": "Pooling, scale small", "command": "bench profile x.yaml",
        "settings": {"device": "cpu", "threads": 2}, "data": "photos",
        "machine": {"device": "CPU Some, 2 cores", "torch": "2.15", "python": "3.11", "code": "abc"},
        "tables": [{"title": "Training step", "rows": [ROW, slow, lost]}],
        "latency": [{"label": "gan", "latency": {"p50": 0.001, "p90": 0.002, "p99": None, "samples": 900}}],
        "sweeps": [{"label": "gan", "work": "training", "ended": "out of memory at batch 4", "best":
                    {"batch_size": 2, "images_per_second": 90.0, "memory": ROW["memory"]}, "points":
                    [{"batch_size": 1, "images_per_second": 50.0}, {"batch_size": 2, "images_per_second": 90.0}]}],
        "packing": {"label": "gan", "points": [{"runs": 2, "images_per_second": 280.0, "spread": 0.01, "ratio":
                    {"median": 1.9, "low": 1.8, "high": 2.0}}]},
        "waiting": [],
    }  # fmt: skip


def table(title: str) -> TextTable:
    return next(table for table in tables_of(record()) if table.title == title)


def test_a_row_has_speed_ratio_and_share_of_the_floor() -> None:
    speeds = table("Training step")
    assert speeds.rows[0] == [
        "gan [fp32, batch 16]", "150", "0.7%", "1.00 [1.00, 1.00]", "100, 11",
        "2.00", "32.0", "50%", "40 (700) MiB", "",
    ]  # fmt: skip
    assert speeds.rows[1][3] == "0.05 [0.04, 0.06]"
    assert speeds.rows[1][-1] == "not steady; noisy"


def test_what_could_not_be_measured_says_why() -> None:
    speeds = table("Training step")
    assert set(speeds.rows[2][1:]) == {"—"}
    assert "lost: not measured: out of memory (tried to allocate 9 GiB)" in speeds.notes


def test_the_other_tables() -> None:
    assert table("Where a training step's time goes").rows[0] == [
        "gan [64 px, batch 16]", "100.0", "2.0%", "40.0%", "50.0%", "6.0%", "2.0%",
    ]  # fmt: skip
    assert table("What it costs").rows == [["gan\nslow & wide", "64 px", "1,000", "3,000", "5.00", "10.0"]]
    assert table("Latency at batch 1").rows == [["gan", "1.00", "2.00", "—", "900"]]
    assert table("Batch sizes").rows == [
        ["gan, training", "2", "90.0", "40 (700) MiB", "1: 50.0, 2: 90.0", "out of memory at batch 4"]
    ]
    assert table("Runs at once").rows == [["2", "280", "1.0%", "1.90 [1.80, 2.00]"]]


def test_the_page_names_machine_and_command_of_every_record() -> None:
    text = speed_text([record()])
    assert "CPU Some, 2 cores, 2 threads; torch 2.15, Python 3.11; data: photos; code abc." in text
    assert "`bench profile x.yaml`" in text
    assert "slow &amp; wide" in text
    assert max(map(len, text.split("# How it is measured")[1].splitlines())) <= 120


def test_records_are_written_read_and_checked(tmp_path: Path) -> None:
    path = save_record(record(), tmp_path, "pooling-small.cpu")
    assert load_records(tmp_path) == [json.loads(path.read_text())]
    flat = pd.read_csv(path.with_suffix(".csv"))
    assert flat["label"].tolist() == ["gan", "slow & wide", "lost"]
    assert flat["images_per_second"].tolist()[:2] == [150.0, 7.5]
    assert flat["missing"].tolist()[2].startswith("out of memory")
    write_overview(tmp_path)
    assert check_overview(tmp_path) == []
    assert "CPU Some, 2 cores" in (tmp_path / "index.html").read_text()
    (tmp_path / "speed.md").write_text("edited")
    assert check_overview(tmp_path) == [tmp_path / "speed.md"]


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 0}', '{"version": 1}'])
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "speed").mkdir()
    (tmp_path / "speed/x.json").write_text(content)
    with pytest.raises(InputError, match=r"x\.json: the record of speed cannot be read"):
        load_records(tmp_path)
