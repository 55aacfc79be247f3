"""Tables on a terminal: what stands in them at every width."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from harness import Bench, WriteStudy
from rich.console import Console

from bench.report.tables.narrow import fit, print_table
from bench.report.tables.text_table import TextTable

SCORES = TextTable("Scores", ["variant", "PSNR", "SSIM"], [["a", "17.06 ± 0.24", "0.7"], ["bb", "17.02", "0.6"]])
CLAIM = TextTable("", ["name", "claim"], [["pooling", "It fears to use bright colors even more"]])
RUNS = TextTable("Runs", ["variant", "seed", "run"], [["a", "0", "1000f6e4b6d26542"], ["a", "1", "4757f24b7f0fd942"]])


def _shown(table: TextTable, width: int, left: tuple[str, ...] = ()) -> str:
    console = Console(file=io.StringIO(), width=width, emoji=False)
    print_table(table, console, left)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_table_that_fits_is_whole() -> None:
    assert _shown(SCORES, 25) == (
        "Scores\nvariant         PSNR SSIM\n─────────────────────────\n"
        "a       17.06 ± 0.24  0.7\nbb             17.02  0.6\n"
    )


def test_long_texts_are_folded_between_words() -> None:
    assert _shown(CLAIM, 30, ("claim",)) == (
        "name    claim\n──────────────────────────────\npooling It fears to use bright\n        colors even more\n"
    )


def test_numbers_are_not_folded_but_put_in_parts_with_the_first_column() -> None:
    assert _shown(SCORES, 24) == (
        "Scores\nvariant         PSNR\n────────────────────\na       17.06 ± 0.24\nbb             17.02\n\n"
        "Scores\nvariant SSIM\n────────────\na        0.7\nbb       0.6\n"
    )


def test_rows_that_the_first_column_does_not_tell_apart_stand_one_by_one() -> None:
    assert _shown(RUNS, 28) == (
        "Runs\nvariant: a\n  seed: 0\n  run: 1000f6e4b6d26542\nvariant: a\n  seed: 1\n  run: 4757f24b7f0fd942\n"
    )


@pytest.mark.parametrize("width", range(1, 130))
@pytest.mark.parametrize("table", [SCORES, CLAIM, RUNS], ids=["scores", "claim", "runs"])
def test_no_column_is_lost_at_any_width(table: TextTable, width: int) -> None:
    shown = "".join(_shown(table, width).split())
    for heading, column in zip(table.headings, zip(*table.rows, strict=True), strict=True):
        assert heading in shown
        for cell in column:
            for word in cell.split():
                assert word in shown


def test_wide_letters_count_twice() -> None:
    wide = replace(SCORES, rows=[["写真", "1", "2"]])
    assert fit(wide, 100) == [7, 4, 4]
    assert fit(replace(wide, rows=[["写真写真写真", "1", "2"]]), 100) == [12, 4, 4]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120])
def test_a_plan_has_all_its_columns(bench: Bench, write_study: WriteStudy, columns: int) -> None:
    done = bench("plan", write_study(baselines=["gray"]), "--scale", "tiny", COLUMNS=str(columns))
    assert (done.returncode, done.stderr) == (0, "")
    assert "…" not in done.stdout
    for heading in ("variant", "seed", "run", "state", "time", "memory", "from", "differs from", "strided_conv by"):
        assert heading.split()[0] in done.stdout
    for word in ("strided_conv", "max_pool", "gray", "new", "unknown"):
        assert word in done.stdout
