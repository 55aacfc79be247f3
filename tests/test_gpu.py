"""On a CUDA GPU: a study runs, is measured there, and agrees with the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from harness import Bench, WriteStudy


@pytest.mark.gpu
def test_a_study_runs_on_cuda_and_scores_what_it_scores_on_the_cpu(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study()
    tables = {}
    for device in ("cuda", "cpu"):
        result = bench(
            "run", study, "--scale", "tiny", "--device", device, "--runs", device, "--reports", f"{device}_reports"
        )
        assert result.returncode == 0, result.stderr
        tables[device] = pd.read_csv(tmp_path / f"{device}_reports/study/table.csv")
        for path in (tmp_path / device).glob("*/throughput.json"):
            record = json.loads(path.read_text())
            assert record["device"].startswith("CPU") == (device == "cpu")
            assert record["training_peak_bytes"] > 0
    assert tables["cuda"]["psnr_mean"].tolist() == pytest.approx(tables["cpu"]["psnr_mean"].tolist(), abs=0.5)
