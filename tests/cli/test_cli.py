"""The contract of the command line: what it prints, writes and exits with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import ROOT, STUDIES, Bench, WriteStudy
from PIL import Image

TINY = ("--scale", "tiny")
RUN = (*TINY, "--workers", "1")  # starting workers takes longer than such runs


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _part(study: Path) -> str:
    return {"table1": "costs", "inpainting": "inpainting", "generality": "inpainting"}.get(study.stem, "colorization")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "smaller"),
    [
        ("colorization", ["seeds=1", "train.steps=6", "train.batch_size=2"]),
        ("inpainting", ["seeds=1", "train.steps=6", "train.batch_size=2"]),
        ("costs", ["data.image_size=128", "tiling.grid=2"]),  # of 256 x 256 in 4 x 4, and of two steps as it is
    ],
)
def test_every_shipped_study_runs_at_tiny_and_a_second_time_trains_nothing(
    bench: Bench, tmp_path: Path, part: str, smaller: list[str]
) -> None:
    studies = [path for path in STUDIES if _part(path) == part]
    first = bench("run", *studies, *RUN, *smaller)
    assert (first.returncode, first.stderr) == (0, "")
    for study in studies:
        report = tmp_path / "reports" / study.stem
        table = pd.read_csv(report / "table.csv")
        assert (table["done"] + table["unavailable"]).tolist() == table["runs"].tolist()
        pictures = () if part == "costs" else ("figures/samples.png", "figures/curves.png")
        for name in ("report.md", "table.tex", "hypotheses.csv", *pictures):
            assert (report / name).stat().st_size > 0
        assert f"({study.stem}/report.md)" in (tmp_path / "reports/claims.md").read_text()
    runs, reports = _files(tmp_path / "runs"), _files(tmp_path / "reports")

    second = bench("run", *studies, *RUN, *smaller)
    assert second.returncode == 0
    assert ", 0 to do" in second.stdout
    assert _files(tmp_path / "runs") == runs
    assert _files(tmp_path / "reports") == reports  # the same store gives the same bytes


def test_the_table_has_what_a_reader_needs(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    metrics = ["psnr", "ssim", "lpips", "st_lpips", "colorfulness"]
    study = write_study(seeds=2, baselines=["gray"], metrics=metrics)
    assert bench("run", study, *RUN, "train.steps=10").returncode == 0
    table = pd.read_csv(tmp_path / "reports/study/table.csv", index_col="variant")
    assert table.index.tolist() == ["strided_conv", "max_pool", "gray"]
    assert table.loc["gray", "colorfulness_mean"] < 0.01  # of 0 to about 100; fp32 Lab is that far from gray
    assert table["parameters_total_mean"].tolist() == [32_243, 32_243, 0]
    trained = table.loc[["strided_conv", "max_pool"]]
    assert (trained["flops_mean"] == 2 * trained["macs_mean"]).all()
    assert table.loc[["gray"], "macs_mean"].isna().all()  # not counted, which is not 0
    assert table["lpips_mean"].isna().all()
    for key in ("psnr", "ssim", "st_lpips", "training_images_per_second", "training_peak_bytes"):
        assert (table.loc[["strided_conv", "max_pool"], f"{key}_mean"] > 0).all()
    report = (tmp_path / "reports/study/report.md").read_text()
    assert "LPIPS is missing: AlexNet weights not present and not downloadable" in report
    assert "| max\\_pool | generator.downsample | strided\\_conv | max\\_pool |" in report
    assert "bench run study.yaml --scale tiny train.steps=10" in report


def test_samples_are_left_out_if_asked_for(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    study, figures = write_study(), tmp_path / "reports/study/figures"
    assert bench("run", study, *RUN, "--no-pictures").returncode == 0
    assert not (figures / "samples.png").exists()
    assert (figures / "curves.png").exists()
    assert bench("report", study, *TINY).returncode == 0
    assert (figures / "samples.png").exists()
    assert bench("report", study, *TINY, "--no-pictures").returncode == 0
    assert not (figures / "samples.png").exists()
    assert "samples.png" not in (tmp_path / "reports/study/report.md").read_text()


def test_a_new_metric_scores_the_stored_weights_and_trains_nothing(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    assert bench("run", write_study(), *RUN).returncode == 0
    before = {name: data for name, data in _files(tmp_path / "runs").items() if "weights" in name or "psnr" in name}
    again = bench("run", write_study(metrics=["psnr", "colorfulness", "ssim"]), *RUN)
    assert again.returncode == 0
    after = _files(tmp_path / "runs")
    assert {name: after[name] for name in before} == before
    assert sum(name.endswith("ssim.v1.csv") for name in after) == 2


def test_a_report_made_again_is_the_same_from_the_store_and_from_its_records(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study(seeds=2)
    assert bench("run", study, *RUN).returncode == 0
    texts = {name: data for name, data in _files(tmp_path / "reports").items() if not name.endswith(".png")}
    for arguments in ([study, *TINY], [], [study, *TINY, "--runs", "elsewhere"]):
        (tmp_path / "reports/study/report.md").write_text("changed")
        check = bench("report", *arguments, "--check")
        assert check.returncode == 1
        assert check.stderr == "reports/study/report.md differs from what its records give; run bench report\n"
        assert bench("report", *arguments).returncode == 0
        assert bench("report", *arguments, "--check").returncode == 0
        files = _files(tmp_path / "reports")
        assert {name: files[name] for name in texts} == texts
    assert not (tmp_path / "elsewhere").exists()


def test_several_axes_survive_the_archive_and_another_setting_is_not_passed_off(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    tiling = [{"grid": 2, "context": "vector"}, {"context": "none", "grid": 1}]
    axes = {"tiling": tiling, "loss.l1": [{"kind": "step", "start": 9, "end": 1, "at": 0.5}, 3]}
    study = write_study(axes=axes, control={axis: values[0] for axis, values in axes.items()}, metrics=["psnr"])
    small = ("train.steps=4", "train.pretrain_steps=1")
    assert bench("run", study, *RUN, *small).returncode == 0
    assert bench("report", "--check").returncode == 0
    other = bench("report", study, "--check", "--runs", "elsewhere", "--scale", "small")
    assert other.returncode == 2
    assert "holds the results of" in other.stderr


def test_a_study_that_was_edited_since_is_reported_as_it_is_now(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    path = write_study(metrics=["psnr"], hypotheses=[{"psnr": "strided_conv > max_pool"}])
    small, gone = (*TINY, "train.steps=4", "train.pretrain_steps=1"), ("--runs", "elsewhere")
    assert bench("run", path, *small, "--workers", "1").returncode == 0
    assert bench("report", path, *small, *gone, "--check").returncode == 0
    write_study(metrics=["psnr"], hypotheses=[{"psnr": "strided_conv = max_pool within 0.5"}])
    check = bench("report", path, *small, *gone, "--check")
    assert check.returncode == 1
    assert "reports/study/report.md differs" in check.stderr
    assert bench("report", path, *small, *gone).returncode == 0
    for page in ("reports/study/report.md", "reports/claims.md"):
        assert "strided\\_conv = max\\_pool within 0.5" in (tmp_path / page).read_text()
    assert bench("report", "--check").returncode == 0
    write_study(metrics=["psnr", "ssim"])
    assert "has no scores of ssim" in bench("report", path, *small, *gone, "--check").stderr
    write_study(metrics=["psnr"], base={"task": "colorization", "train": {"d_steps": 3}})
    assert "whose runs are not those of" in bench("report", path, *small, *gone, "--check").stderr
    swapped = {"strided_conv": "max_pool", "max_pool": "strided_conv"}
    write_study(metrics=["psnr"], axes={"generator.downsample": swapped})
    assert "whose runs are not those of" in bench("report", path, *small, *gone, "--check").stderr


def test_local_processes_give_the_same_weights_as_one_after_the_other(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study(seeds=2)
    assert bench("run", study, *TINY, "--workers", "2", "--runs", "two").returncode == 0
    assert bench("run", study, *RUN, "--runs", "one").returncode == 0
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    weights = [name for name in one if name.endswith("weights.safetensors")]
    assert len(weights) == 4
    for name in weights:
        assert one[name] == two[name]


def test_a_run_that_diverges_is_recorded_with_its_step_and_the_study_goes_on(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    rates = [2e-4, 1e30]
    study = write_study(axes={"train.learning_rate": rates}, control={"train.learning_rate": rates[0]})
    for _ in range(2):  # a divergence is a result: it is not tried again
        result = bench("run", study, *RUN)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr + result.stdout
    report = (tmp_path / "reports/study/report.md").read_text()
    table = pd.read_csv(tmp_path / "reports/study/table.csv")
    assert table[["done", "diverged"]].to_numpy().tolist() == [[1, 0], [0, 1]]
    assert "| diverged | " in report
    assert " at step " in report


def test_weights_that_are_not_here_are_no_failure(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    study = write_study(baselines=["zhang2016_published"])
    for _ in range(2):
        done = bench("run", study, *RUN, BENCH_CACHE=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
    report = (tmp_path / "reports/study/report.md").read_text()
    bring = "weights not present; bring them with \\`bench baselines weights zhang2016\\`"
    assert f"PSNR and colorfulness are missing: {bring}" in report
    assert pd.read_csv(tmp_path / "reports/study/table.csv")["unavailable"].tolist() == [0, 0, 1]


def test_baselines_may_have_fewer_seeds_and_a_study_no_scores(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study(
        seeds=2,
        baselines=["l1_unet"],
        baseline_seeds=1,
        metrics=[],
        hypotheses=[{"parameters_total": "l1_unet < strided_conv"}],
    )
    assert bench("run", study, *RUN).returncode == 0
    table = pd.read_csv(tmp_path / "reports/study/table.csv")
    assert table["runs"].tolist() == [2, 2, 1]
    assert pd.read_csv(tmp_path / "reports/study/hypotheses.csv")["verdict"].tolist() == ["supported"]
    report = (tmp_path / "reports/study/report.md").read_text()
    assert "## Scores" not in report
    assert "| l1\\_unet | " in report


def test_a_method_from_outside_is_a_baseline_and_its_code_is_part_of_its_runs(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text()
    code = readme.split("```python\n", 1)[1].split("```", 1)[0]
    (tmp_path / "mine.py").write_text(code)
    assert bench("baselines", "check", "mine:Mine").returncode == 0
    study = write_study(baselines=["gray", "mine:Mine"])
    assert bench("run", study, *RUN).returncode == 0
    assert ", 0 to do" in bench("run", study, *RUN).stdout
    (tmp_path / "mine.py").write_text(code.replace("1e-3", "2e-3"))
    assert ", 1 to do" in bench("run", study, *RUN).stdout


def test_a_run_that_is_done_stays_so_and_what_failed_is_tried_again(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study()
    weights = {"BENCH_STLPIPS_WEIGHTS": str(tmp_path / "broken.pth")}
    (tmp_path / "broken.pth").write_bytes(b"not weights")
    assert bench("run", study, *RUN).returncode == 0
    run = next((tmp_path / "runs").iterdir())
    (run / "weights.safetensors").write_bytes(b"not weights")
    (run / "SHA256SUMS").unlink()  # or they would be set aside, and the run trained again
    study = write_study(metrics=["psnr", "ssim", "colorfulness"])
    failed = bench("run", study, *RUN, **weights)
    assert failed.returncode == 1
    assert "is done, but was not scored: Damaged: " in failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr
    assert json.loads((run / "outcome.json").read_text())["state"] == "done"
    again = bench("run", study, *RUN, **weights)
    assert (again.returncode, "is done, but was not scored" in again.stdout) == (1, True)


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
    assert "nothing to learn colours from" in " ".join(bench("data", ".").stdout.split())
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
