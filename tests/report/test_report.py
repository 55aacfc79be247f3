"""From records to words: every number of a small study with known records, by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy.stats import ttest_rel

from bench.config import InputError
from bench.report.frames import Results, load, save
from bench.report.tables import hypotheses, summary, wide
from bench.report.text import TextTable, cost_table, latex, markdown, number, ratio, run_table, score_table
from bench.report.write import texts

PSNR = {
    "a": {0: [20.0, 22.0], 1: [21.0, 23.0], 2: [22.0, 24.0]},
    "b": {0: [19.5, 21.5], 1: [20.0, 22.0]},
    "free": {0: [18.0, 18.0]},
}
SPEED = {"a": 100.0, "b": 50.0}


def _run(label: str, seed: int, state: str = "done") -> dict[str, Any]:
    rate = {"images_per_second": SPEED.get(label, 1e6) * (seed + 1), "spread": 0.02, "batch_size": 4, "windows": 7}
    throughput = {
        "training": rate if label in SPEED else None,
        "inference": rate,
        "training_peak_bytes": 2_000_000 if label in SPEED else None,
        "device": "CPU x",
        "threads": 2,
        "precision": "fp32",
    }
    parameters = 1000 if label in SPEED else 0
    return {
        "label": label,
        "seed": seed,
        "id": f"{label}{seed}",
        "state": state,
        "missing": {"lpips": "no | weights"},
        "outcome": {"state": state, "reason": "g_adversarial became nan at step 7" if state == "diverged" else ""},
        "cost": {"parameters_generator": parameters, "parameters_total": parameters, "macs": 10**6, "flops": 2 * 10**6},
        "throughput": throughput if state == "done" else None,
        "training": {"steps": 10, "images": 40, "seconds": 2.0} if state == "done" else None,
        "run": None,
    }


@pytest.fixture
def results() -> Results:
    """a is the control with three seeds; b's third seed diverged; free has no parameters and one run."""
    records = [
        {"label": label, "seed": seed, "metric": "psnr", "image": f"i{index}", "value": value}
        for label, seeds in PSNR.items()
        for seed, values in seeds.items()
        for index, value in enumerate(values)
    ]
    variants = [
        {"label": label, "is_baseline": label == "free", "has_parameters": label != "free", "differences": {}}
        for label in PSNR
    ]
    study = {
        "name": "s",
        "title": "<script>alert(1)</script>",
        "claim": {"text": "words", "section": "1"},
        "scale": "tiny",
        "command": "bench run s.yaml",
        "seeds": [0, 1, 2],
        "metrics": ["psnr", "lpips"],
        "hypotheses": [["psnr", "a", ">", "b"], ["psnr", "a", "<", "free"], ["lpips", "a", ">", "b"]],
        "variants": variants,
        "control": {"data": {"image_size": 64}, "tiling": {"grid": 2}, "train": {"steps": 10, "images": None,
                    "seconds": None, "batch_size": 4, "pretrain_steps": 2, "precision": "fp32"}},
    }  # fmt: skip
    runs = [
        _run("a", 0),
        _run("b", 0),
        _run("free", 0),
        _run("a", 1),
        _run("b", 1),
        _run("a", 2),
        _run("b", 2, "diverged"),
    ]
    curves = pd.DataFrame(columns=["label", "seed", "step", "images", "seconds", "name", "value"])
    return Results(study, runs, pd.DataFrame(records), curves)


def _row(table: pd.DataFrame, label: str, column: str) -> pd.Series:
    return table[(table["label"] == label) & (table["column"] == column)].iloc[0]


def test_a_metric_is_averaged_over_images_then_over_seeds_and_compared_by_seed(results: Results) -> None:
    table = summary(results)
    control = _row(table, "a", "psnr")
    assert (control["n"], control["mean"], control["sd"]) == (3, 22.0, 1.0)
    assert math.isnan(control["difference"])
    other = _row(table, "b", "psnr")  # only the seeds that both finished are compared
    assert (other["n"], other["mean"], other["difference"]) == (2, 20.75, -0.75)
    by_hand = ttest_rel([20.5, 21.0], [21.0, 22.0]).confidence_interval(0.95)
    assert (other["low"], other["high"]) == pytest.approx((by_hand.low, by_hand.high))


