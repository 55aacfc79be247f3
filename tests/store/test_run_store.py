"""The run store: states, claims of several processes, and writes that are whole or absent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import Unwritable
from bench.store.run_store import RunStore, write_atomically


def test_a_run_goes_from_new_over_resumable_to_done(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    assert store.state("a") == "new"
    (store.prepare("a") / "checkpoint.safetensors").touch()
    assert store.state("a") == "resumable"
    store.write("a", "outcome", {"state": "failed", "reason": "disk full"})
    assert store.state("a") == "failed"
    store.write("a", "outcome", {"state": "done", "reason": ""})
    assert store.state("a") == "done"


HOLD = """
import sys, time
from pathlib import Path
from bench.store.run_store import RunStore
with RunStore(Path(sys.argv[1])).claim("a") as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_claim_excludes_other_processes_until_the_holder_is_killed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with store.claim("a") as mine:
        assert not mine
    assert store.state("a") == "running"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert store.state("a") == "new"
    with store.claim("a") as mine:
        assert mine
        assert store.state("a") == "running"


def test_rows_come_back_as_they_were_and_absent_ones_are_none(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write_rows("a", "scores/psnr.v1", [{"image": "x, y", "value": 0.1 + 0.2}])
    assert store.read_rows("a", "scores/psnr.v1") == [{"image": "x, y", "value": "0.30000000000000004"}]
    assert store.read_rows("a", "scores/ssim.v1") is None
    assert store.read("a", "cost") is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(Unwritable, match=r"runs/a: cannot be written \(Not a directory\)"):
        RunStore(tmp_path / "runs").prepare("a")
