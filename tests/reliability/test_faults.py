"""Faults other than kills: disks, damage, data, memory, numbers, and code that hangs; each has a name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Bench, Command, WriteStudy
from PIL import Image
from scene import HANGS, Tried, events, finish, outcomes, start, trained_twice, wait_for, wait_until

Outcomes = dict[str, Any]
pytestmark = [pytest.mark.slow, pytest.mark.faults]
RUN = ("--scale", "tiny", "--workers", "1")


def _faults(runs: Path) -> dict[str, int]:
    """Fault -> how many runs ended in it."""
    found: dict[str, int] = {}
    for path in runs.glob("*/outcome.json"):
        outcome = json.loads(path.read_text())
        name = outcome.get("fault", outcome["state"])
        found[name] = found.get(name, 0) + 1
    return found


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 KB: a checkpoint more than it holds."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("may not mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def _remount(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", disk], check=True)


def test_a_full_disk(study: Path, quiet: Outcomes, disk: Path, tried: Tried) -> None:
    said = finish(start(study, disk / "runs"), 1)
    assert "disk full" in said or "No space left on device" in said
    assert not list(disk.glob("runs/*/.*"))  # half-written files do not fill it further
    _remount(disk, "size=50m")
    finish(start(study, disk / "runs"), 0)
    assert outcomes(disk / "runs") == quiet
    tried("full disk", 1)
    tried("lost", 0)
    tried("trained twice", trained_twice(disk / "runs"))


def test_a_store_that_may_only_be_read(study: Path, disk: Path, bench: Bench, tried: Tried) -> None:
    _remount(disk, "size=50m")
    arguments = (study, *RUN[:2], "--runs", disk / "runs", "train.steps=10")
    assert bench("run", *arguments, "--workers", "1").returncode == 0
    before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
    _remount(disk, "ro")
    for command in ("plan", "report"):
        done = bench(command, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), command
    done = bench("run", *arguments, "seeds=2")
    assert done.returncode == 2
    assert "--runs" in done.stderr
    assert "is not a folder that can be written" in done.stderr
    assert {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before
    tried("read-only store", 1)


def _spoil(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) * 2 // 3] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "flipped"])
@pytest.mark.parametrize("count", [1, 2])
def test_damaged_checkpoints(study: Path, quiet: Outcomes, how: str, count: int, tried: Tried) -> None:
    command = start(study, "spoilt")
    previous = wait_for(study.parent / "spoilt", "*/checkpoint.previous.safetensors")
    os.kill(command.pid, signal.SIGKILL)
    command.finish()
    for path in [previous.with_name("checkpoint.safetensors"), previous][:count]:
        _spoil(path, how)
    assert "is not whole" in finish(Command(study.parent, "verify", "--runs", "spoilt"), 1)
    said = finish(start(study, "spoilt"), 0)
    for text in ("; the previous one is used", "checkpoint.previous.safetensors is damaged; training starts again")[
        :count
    ]:
        assert text in said
    assert outcomes(study.parent / "spoilt") == quiet
    tried(f"checkpoints {how}", count)
    tried("lost", 0)
    tried("trained twice", trained_twice(study.parent / "spoilt"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that is done."""
    from harness import small_study

    study = small_study(tmp_path_factory.mktemp("finished"), metrics=["psnr"])
    finish(start(study, "runs"), 0)
    return study.parent


