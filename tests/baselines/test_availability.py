"""A method whose optional package is missing is unavailable, with the reason, and does not fail a study."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from harness import ROOT, WriteStudy

from baselines.availability import MethodUnavailable, reason_unavailable
from baselines.classical import PatchMatch
from bench.config import RunConfig

REASON = "patchmatch needs PyPatchMatch: pip install 'gan-bench[patchmatch]'"
WITHOUT_PATCHMATCH = "import sys; sys.modules['patchmatch'] = None; from bench.cli.main import main; main()"


def test_without_its_package_patchmatch_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason_unavailable("patchmatch") is None
    monkeypatch.setitem(sys.modules, "patchmatch", None)  # as if it were not installed
    assert reason_unavailable("patchmatch") == REASON
    with pytest.raises(MethodUnavailable) as error:
        PatchMatch(RunConfig.model_validate({"method": "patchmatch", "task": "inpainting"}), 3, 3, torch.device("cpu"))
    assert str(error.value) == REASON
    assert reason_unavailable("telea") is None


@pytest.mark.slow
def test_a_study_reports_the_missing_package(write_study: WriteStudy, tmp_path: Path) -> None:
    study = write_study(base={"task": "inpainting"}, baselines=["patchmatch"], metrics=["psnr"])
    arguments = ["run", str(study), "--scale", "tiny", "--workers", "1", "--data", "photos"]
    for to_do in (3, 0):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_PATCHMATCH, *arguments],
            cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"{to_do} to do" in done.stdout
    table = pd.read_csv(tmp_path / "reports/study/table.csv")
    assert table["unavailable"].tolist() == [0, 0, 1]
    assert (
        "PSNR is missing: patchmatch needs PyPatchMatch: pip install"
        in (tmp_path / "reports/study/report.md").read_text()
    )
