"""`bench report`: the same bytes from the store and from the records, and no results of other settings."""

from __future__ import annotations

from pathlib import Path

from harness import RUN, TINY, Bench, WriteStudy, contents


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


def test_a_report_made_again_is_the_same_from_the_store_and_from_its_records(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study = write_study(seeds=2)
    assert bench("run", study, *RUN).returncode == 0
    texts = {name: data for name, data in contents(tmp_path / "reports").items() if not name.endswith(".png")}
    for arguments in ([study, *TINY], [], [study, *TINY, "--runs", "elsewhere"]):
        (tmp_path / "reports/study/report.md").write_text("changed")
        check = bench("report", *arguments, "--check")
        assert check.returncode == 1
        assert check.stderr == "reports/study/report.md differs from what its records give; run bench report\n"
        assert bench("report", *arguments).returncode == 0
        assert bench("report", *arguments, "--check").returncode == 0
        files = contents(tmp_path / "reports")
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