@pytest.mark.parametrize("how", ["truncated", "flipped", "gone"])
def test_damaged_records(finished: Path, tmp_path: Path, quiet: Outcomes, how: str, tried: Tried) -> None:
    """Damage each file of a run in turn: it is named, no report uses it, and it is made again."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    runs, study = tmp_path / "runs", tmp_path / "study.yaml"
    folders = sorted(runs.iterdir())
    good = {path.name: path.read_bytes() for path in (folders[0] / "scores").iterdir()}
    names = ["scores/psnr.v1.csv", "training.json", "throughput.json", "samples.npz", "outcome.json", "curve.csv"]
    for index, name in enumerate(names):
        path = folders[index % len(folders)] / name
        if how == "gone":
            path.unlink()
        else:
            _spoil(path, how)
        named = finish(Command(tmp_path, "verify"), 1)
        assert name in named.replace("\n", "")
    assert "2 damaged" in finish(Command(tmp_path, "verify"), 1)
    finish(Command(tmp_path, "report", study, *RUN[:2], "train.steps=60"), 0)
    finish(Command(tmp_path, "verify", "--repair"), 0)
    assert "0 damaged" in finish(Command(tmp_path, "verify"), 0)
    finish(start(study, "runs"), 0)
    assert outcomes(runs) == quiet
    assert {path.name: path.read_bytes() for path in (folders[0] / "scores").iterdir()} == good
    assert len(events(runs, "damaged")) == len(names)
    tried(f"records {how}", len(names))
    tried("lost", 0)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of ten images."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(10):
        Image.fromarray(rng.integers(256, size=(80, 80, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


def test_an_image_that_turns_unreadable(study: Path, photographs: Path, bench: Bench, tried: Tried) -> None:
    arguments = (study, "--data", photographs, "--scale", "tiny", "train.steps=20")
    command = Command(study.parent, "run", *arguments, "--workers", "2")
    wait_until(lambda: command.out.poll(0))  # it has planned, and starts its workers
    broken = {path: path.read_bytes() for path in photographs.iterdir()}
    for path in broken:
        path.write_bytes(b"no image")
    done = command.finish()
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "data changed: " in done.stdout
    assert _faults(study.parent / "runs") == {"data_changed": 2}
    page = (study.parent / "reports/study/report.md").read_text()
    assert "restore the images as they were" in page
    for path, content in broken.items():
        path.write_bytes(content)
    assert bench("run", *arguments, "--workers", "1").returncode == 0
    tried("unreadable images", len(broken))
    tried("lost", 0)


def test_out_of_memory_on_the_device(write_study: WriteStudy, bench: Bench, tmp_path: Path, tried: Tried) -> None:
    study = write_study(axes={"generator.width": [8, 300_000]}, control={"generator.width": 8}, metrics=["psnr"])
    done = bench("run", study, *RUN, "train.steps=10")
    assert done.returncode == 1
    assert "out of memory: " in done.stdout
    assert _faults(tmp_path / "runs") == {"out_of_memory": 1, "done": 1}
    failed = next(o for p in tmp_path.glob("runs/*/outcome.json") if "fault" in (o := json.loads(p.read_text())))
    assert failed["batch_size"] == 4
    assert failed["peak_bytes"] > 0
    assert "lower train.batch" in (tmp_path / "reports/study/report.md").read_text()
    tried("out of memory", 1)


def test_numbers_that_explode(write_study: WriteStudy, bench: Bench, tmp_path: Path, tried: Tried) -> None:
    study = write_study(axes={"train.learning_rate": [0.0002, 1e20]}, control={"train.learning_rate": 0.0002})
    done = bench("run", study, *RUN, "train.steps=20")
    assert done.returncode == 1
    assert _faults(tmp_path / "runs") == {"diverged": 1, "done": 1}
    tried("NaN", 1)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_code_that_hangs(write_study: WriteStudy, bench: Bench, tmp_path: Path, workers: str, tried: Tried) -> None:
    (tmp_path / "hangs.py").write_text(HANGS)
    study = write_study(axes={"method": ["gan", "hangs:Hangs"]}, control={"method": "gan"})
    asked = ("--scale", "tiny", "--workers", workers, "--hang-after", "8", "train.steps=20")
    done = bench("run", study, *asked)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "hung" in done.stdout
    assert _faults(tmp_path / "runs") == {"hung": 1, "done": 1}
    stacks = next(tmp_path.glob("runs/*/hang.txt")).read_text()
    assert "in update" in stacks
    if workers == "2":
        assert "raise --hang-after" in (tmp_path / "reports/study/report.md").read_text()
    tried("hanging method", 1)
