"""SHA256SUMS: a file with another sum counts as absent, and repair sets aside what is damaged."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from bench.runs.repair import damage, quarantine
from bench.store.checksums import NAME, Checksums
from bench.store.run_store import RunStore

RUN = "0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """A store with a run that looks done."""
    store = RunStore(tmp_path)
    store.write(RUN, "training", {"steps": 3})
    store.write_rows(RUN, "curve", [{"step": 1, "value": 0.5}])
    store.write_rows(RUN, "scores/psnr.v1", [{"image": "x", "value": 1.5}])
    with store.placing(RUN, "weights.safetensors") as path:
        path.write_bytes(b"weights")
    store.write(RUN, "outcome", {"state": "done", "reason": ""})
    return store


def test_the_log_is_that_of_sha256sum(store: RunStore) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", NAME], cwd=store.folder(RUN), capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_changed_file_counts_as_absent(store: RunStore) -> None:
    path = store.folder(RUN) / "scores/psnr.v1.csv"
    path.write_text(path.read_text().replace("1.5", "9.5"))
    assert store.read_rows(RUN, "scores/psnr.v1") is None
    assert damage(store, RUN) == {"scores/psnr.v1.csv": "is not what was written (SHA-256)"}


def test_a_file_without_a_line_is_taken_as_it_is(store: RunStore) -> None:
    (store.folder(RUN) / "cost.json").write_text('{"macs": 1}')
    assert store.read(RUN, "cost") == {"macs": 1}
    (store.folder(RUN) / "cost.json").write_text('{"macs": ')
    assert store.read(RUN, "cost") is None


def test_killed_between_the_line_and_the_file_the_old_one_is_good(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "next").write_text("new")
    store.sums(RUN).enter("outcome.json", tmp_path / "next")
    assert store.state(RUN) == "done"


def test_a_line_that_was_cut_off_hides_nothing(tmp_path: Path) -> None:
    sums = Checksums(tmp_path)
    (tmp_path / NAME).write_text("abc")
    (tmp_path / "a").write_text("content")
    sums.enter("a", tmp_path / "a")
    assert sums.entries() == {"a": [hashlib.sha256(b"content").hexdigest()]}


def test_a_write_that_fails_leaves_nothing(store: RunStore) -> None:
    before = sorted(store.folder(RUN).rglob("*"))
    with pytest.raises(UnicodeEncodeError), store.placing(RUN, "samples.npz") as path:
        path.write_text("half \ud800")
    assert sorted(store.folder(RUN).rglob("*")) == before


def test_what_is_of_the_scoring_goes_alone_and_what_is_of_the_training_takes_all_with_it(store: RunStore) -> None:
    folder = store.folder(RUN)
    (folder / "scores/psnr.v1.csv").write_text("image,value\n")
    quarantine(store, RUN)
    assert store.state(RUN) == "done"
    assert (folder / "damaged/scores/psnr.v1.csv").exists()
    store.write_rows(RUN, "scores/psnr.v1", [{"image": "x", "value": 1.5}])
    (folder / "weights.safetensors").write_bytes(b"wEights")
    assert quarantine(store, RUN).keys() == {"weights.safetensors"}
    assert store.state(RUN) == "new"
    assert (folder / "damaged/scores/psnr.v1.csv.2").read_text() == "image,value\nx,1.5\n"
    assert damage(store, RUN) == {}
    assert [event["what"] for event in store.read(RUN, "events") or []] == ["damaged", "damaged"]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".", "..", ".hidden", "/abs"])
def test_a_run_is_a_plain_name(store: RunStore, name: str) -> None:
    with pytest.raises(ValueError, match="is no run's id"):
        store.folder(name)
