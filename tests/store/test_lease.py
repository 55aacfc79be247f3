"""The lease of a run: one holder; a dead or silent holder is replaced; a replaced one finds out."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.store.lease import Lease
from bench.store.run_store import RunStore, TakenOver

HOLD = """
import sys, time
from pathlib import Path
from bench.store.lease import Lease
lease = Lease(Path(sys.argv[1]), float(sys.argv[2]))
print(lease.acquire(), flush=True)
sys.stdin.readline()
print(lease.is_mine(), flush=True)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease, with a grace of 1.5 seconds."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lease"), "1.5"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def _taken_after(lease: Lease) -> float:
    began = time.monotonic()
    while not lease.acquire():
        assert time.monotonic() - began < 20
        time.sleep(0.05)
    return time.monotonic() - began


def test_the_dead_make_room_at_once(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    lease = Lease(tmp_path / "lease", 60.0)
    assert not lease.acquire()
    assert lease.is_held()
    holder.kill()
    holder.wait()
    assert _taken_after(lease) < 1
    assert lease.taken_from.startswith(f"process {holder.pid} on ")
    lease.release()


def test_the_silent_make_room_after_their_own_grace_and_find_out(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGSTOP)
    lease = Lease(tmp_path / "lease", 60.0)
    assert 1.4 < _taken_after(lease) < 10
    holder.send_signal(signal.SIGCONT)
    said, _ = holder.communicate("go on\n")
    assert said == "False\n"
    assert lease.is_mine()
    lease.release()


def test_where_names_cannot_be_exchanged_a_silent_lease_is_broken(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder.send_signal(signal.SIGSTOP)
    lease = Lease(tmp_path / "lease", 0.2)
    deadline = time.monotonic() + 10
    while (tmp_path / "lease").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
        lease._break()  # as acquire does on such a file system, which is not to be had here
    assert lease.acquire()
    lease.release()


def test_who_has_been_found_dead_by_a_reader_is_still_named(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    assert not Lease(tmp_path / "lease", 60.0).is_held()  # as bench plan looks
    lease = Lease(tmp_path / "lease", 60.0)
    assert lease.acquire()
    assert lease.taken_from.startswith(f"process {holder.pid} on ")
    lease.release()


def test_nothing_is_written_under_a_lease_that_is_lost(tmp_path: Path) -> None:
    store, run = RunStore(tmp_path), "a"
    with store.claim(run) as mine:
        assert mine
        store.write(run, "first", 1)
        (tmp_path / run / "lease").unlink()
        thief = Lease(tmp_path / run / "lease", 60.0)
        assert thief.acquire()
        with pytest.raises(TakenOver):
            store.write(run, "second", 2)
        assert (store.read(run, "first"), store.read(run, "second")) == (1, None)
        thief.release()


def test_half_written_files_of_the_dead_are_cleared_away(tmp_path: Path) -> None:
    store, folder = RunStore(tmp_path), tmp_path / "a"
    folder.mkdir()
    for name in (".outcome.7.json", ".checkpoint.safetensors.7"):
        (folder / name).touch()
    with store.claim("a"):
        assert [path.name for path in folder.iterdir()] == ["lease"]
    assert list(folder.iterdir()) == []
