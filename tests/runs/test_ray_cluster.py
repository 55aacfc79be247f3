"""What clusters need that can be tested without Ray: shards, resources, the store's actor, the script for Slurm."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT, Bench, WriteStudy

from bench.cli.checks import parse_shard
from bench.errors import InputError
from bench.machine import Machine
from bench.runs.probe_cache import Probe
from bench.runs.ray_cluster.resources import Resources, resources_for
from bench.runs.ray_cluster.transfer import StoreActor, files_to_send, path_in_run
from bench.store.run_store import RunStore, TakenOver

RUN = "0123456789abcdef"
GIB = 1 << 30


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1", "1/0", "-1/4", "1/4/2", "", "１/4"])
def test_a_bad_shard_is_named(text: str) -> None:
    with pytest.raises(InputError, match="--shard"):
        parse_shard(text)


def test_shards_share_all_runs_and_the_last_command_reports(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study(seeds=2)
    command = ("run", study, "--scale", "tiny", "--workers", "1")
    for shard in ("1/3", "2/3", "3/3"):
        done = bench(*command, "--shard", shard)
        assert done.returncode == 0, done.stderr
        assert f"{len(range(int(shard[0]) - 1, 4, 3))} to do" in done.stdout
        assert "without --shard measures speed and reports" in done.stderr
    assert not (tmp_path / "reports").exists()
    assert len(list((tmp_path / "runs").glob("*/weights.safetensors"))) == 4
    assert not list((tmp_path / "runs").glob("*/throughput.json"))
    done = bench(*command)
    assert "done " not in done.stdout, "something was trained twice"
    assert (tmp_path / "reports" / "study" / "report.md").exists()
    assert len(list((tmp_path / "runs").glob("*/throughput.json"))) == 4


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--address", "auto"), "give --executor ray too"),
        (("--executor", "ray", "--shard", "1/2"), "leave one of them out"),
        (("--executor", "ray", "--workers", "2"), "runs as many at a time as its nodes allow"),
        (("--executor", "ray", "--address", "ray://here:1"), "give auto or HOST:PORT"),
        (("--executor", "ray", "--address", "127.0.0.1:9"), "cannot be reached"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(
    bench: Bench, write_study: WriteStudy, tmp_path: Path, more: tuple[str, ...], said: str
) -> None:
    done = bench("run", write_study(), "--scale", "tiny", *more)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert not (tmp_path / "runs").exists()


def test_without_ray_its_extra_is_named(write_study: WriteStudy) -> None:
    code = "import sys; sys.modules['ray'] = None; from bench.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", str(write_study()), "--scale", "tiny", "--executor", "ray"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install -e '.[ray]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_asks_for_what_its_probe_took_and_a_fifth_more() -> None:
    probe = Probe(peak_bytes=GIB, gpu_peak_bytes=2 * GIB, gpu_bytes=16 * GIB)
    assert resources_for(probe, Machine("cpu", 2), 8 * GIB) == Resources(2, 0, int(1.2 * GIB))
    assert resources_for(probe, Machine("cpu", 1), GIB) == Resources(1, 0, GIB)  # no node has more
    share = (2 * 1.2 + 600 / 1024) / 16  # 0.1866
    assert resources_for(probe, Machine("cuda", 1), 8 * GIB).gpus == 0.19 >= share
    assert resources_for(Probe(gpu_peak_bytes=40 * GIB, gpu_bytes=16 * GIB), Machine("cuda"), GIB).gpus == 1
    assert resources_for(Probe(reason="out of memory"), Machine("cuda"), GIB) == Resources(1, 1)


def test_the_board_holds_a_run_for_one_task_and_writes_for_no_other(tmp_path: Path) -> None:
    actor = StoreActor(RunStore(tmp_path))
    assert actor.claim(RUN, "one") == []
    assert actor.claim(RUN, "two") is None
    assert RunStore(tmp_path).state(RUN) == "running"
    actor.write(RUN, "one", "scores/psnr.csv", b"a,", True, False)
    assert files_to_send(tmp_path / RUN) == []  # it is not whole yet
    actor.write(RUN, "one", "scores/psnr.csv", b"b\n", False, True)
    assert actor.read(RUN, "one", "scores/psnr.csv", 2) == b"b\n"
    actor.rename(RUN, "one", "scores/psnr.csv", "scores/ssim.csv")
    with pytest.raises(TakenOver):
        actor.write(RUN, "two", "scores/psnr.csv", b"", True, True)
    actor.drop(RUN)
    assert actor.claim(RUN, "two") == ["scores/ssim.csv"]
    with pytest.raises(TakenOver):
        actor.remove(RUN, "one", "scores/ssim.csv")
    actor.stop()
    assert actor.exchange("two", {})
    assert actor.claim("f" * 16, "three") is None


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "", ".", "lease", "lease.lock", ".a", "a\\b"])
def test_no_name_leaves_a_runs_folder(name: str) -> None:
    with pytest.raises(ValueError, match="is no file of a run"):
        path_in_run(name)
    with pytest.raises(ValueError, match="is no run's id"):
        StoreActor(RunStore(Path())).claim(f"../{name}", "one")


def test_the_scripts_for_slurm_are_bash() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs/clusters.md").read_text(), re.MULTILINE | re.DOTALL)
    assert any("SLURM_ARRAY_TASK_ID" in block for block in blocks)
    for block in blocks:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
