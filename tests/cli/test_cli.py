"""The command line as a whole: bad input in words, the notes before training, `bench plan`, and a quick help."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from harness import RUN, TINY, Bench, WriteStudy
from PIL import Image


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.yaml"], "error: none.yaml: cannot be read (No such file or directory)"),
        (["run", "train.steps=5"], "error: command line: no study; give a YAML file such as ablations/pooling.yaml"),
        (
            ["run", "study.yaml", "train.stepz=5"],
            "error: command line: train.stepz=5: train.stepz: unknown key; did you",
        ),
        (["run", "study.yaml", "--data", "nowhere"], "error: data.path (--data): nowhere does not exist"),
        (["run", "study.yaml", "--data", "places365"], "bench data places365 --download"),
        (["run", "study.yaml", "--device", "gpu"], "error: --device gpu: unknown; allowed: auto, cpu, cuda, cuda:N"),
        (["run", "study.yaml", "--device", "cuda:99"], "error: --device cuda:99: "),
        (["run", "study.yaml", "--scale", "huge"], "'huge' is not one of 'tiny', 'small', 'paper'"),
        (["run", "study.yaml", "study.yaml"], "several studies are named study"),
        (["report"], "error: reports: no reports here; bench run a study first"),
        (["report", "study.yaml"], "has results; bench run it first"),
        (["run", "study.yaml", "--runs", "study.yaml"], "error: --runs study.yaml: "),
        (["run", "study.yaml", "--reports", "study.yaml/x"], "error: --reports study.yaml/x: "),
        (["plan", "study.yaml", "--runs", "study.yaml"], "error: --runs study.yaml: "),
        (["data", "nowhere"], "error: data.path (--data): nowhere does not exist"),
    ],
)
def test_bad_input_is_said_in_words_and_writes_nothing(
    bench: Bench, write_study: WriteStudy, tmp_path: Path, arguments: list[str], message: str
) -> None:
    write_study()
    result = bench(*arguments)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["study.yaml"]


def test_an_empty_folder_is_an_error_and_unreadable_files_are_counted(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = bench("run", write_study(), *RUN, "--data", "empty")
    assert result.returncode == 2
    assert "empty" in result.stderr


def test_a_set_without_colours_is_said_before_training(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    for seed in range(6):
        pixels = np.random.default_rng(seed).integers(0, 256, (80, 80), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
    for command in (["plan", write_study(), *TINY], ["run", write_study(), *RUN]):
        result = bench(*command, "--data", ".")
        assert result.returncode == 2
        assert "all 5 training images are gray, and colorization learns from colours" in " ".join(result.stderr.split())
    assert "no colours can be learnt from them" in " ".join(bench("data", ".").stdout.split())
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(pixels).resize((80, 80)).save(tmp_path / f"colour{seed}.png")
    result = bench("plan", write_study(), *TINY, "--data", ".")
    assert result.returncode == 0
    assert re.search(r"note: folder .* of the 9 training images are gray \(\d\d%\); data.skip_gray", result.stderr)
    skipping = bench("plan", write_study(), *TINY, "--data", ".", "data.skip_gray=true")
    assert "training images are gray" not in skipping.stderr


def test_plan_says_what_would_run_and_writes_nothing(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    study = write_study(baselines=["gray"])
    result = bench("plan", study, *TINY)
    assert result.returncode == 0
    assert "3 new" in result.stdout
    assert "generator.downsample: strided_conv -> max_pool" in result.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["study.yaml"]
    bench("run", study, *RUN)
    assert "3 cached" in bench("plan", study, *TINY).stdout


def test_help_is_quick() -> None:
    took = []
    for _ in range(3):
        started = time.perf_counter()
        assert b"Usage" in subprocess.run([sys.executable, "-m", "bench", "--help"], capture_output=True).stdout
        took.append(time.perf_counter() - started)
    assert min(took) < 1.5  # 0.3 s on a free machine; torch alone takes longer than this
