"""On a CUDA GPU: a study runs, is measured there, and agrees with the CPU; a step may be replayed as a graph."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from harness import Bench, WriteStudy

from bench.config import RunConfig, TrainConfig
from bench.data.batches import training_batch
from bench.scales import SCALES
from bench.training.cuda_graphs import GraphedMethod, with_graphs
from bench.training.gan import GAN
from bench.training.method import Progress


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


@pytest.mark.gpu
@pytest.mark.parametrize("fields", [{}, {"fresh_batches": True, "learning_rate_decay": "linear", "ema": 0.9}])
def test_a_step_replayed_as_a_cuda_graph_is_the_step_as_it_is(fields: dict[str, object]) -> None:
    device = torch.device("cuda")
    train = {"steps": 20, "pretrain_steps": 6, "batch_size": 4, **fields}
    config = RunConfig.model_validate({**SCALES["tiny"], "train": train})
    plain, captured = GAN(config, 1, 2, device), with_graphs(GAN(config, 1, 2, device))
    assert isinstance(captured, GraphedMethod)
    for step in range(20):
        batch, progress = training_batch(config, step, device), Progress(step, step / 20)
        ours, theirs = (
            {name: loss.item() for name, loss in method.update(batch, progress).items()} for method in (captured, plain)
        )
        assert ours == pytest.approx(theirs, abs=1e-2)
    odd = training_batch(config.model_copy(update={"train": TrainConfig(batch_size=3)}), 0, device)
    assert set(captured.update(odd, Progress(19, 0.95))) == {"l1", "d_real", "d_fake", "g_adversarial"}


@pytest.mark.gpu
def test_a_gpu_is_profiled_with_its_sensors(bench: Bench, tmp_path: Path) -> None:
    options = ("--scale", "tiny", "--seconds", "2", "--no-sweep", "--packing", "1,2", "--device", "cuda")
    result = bench("profile", "gan", *options, "--reports", "r")
    assert result.returncode == 0, result.stderr
    (path,) = (tmp_path / "r/speed").glob("*.json")
    (training, _) = json.loads(path.read_text())["tables"]
    (row,) = training["rows"]
    assert row["memory"]["reserved"] >= row["memory"]["allocated"] > 0
    assert row["sensors"].get("missing") or row["sensors"]["sm_clock_mhz"] > 0
