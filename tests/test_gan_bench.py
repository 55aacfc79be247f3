"""Another project's package that hides one of ours is named, with the fix, before anything is imported from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT


def _bench(module: str, cwd: Path, *first: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*first, ROOT)))}
    command = [sys.executable, "-m", module, "studies"]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def _package(folder: Path, has_init: bool = True) -> Path:
    folder.mkdir(parents=True)
    if has_init:
        (folder / "__init__.py").write_text("raise SystemExit('this code must not run')")
    return folder


@pytest.mark.parametrize("module", ["bench", "gan_bench"])
def test_a_package_named_baselines_in_the_current_folder_is_named(tmp_path: Path, module: str) -> None:
    other = _package(tmp_path / "baselines")
    done = _bench(module, tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"error: another package named baselines hides the one of gan-bench: {other}; rename")


@pytest.mark.parametrize("suffix", ["", ".py"])
def test_a_package_or_module_named_bench_on_pythonpath_is_named(tmp_path: Path, suffix: str) -> None:
    if suffix:
        other = tmp_path / "elsewhere/bench.py"
        other.parent.mkdir()
        other.touch()
    else:
        other = _package(tmp_path / "elsewhere/bench")
    done = _bench("gan_bench", tmp_path, other.parent)  # what the command `bench` of an installation imports
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"another package named bench hides the one of gan-bench: {other}; rename it" in done.stderr


def test_folders_of_these_names_that_are_no_packages_hide_nothing(tmp_path: Path) -> None:
    for name in ("bench", "baselines"):
        _package(tmp_path / name, has_init=False)
    done = _bench("bench", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
