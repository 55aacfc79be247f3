"""From records to words: every number of a small study with known records, by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from made import PSNR, hypothesis, made_results, named
from scipy.stats import ttest_rel

from bench.errors import InputError
from bench.report.analysis.analysis import analyse
from bench.report.analysis.archive import load, save
from bench.report.analysis.frames import Results
from bench.report.tables.methods import methods_table
from bench.report.tables.numbers import estimate_text, number, p_text, ratio
from bench.report.tables.text_table import TextTable, latex, markdown
from bench.report.tables.variants import cost_table, run_table, score_table
from bench.report.write import texts, write_report


def _row(table: pd.DataFrame, label: str, column: str) -> pd.Series:
    return table[(table["label"] == label) & (table["column"] == column)].iloc[0]


def test_a_metric_is_averaged_over_images_then_over_seeds_and_compared_by_seed() -> None:
    scores = {"a": {0: [20.0, 22.0], 1: [21.0, 23.0]}, "b": {0: [19.5, 21.5], 1: [20.0, 22.0]}}
    table = analyse(made_results(scores, [])).summary
    control = _row(table, "a", "psnr")
    assert (control["n"], control["mean"], control["sd"]) == (2, 21.5, pytest.approx(math.sqrt(0.5)))
    assert math.isnan(control["difference"])
    other = _row(table, "b", "psnr")
    assert (other["n"], other["mean"], other["difference"]) == (2, 20.75, -0.75)
    by_hand = ttest_rel([20.5, 21.0], [21.0, 22.0]).confidence_interval(0.95)
    assert (other["low"], other["high"]) == pytest.approx((by_hand.low, by_hand.high))


def test_means_are_of_finished_runs_and_differences_count_the_others_as_worst(results: Results) -> None:
    row = _row(analyse(results).summary, "b", "psnr")
    assert (row["n"], row["mean"], row["method"]) == (2, 20.75, "median")
    assert row["difference"] == -1.0  # of -0.5, -1 and minus infinity
    assert math.isnan(row["low"])  # three seeds are too few for the sign test


def test_infinite_scores_of_finished_runs_are_values(tmp_path: Path) -> None:
    scores = {"a": {0: [20.0, 21.0], 1: [20.0, math.inf]}, "b": {0: [math.inf, math.inf], 1: [math.inf, 1.0]}}
    results = made_results(scores, [hypothesis("psnr")])
    write_report(analyse(results), tmp_path, None)
    assert score_table(analyse(results)).rows[1][2] == "∞\nmedian +∞"  # of infinity and, infinity against infinity, 0


def test_a_method_without_parameters_is_held_against_every_seed_of_the_control(results: Results) -> None:
    row = _row(analyse(results).summary, "free", "psnr")
    assert (row["n"], row["mean"], row["difference"]) == (1, 18.0, -4.0)
    assert math.isnan(_row(analyse(results).summary, "free", "inference_images_per_second")["difference"])


def test_costs_and_speeds_are_compared_as_ratios(results: Results) -> None:
    row = _row(analyse(results).summary, "b", "training_images_per_second")
    assert (row["mean"], row["difference"]) == (75.0, pytest.approx(0.5))  # 50 and 100 against 100 and 200
    assert (row["low"], row["high"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert _row(analyse(results).summary, "b", "flops")["mean"] == 2.0  # millions
    assert _row(analyse(results).summary, "b", "parameters_total")["difference"] == pytest.approx(2 / 3)


def test_a_record_without_a_peak_version_does_not_say_what_its_memory_counts(results: Results) -> None:
    assert "(weights, gradients, moments, one batch, activations)" in " ".join(cost_table(analyse(results)).notes)
    results.runs_of("b")[0]["throughput"]["peak_version"] = None
    assert "(the records do not say which tensors were counted)" in " ".join(cost_table(analyse(results)).notes)


def test_the_wide_table_counts_what_became_of_every_run(results: Results) -> None:
    results.study["variants"][1]["differences"] = {"generator.downsample": "max_pool", "loss.l1": 3}
    table = analyse(results).table.set_index("variant")
    assert table[["runs", "done", "diverged", "failed"]].to_numpy().tolist() == [
        [3, 3, 0, 0],
        [3, 2, 1, 0],
        [1, 1, 0, 0],
    ]
    assert table.loc["b", "psnr_difference"] == -1.0
    assert table.loc["b", "training_images_per_second_ratio"] == pytest.approx(0.5)
    assert math.isnan(table.loc["a", "lpips_mean"])
    assert table["differences"].tolist() == ["", "generator.downsample=max_pool; loss.l1=3", ""]


def test_missing_values_stand_with_their_reason_and_divergences_with_their_step(results: Results) -> None:
    table = score_table(analyse(results))
    assert table.rows[1] == ["b", "2/3, 1 diverged (33%)", "20.75 ± 0.35\nmedian −1.00", "— [1]"]
    assert table.notes[0] == "LPIPS is missing: no | weights"
    assert table.notes[-1].startswith("1 of 7 runs diverged or failed. Means are over finished runs")
    assert ["b", "2", "b2", "diverged", "g_adversarial became nan at step 7"] in run_table(analyse(results)).rows
    assert cost_table(analyse(results)).rows[2][2:4] == ["0", "0"]


def test_compact_cells_have_a_star_for_an_interval_without_zero(results: Results) -> None:
    assert score_table(analyse(results), compact=True).rows[2][2] == "18.00\n−4.00*"
    assert score_table(analyse(results), compact=True).rows[1][2] == "20.75\n± 0.35\nmedian −1.00"


def test_markdown_and_latex_escape_what_came_from_a_study() -> None:
    table = TextTable("t", ["a|b", "<c>"], [["x_y", "1\n2"]], ["50% & *more*\n$x$ ~"])
    assert markdown(table).splitlines() == [
        "| a\\|b | &lt;c&gt; |",
        "|---|---|",
        "| x\\_y | 1<br>2 |",
        "",
        "1. 50% &amp; \\*more\\*<br>\\$x\\$ \\~",
    ]
    tex = latex(table)
    assert r"x\_y & 1 \\" + "\n" + r" & 2 \\" in tex
    assert tex.endswith("% 1. 50% & *more* $x$ ~\n")


def test_a_link_is_the_first_line_of_the_first_cell() -> None:
    table = TextTable("t", ["h", "i"], [["a_b\nc", "d"]], links=["x%20y/report.md"])
    assert markdown(table).splitlines()[2] == "| [a\\_b](x%20y/report.md)<br>c | d |"


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [
        (1234567, 0, False, "1,234,567"),
        (-0.126, 2, True, "−0.13"),
        (0.1, 2, True, "+0.10"),
        (math.inf, 2, False, "∞"),
        (-math.inf, 2, True, "−∞"),
        (math.nan, 2, True, "—"),
    ],
)
def test_numbers(value: float, decimals: int, signed: bool, text: str) -> None:
    assert number(value, decimals, signed) == text


def test_ratios_estimates_and_probabilities(results: Results) -> None:
    assert (ratio(0.7449), ratio(892.4), ratio(math.inf)) == ("×0.74", "×892", "×∞")
    psnr, *_, seconds = analyse(results).columns
    assert estimate_text((0.1, -0.02, 0.222), psnr) == "+0.10 [−0.02, +0.22]"
    assert estimate_text((0.8, 0.5, math.inf), seconds, "median") == "×0.80 [0.50, ∞]"
    assert (p_text(0.0004), p_text(0.03125), p_text(math.nan)) == ("< 0.001", "0.031", "—")


def test_an_archive_gives_the_same_report(results: Results, tmp_path: Path) -> None:
    results = named(results, variants=[v | {"differences": {"x": 0.1}} for v in results.study["variants"]])
    save(results, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = load(tmp_path)
    assert texts(analyse(again), tmp_path) == texts(analyse(results), tmp_path)
    save(again, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_an_archive_keeps_numbers_to_the_last_bit_and_labels_as_words(tmp_path: Path) -> None:
    exact = {"500": {0: [0.1 + 0.2, 1e-17 + 1 / 3], 1: [math.inf, math.nan]}}
    save(made_results(exact, []), tmp_path)
    records = load(tmp_path).records
    assert records["value"].tolist()[:3] == [0.1 + 0.2, 1e-17 + 1 / 3, math.inf]
    assert math.isnan(records["value"].iloc[3])
    assert set(records["label"]) == {"500"}


def test_a_title_is_shown_as_it_is(results: Results, tmp_path: Path) -> None:
    for name, text in texts(analyse(results), tmp_path).items():
        if name == "study.json":  # data, not a page
            continue
        assert "<script>" not in text, name


def test_a_damaged_archive_is_named(results: Results, tmp_path: Path) -> None:
    save(named(results, hypotheses=[["psnr", "a", ">", "b"]]), tmp_path)
    with pytest.raises(InputError, match="the records cannot be read: they are from another version of bench"):
        load(tmp_path)
    save(named(results, hypotheses=[hypothesis("beauty")]), tmp_path)
    with pytest.raises(InputError, match="'beauty' is not a quantity"):
        load(tmp_path)
    (tmp_path / "records.csv.gz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="the records cannot be read"):
        load(tmp_path)
    (tmp_path / "records.csv.gz").unlink()
    with pytest.raises(InputError, match=r"no records to report on \(records.csv.gz is not there\)"):
        load(tmp_path)


def test_scores_of_another_task_are_shown_but_not_compared() -> None:
    made = made_results(PSNR, [])
    other = {"differences": {"task.name": "inpainting"}}
    variants = [v | other if v["label"] == "b" else v for v in made.study["variants"]]
    table = score_table(analyse(named(made, variants=variants)))
    assert [row[2].split("\n")[0] for row in table.rows[:2]] == ["22.00 ± 1.00", "20.75 ± 0.35"]
    assert "\n" not in table.rows[1][2]
    assert any("are not compared" in note for note in table.notes)
    assert not any("are not compared" in note for note in score_table(analyse(made)).notes)


def test_equal_values_have_no_spread_and_a_reason_stands_once() -> None:
    frame = analyse(made_results(PSNR, [])).table
    assert frame["macs_sd"].dropna().to_list() == [0.0] * int(frame["macs_sd"].notna().sum())
    made = made_results(PSNR, [])
    for run in made.runs:
        run["missing"]["ssim"] = run["missing"]["lpips"]
    notes = score_table(analyse(named(made, metrics=["psnr", "lpips", "ssim"]))).notes
    assert notes[0] == "LPIPS and SSIM are missing: no | weights"


def test_who_is_told_where_the_hole_is() -> None:
    made = made_results(PSNR, [])
    assert _told_column(made) == {"gan": "no", "gray": "no"}
    variants = [
        v | {"differences": {"task.mask_known": True}} if v["label"] == "b" else v | {"method": method}
        for v, method in zip(made.study["variants"], ("gan", "gan", "telea"), strict=True)
    ]
    assert _told_column(named(made, variants=variants)) == {"gan": "only in: b", "telea": "yes"}
    control = made.study["control"] | {"task": {"name": "colorization", "mask_known": False}}
    assert _told_column(named(made, control=control)) == {"gan": "—", "gray": "—"}


def _told_column(results: Results) -> dict[str, str]:
    table = methods_table(analyse(results))
    assert table is not None
    return {row[0]: row[table.headings.index("told where the hole is")] for row in table.rows}


def test_a_score_of_nan_is_not_averaged_away() -> None:
    scores = PSNR | {"b": {0: [math.nan, 21.5], 1: [20.0, 22.0]}}
    table = score_table(analyse(made_results(scores, [])))
    assert table.rows[1][2].startswith("—")
    assert any("scored NaN" in note for note in table.notes)


def test_counts_are_exact_in_the_csv() -> None:
    made = made_results(PSNR, [])
    for run in made.runs:
        run["cost"] |= {"macs": 41_783_074_816, "flops": 83_566_149_632}
    assert ",41783074816," in texts(analyse(made), Path("nowhere"))["table.csv"]
