"""The warning about slow bf16: on which processors, for which runs, with which ratio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT, WriteStudy

from bench.data.dataset import open_dataset
from bench.machine import Machine, processor_flags, processor_name
from bench.plan.bf16 import bf16_slowdown, bf16_warning
from bench.plan.price import Pricing
from bench.runs.probe_cache import Probe, remember
from bench.runs.runner import jobs_of
from bench.store.run_store import SCHEMA, RunStore
from bench.study.load import load_study
from bench.study.study import Job

SLOW, FAST = {"avx2", "avx512f", "avx512_vnni"}, {"avx2", "avx512f", "avx512_bf16"}
CPU = Machine("cpu")
BF16 = ("train.precision=bf16",)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return RunStore(tmp_path / "runs")


def _jobs(study: Path, *overrides: str) -> list[Job]:
    return jobs_of([load_study(study, "tiny", None, overrides)])


def _probed(job: Job, store: RunStore, train: float) -> None:
    (one,) = Pricing(store, CPU, processor_name(), 1).plan([job])
    remember(one.probe_file, 1, Probe(train=train))


def _ran(job: Job, store: RunStore, train: float) -> None:
    """Store a finished run that trained for `train` seconds."""
    run, data = job[0].id, {"fingerprint": open_dataset(job[0].config.data).fingerprint}
    identity = {"config": job[0].config.identity(), "data": data, "schema": SCHEMA, "method_code": ""}
    store.write(run, "run", {**identity, "provenance": {"device": processor_name(), "threads": 1}})
    store.write(run, "timing", {"seconds": {"setup": 0.0, "train": train, "score": 0.0, "measure": 0.0}})
    store.write(run, "outcome", {"state": "done"})


@pytest.mark.parametrize(("flags", "is_said"), [(SLOW, True), (FAST, False), ({"amx_bf16"}, False), (None, False)])
def test_a_processor_without_the_instructions_is_warned_of(
    store: RunStore, write_study: WriteStudy, flags: set[str] | None, is_said: bool
) -> None:
    jobs = _jobs(write_study(baselines=["gray"]), *BF16)
    said = (
        "train.precision=bf16 is slow on this processor, which has neither AVX512-BF16 nor AMX: training "
        "(strided_conv, max_pool) takes 7 to 26 times as long as in fp32, measured on another such processor; "
        "set train.precision to fp32"
    )
    assert bf16_warning(jobs, store, CPU, flags) == (said if is_said else "")
    assert bf16_warning(_jobs(write_study()), store, CPU, flags) == ""


def test_what_is_done_or_not_trained_is_not_warned_of(store: RunStore, write_study: WriteStudy) -> None:
    jobs = _jobs(write_study(baselines=["gray"]), *BF16)
    store.prepare(jobs[1][0].id)
    store.write(jobs[1][0].id, "outcome", {"state": "done"})
    assert "training (strided_conv) takes" in bf16_warning(jobs, store, CPU, SLOW)
    assert bf16_warning(jobs[1:], store, CPU, SLOW) == ""


def test_the_ratio_is_that_of_this_machine_where_both_precisions_were_measured(
    store: RunStore, write_study: WriteStudy
) -> None:
    fp32, bf16, more = _jobs(write_study()), _jobs(write_study(), *BF16), _jobs(write_study(seeds=2), *BF16)
    _probed(bf16[0], store, 37.0)
    assert "takes 7 to 26 times as long as in fp32, measured on another" in bf16_warning(bf16, store, CPU, SLOW)
    _probed(fp32[0], store, 5.0)
    assert "takes 7.4 times as long here as in fp32, measured on strided_conv; " in bf16_warning(bf16, store, CPU, SLOW)
    _ran(bf16[1], store, 40.0)
    _ran(fp32[1], store, 2.0)
    said = "(strided_conv, max_pool) takes 7.4 to 20 times as long here as in fp32, measured; set"
    assert said in bf16_warning(more, store, CPU, SLOW)
    _probed(bf16[0], store, 5.0)
    assert "(max_pool) takes 20 times as long here as in fp32, measured; set" in bf16_warning(more, store, CPU, SLOW)


def test_a_budget_of_seconds_has_no_ratio(store: RunStore, write_study: WriteStudy) -> None:
    seconds = ("train.steps=null", "train.seconds=9")
    fp32, bf16 = _jobs(write_study(), *seconds)[0], _jobs(write_study(), *BF16, *seconds)[0]
    _probed(fp32, store, 9.0)
    _probed(bf16, store, 9.0)
    assert bf16_slowdown(bf16, Pricing(store, CPU, processor_name(), 1)) is None


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_run_say_it_once_to_stderr(write_study: WriteStudy, tmp_path: Path, command: str) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx2 avx512f\n")
    fake = "import bench.machine, bench.cli.main; from pathlib import Path; bench.machine.CPUINFO = Path('cpuinfo'); "
    given = [command, str(write_study()), "--scale", "tiny", "--workers", "1", "train.precision=bf16", "train.steps=10"]
    found = subprocess.run(
        [sys.executable, "-c", f"{fake}bench.cli.main.main()", *given],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stderr.count("train.precision=bf16 is slow on this processor") == 1
    assert "is slow" not in found.stdout


def test_flags_are_read_where_linux_has_them(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nmodel name\t: x\nflags\t\t: fpu sse2 avx512_bf16\nvmx flags\t: ept\nflags\t\t: fpu\n"
    )
    assert processor_flags(file) == {"fpu", "sse2", "avx512_bf16"}
    file.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")  # ARM
    assert processor_flags(file) is None
    assert processor_flags(tmp_path / "none") is None
    assert processor_flags(ROOT) is None
