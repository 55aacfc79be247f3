"""`bench plan`: states, prices and totals of the work that is left."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import Bench, WriteStudy
from safetensors.numpy import save_file

from bench.data.cache import cache_root
from bench.machine import Machine, device_and_name, processor_name
from bench.plan.price import Planned, Price, Pricing, trained_share
from bench.plan.terminal import bytes_text, duration
from bench.plan.wall_time import outlook
from bench.runs.runner import jobs_of
from bench.store.run_store import RunStore
from bench.study.load import load_study

TINY = ("--scale", "tiny")
RUN = (*TINY, "--workers", "1")
SECONDS = {"setup": 2.0, "train": 6.0, "validate": 3.0, "score": 1.0, "measure": 4.0}


@pytest.fixture
def own_probes(tmp_path: Path) -> dict[str, str]:
    """A cache without probes, but with the photographs decoded."""
    here, there = tmp_path / "cache", cache_root() / "data"
    here.mkdir()
    there.mkdir(parents=True, exist_ok=True)
    (here / "data").symlink_to(there)
    return {"BENCH_CACHE": str(here)}


def test_a_plan_asks_for_a_probe_and_then_remembers_it(
    bench: Bench, write_study: WriteStudy, tmp_path: Path, own_probes: dict[str, str]
) -> None:
    (tmp_path / "mine.py").write_text("class Mine:\n    def __init__(self, *a): raise RuntimeError('no such luck')\n")
    axes, control = {"method": ["l1_unet", "mine:Mine"]}, {"method": "l1_unet"}
    study = write_study(axes=axes, control=control, seeds=2, metrics=["psnr"])
    plain = bench("plan", study, *RUN, **own_probes).stdout
    assert "4 runs of 2 configs without a price; bench plan --probe measures them, with 20 steps" in plain
    probed = bench("plan", study, *RUN, "--probe", **own_probes)
    failure = "probed mine:Mine without success: RuntimeError: no such luck"
    assert (probed.returncode, probed.stderr.splitlines()) == (0, ["probed l1_unet", failure])
    again = bench("plan", study, *RUN, **own_probes)
    assert (again.stdout, again.stderr) == (probed.stdout, "")
    assert "no price for mine:Mine: RuntimeError: no such luck" in again.stdout
    assert "2 runs left: " in again.stdout
    assert "with 1 worker, before the report; " in again.stdout
    assert "without a price" not in again.stdout
    assert not (tmp_path / "runs").exists()
    told = json.loads(bench("plan", study, *RUN, "--json", **own_probes).stdout)
    assert [run["price"] and run["price"]["source"] for run in told["runs"]] == ["probe", None] * 2
    least = sum(run["seconds"] or 0 for run in told["runs"])
    assert told["left"]["wall_seconds"] == told["left"]["work_seconds"] > least > 0


def test_what_is_done_costs_nothing_and_like_runs_say_what_the_others_take(
    bench: Bench, write_study: WriteStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_probes: dict[str, str]
) -> None:
    monkeypatch.setenv("BENCH_CACHE", own_probes["BENCH_CACHE"])
    study = write_study()
    assert bench("run", study, *RUN).returncode == 0
    store = RunStore(tmp_path / "runs")
    for run in load_study(study, "tiny").runs():
        store.write(run.id, "timing", {"seconds": SECONDS, "peak_bytes": 900, "gpu_peak_bytes": None})
    done = bench("plan", study, *RUN, **own_probes).stdout
    assert "2 cached" in done
    assert "left" not in done
    two = jobs_of([load_study(write_study(seeds=2), "tiny")])
    planned = Pricing(store, Machine(), processor_name(), 1).plan(two)
    assert [(one.state, one.is_left, one.seconds) for one in planned[:2]] == [("done", False, 0.0)] * 2
    assert [(one.state, one.seconds) for one in planned[2:]] == [("new", 14.0)] * 2
    assert planned[2].price == Price(1.5, 2.0, 9.0, 1.0, 4.0, 900, None, "store")
    for machine, name in ((Machine(threads=2), processor_name()), (Machine(), "CPU of another kind")):
        assert [one.price for one in Pricing(store, machine, name, 1).plan(two)] == [None] * 4
    more = jobs_of([load_study(write_study(metrics=["psnr", "colorfulness", "ssim"]), "tiny")])
    assert [one.seconds for one in Pricing(store, Machine(), processor_name(), 1).plan(more)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("budget", "state", "share"),
    [
        ("train.steps=40", {"step": 10}, 0.25),
        ("train.images=160", {"step": 10}, 0.25),
        ("train.seconds=10", {"step": 10, "seconds": 6.0}, 0.6),
        ("train.flops=1e9", {"step": 10, "flops": 2e8}, 0.2),
    ],
)
def test_a_checkpoint_says_how_much_is_left(
    write_study: WriteStudy, tmp_path: Path, budget: str, state: dict[str, float], share: float
) -> None:
    job = jobs_of([load_study(write_study(), "tiny", None, (budget,))])[0]
    store = RunStore(tmp_path / "runs")
    assert trained_share(store, job[0]) == 0
    file = store.prepare(job[0].id) / "checkpoint.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, file, {"state": json.dumps(state)})
    assert trained_share(store, job[0]) == share
    planned = Pricing(store, Machine(), "CPU", 1).plan([job])[0]
    assert (planned.state, planned.train_share) == ("resumable", 1 - share)
    file.write_bytes(file.read_bytes()[:20])
    assert trained_share(store, job[0]) == 0


def test_runs_go_to_the_worker_that_is_free_first_and_speed_is_measured_after_them(write_study: WriteStudy) -> None:
    jobs = jobs_of([load_study(write_study(seeds=2), "tiny")])[:3]
    price = Price(1.0, 2.0, 9.0, 1.0, 3.0, 100, 10, "probe")
    runs = [Planned(*job, "new", (), 1.0, False, False, price, "", Path()) for job in jobs]
    two = outlook(runs, 2)
    assert two.wall_seconds == (3 + 10 + 10) + (3 + 3 * 3)  # the worker with two runs, then this process
    assert two.work_seconds == (3 + 20) + (3 + 10) + (3 + 9)
    assert (two.peak_bytes, two.gpu_peak_bytes) == (200, 20)
    one = outlook(runs, 1)
    assert one.wall_seconds == one.work_seconds == 3 + 3 * (10 + 3)
    half, cached = replace(runs[0], train_share=0.5), replace(runs[1], is_scored=True, is_measured=True)
    assert outlook([half, cached, replace(runs[2], price=None)], 1).wall_seconds == 3 + 4.5 + 1 + 3
    assert outlook([cached], 1).wall_seconds == 0


def test_a_device_has_a_name_without_torch() -> None:
    import torch

    from bench.runs.provenance import device_name

    assert device_and_name("cpu") == ("cpu", device_name(torch.device("cpu")))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (18_600, "5 h 10 min")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_bytes_read_well() -> None:
    assert [bytes_text(n) for n in (980_000_000, 999_600_000, 12_340_000_000)] == ["980 MB", "1.0 GB", "12.3 GB"]