def test_a_method_without_parameters_is_held_against_every_seed_of_the_control(results: Results) -> None:
    row = _row(summary(results), "free", "psnr")
    assert (row["n"], row["mean"], row["difference"]) == (1, 18.0, -4.0)
    assert math.isnan(_row(summary(results), "free", "inference_images_per_second")["difference"])


def test_costs_and_speeds_are_compared_as_ratios(results: Results) -> None:
    row = _row(summary(results), "b", "training_images_per_second")
    assert (row["mean"], row["difference"]) == (75.0, pytest.approx(0.5))  # 50 and 100 against 100 and 200
    assert (row["low"], row["high"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert _row(summary(results), "b", "flops")["mean"] == 2.0  # millions


def test_hypotheses_get_an_estimate_and_a_verdict(results: Results) -> None:
    table = hypotheses(results)
    assert table["verdict"].tolist() == ["inconclusive", "refuted", "inconclusive"]
    assert table["difference"].iloc[:2].tolist() == [0.75, 4.0]
    assert table["n"].tolist() == [2, 3, 0]


def test_the_wide_table_counts_what_became_of_every_run(results: Results) -> None:
    table = wide(results).set_index("variant")
    assert table[["runs", "done", "diverged", "failed"]].to_numpy().tolist() == [
        [3, 3, 0, 0],
        [3, 2, 1, 0],
        [1, 1, 0, 0],
    ]
    assert table.loc["b", "psnr_difference"] == -0.75
    assert table.loc["b", "training_images_per_second_ratio"] == pytest.approx(0.5)
    assert math.isnan(table.loc["a", "lpips_mean"])


def test_missing_values_stand_with_their_reason_and_divergences_with_their_step(results: Results) -> None:
    table = score_table(results)
    assert table.rows[1] == ["b", "2/3, 1 diverged", "20.75 ± 0.35\n−0.75 [−3.93, +2.43]", "— [1]"]
    assert table.notes[0] == "LPIPS is missing: no | weights"
    assert ["b", "2", "b2", "diverged", "g_adversarial became nan at step 7"] in run_table(results).rows
    assert cost_table(results).rows[2][2:4] == ["0", "0"]


def test_compact_cells_have_a_star_for_an_interval_without_zero(results: Results) -> None:
    assert score_table(results, compact=True).rows[2][2] == "18.00\n−4.00*"
    assert score_table(results, compact=True).rows[1][2] == "20.75\n± 0.35\n−0.75"


def test_markdown_and_latex_escape_what_came_from_a_study() -> None:
    table = TextTable("t", ["a|b", "<c>"], [["x_y", "1\n2"]], ["50% & *more*"])
    assert markdown(table).splitlines() == [
        "| a\\|b | &lt;c&gt; |",
        "|---|---|",
        "| x\\_y | 1<br>2 |",
        "",
        "1. 50% &amp; \\*more\\*",
    ]
    assert r"x\_y & 1 \\" + "\n" + r" & 2 \\" in latex(table)


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [(1234567, 0, False, "1,234,567"), (-0.126, 2, True, "−0.13"), (0.1, 2, True, "+0.10"), (math.inf, 2, False, "∞")],
)
def test_numbers(value: float, decimals: int, signed: bool, text: str) -> None:
    assert number(value, decimals, signed) == text


def test_ratios() -> None:
    assert (ratio(0.7449), ratio(892.4)) == ("×0.74", "×892")


def test_an_archive_gives_the_same_report(results: Results, tmp_path: Path) -> None:
    save(results, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = load(tmp_path)
    assert texts(again, tmp_path) == texts(results, tmp_path)
    save(again, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_title_is_shown_as_it_is(results: Results, tmp_path: Path) -> None:
    assert "<script>" not in texts(results, tmp_path)["report.md"]


def test_a_damaged_archive_is_named(results: Results, tmp_path: Path) -> None:
    save(results, tmp_path)
    (tmp_path / "records.csv.gz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="the records cannot be read"):
        load(tmp_path)
    (tmp_path / "records.csv.gz").unlink()
    with pytest.raises(InputError, match=r"no records to report on \(records.csv.gz is not there\)"):
        load(tmp_path)
