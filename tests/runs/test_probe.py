"""The probe: what it measures, its reason when a run fails, and how it is remembered."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median

import pytest
import torch
from harness import WriteStudy

from baselines.build import build_method
from bench.config import RunConfig
from bench.data.tasks import build_task
from bench.machine import Machine
from bench.runs.probe import probe, probe_apart
from bench.runs.probe_cache import Probe, probe_file, recall, remember
from bench.runs.probe_steps import Clock, Steps, training_seconds
from bench.study.load import load_study
from bench.study.study import Run

CPU = torch.device("cpu")
PHASES = ("l1", "l1, d_real, d_fake, g_adversarial")
TIMES = ("setup", "train", "validation", "score", "measure")

BAD = """
import os


class Broken:
    def __init__(self, config, in_channels, out_channels, device):
        raise RuntimeError("no weights of mine")


class Killer:
    def __init__(self, config, in_channels, out_channels, device):
        os.kill(os.getpid(), 9)
"""


def _run(study: Path, label: str = "strided_conv", *overrides: str) -> Run:
    return next(run for run in load_study(study, "tiny", None, overrides).runs() if run.label == label)


def _steps(config: RunConfig) -> Steps:
    method = build_method(config, build_task(config.task), CPU)
    return Steps(config, method, Clock(CPU))


def test_a_probe_measures_every_part_and_each_phase_has_its_share(write_study: WriteStudy) -> None:
    found = probe(_run(write_study()), ["psnr"], Machine())
    assert found.reason == ""
    assert all(getattr(found, name) > 0 for name in TIMES)
    assert found.peak_bytes > 100e6
    assert (found.gpu_peak_bytes, found.gpu_bytes) == (None, None)
    l1, both = (found.phases[phase] for phase in PHASES)
    assert 5 * l1 + 15 * both < found.train  # of 20 steps 5 are pretraining; drawing comes on top


@pytest.mark.parametrize(
    ("budget", "pretraining", "adversarial"),
    [
        (["train.images=158", "train.pretrain_steps=8"], 8, 32),
        (["train.steps=1", "train.pretrain_steps=0"], 0, 1),
        (["train.steps=400", "train.pretrain_steps=100"], 100, 300),
    ],
)
def test_the_whole_budget_is_priced(
    write_study: WriteStudy, budget: list[str], pretraining: int, adversarial: int
) -> None:
    config = _run(write_study(), "strided_conv", *budget).config
    steps = _steps(config)
    seconds = training_seconds(config, steps)
    l1, both = (median(steps.seconds.get(phase, [0.0])) for phase in PHASES)
    drawing = math.ceil((pretraining + adversarial) / steps.together) * median(steps.drawing)
    assert seconds == pytest.approx(pretraining * l1 + adversarial * both + drawing, rel=1e-6)


def test_a_budget_in_seconds_is_known_and_one_in_flops_is_counted(write_study: WriteStudy) -> None:
    study = write_study()
    config = _run(study, "strided_conv", "train.seconds=7").config
    assert training_seconds(config, _steps(config)) == 7
    config = _run(study, "strided_conv", "train.flops=1e11", "train.pretrain_steps=100").config
    steps = _steps(config)
    seconds = training_seconds(config, steps)
    l1, both = (steps.cost(phase) for phase in PHASES)
    assert 1e9 > both > 2 * l1 > 1e6  # FLOPs of a step
    taken = 100 + (1e11 - 100 * l1) / both
    each = median(steps.seconds[PHASES[1]])
    assert seconds == pytest.approx(taken * each + taken / steps.together * median(steps.drawing), rel=0.2)


def test_what_is_not_trained_has_its_scoring_alone(write_study: WriteStudy) -> None:
    found = probe(_run(write_study(baselines=["gray"]), "gray"), ["psnr"], Machine())
    assert (found.reason, found.train, found.validation, found.phases) == ("", 0, 0, {})
    assert found.score > 0


def test_a_run_that_cannot_be_has_a_reason(
    write_study: WriteStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad_methods.py").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    study = write_study(baselines=["bad_methods:Broken", "bad_methods:Killer"])
    broken, killer = _run(study, "bad_methods:Broken"), _run(study, "bad_methods:Killer")
    assert probe(broken, [], Machine()).reason == "RuntimeError: no weights of mine"
    assert probe_apart(killer, [], Machine()).reason == "its process was killed (out of memory?)"


def test_probes_are_remembered_by_what_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    file = probe_file("0" * 16, ["psnr", "ssim"], Machine(), "CPU")
    assert file == probe_file("0" * 16, ["ssim", "psnr"], Machine(), "CPU")
    others = [
        probe_file("1" * 16, ["psnr", "ssim"], Machine(), "CPU"),
        probe_file("0" * 16, ["psnr"], Machine(), "CPU"),
        probe_file("0" * 16, ["psnr", "ssim"], Machine(threads=2), "CPU"),
        probe_file("0" * 16, ["psnr", "ssim"], Machine(), "another CPU"),
    ]
    assert len({file, *others}) == 5
    assert recall(file, 1) is None
    alone, beside = Probe(train=1.0, phases={"l1": 0.1}), Probe(train=2.0)
    remember(file, 1, alone)
    remember(file, 4, beside)
    assert [recall(file, count) for count in (1, 2, 3, 9)] == [alone, alone, beside, beside]
    file.write_text(file.read_text()[:50])
    assert recall(file, 1) is None
