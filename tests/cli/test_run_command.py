"""`bench run`: what it writes, what a second time does not train, and how runs fail."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from harness import ROOT, RUN, STUDIES, TINY, Bench, WriteStudy, contents


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
    runs, reports = contents(tmp_path / "runs"), contents(tmp_path / "reports")

    second = bench("run", *studies, *RUN, *smaller)
    assert second.returncode == 0
    assert ", 0 to do" in second.stdout
    assert contents(tmp_path / "runs") == runs
    assert contents(tmp_path / "reports") == reports  # the same store gives the same bytes


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


def test_a_new_metric_scores_the_stored_weights_and_trains_nothing(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    assert bench("run", write_study(), *RUN).returncode == 0
    before = {name: data for name, data in contents(tmp_path / "runs").items() if "weights" in name or "psnr" in name}
    again = bench("run", write_study(metrics=["psnr", "colorfulness", "ssim"]), *RUN)
    assert again.returncode == 0
    after = contents(tmp_path / "runs")
    assert {name: after[name] for name in before} == before
    assert sum(name.endswith("ssim.v1.csv") for name in after) == 2


def test_local_processes_give_the_same_weights_as_one_after_the_other(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study(seeds=2)
    assert bench("run", study, *TINY, "--workers", "2", "--runs", "two").returncode == 0
    assert bench("run", study, *RUN, "--runs", "one").returncode == 0
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
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
