"""Reading a study's records from the store: a report needs the records that it reads, and nothing else of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import small_study

from bench.errors import Unreadable
from bench.report.analysis.frames import collect
from bench.store.run_store import RunStore
from bench.study.load import load_study


def _make_unreadable(path: Path) -> None:
    """Replace the file by a link to itself, which nobody can open, not even root."""
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def test_unreadable_weights_do_not_stop_a_report_and_an_unreadable_record_does(tmp_path: Path) -> None:
    study, store = load_study(small_study(tmp_path, "s"), "tiny", None, ()), RunStore(tmp_path / "runs")
    run = study.runs()[0]
    store.write(run.id, "cost", {"macs": 1})
    store.write_rows(run.id, "curve", [{"step": 1, "images": 4, "seconds": 0.5, "name": "val_psnr", "value": 20.0}])
    _make_unreadable(store.folder(run.id) / "weights.safetensors")
    results = collect(study, store)
    assert (results.runs[0]["cost"], results.runs[0]["events"]) == ({"macs": 1}, [])
    assert results.curves["value"].tolist() == [20.0]
    _make_unreadable(store.folder(run.id) / "curve.csv")
    with pytest.raises(Unreadable):
        collect(study, store)
