"""All claims in one table: verdicts, order, links and commands, from archives made by hand."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from harness import Bench
from made import Scores, hypothesis, made_results, named

from bench.errors import InputError
from bench.report.analysis.analysis import Analysis, analyse
from bench.report.analysis.archive import load_archives, save
from bench.report.analysis.frames import Results
from bench.report.overview import check_overview, write_overview
from bench.report.tables.claims import CLAIMS, claims_table, claims_text, commands
from bench.report.tables.text_table import markdown

SCORES: Scores = {
    "a": {seed: [21.0 + 0.01 * seed, 21.0 + 0.01 * seed] for seed in range(6)},
    "b": {seed: [20.0, 20.0] for seed in range(6)},
}


def _study(name: str, section: str, *asked: dict[str, object], scores: Scores = SCORES, scale: str = "tiny") -> Results:
    made = made_results(scores, list(asked), trained_on=dict.fromkeys(scores, 1000))
    command = shlex.join(["bench", "run", f"x/{name}.yaml", "--scale", scale])
    claim = {"text": f"we *say*\n{name}", "section": section}
    return named(made, name=name, title=f"About {name}", claim=claim, command=command)


def _studies() -> list[Results]:
    few = {label: dict(list(seeds.items())[:3]) for label, seeds in SCORES.items()}
    return [
        _study("z", "3.2", hypothesis("psnr"), hypothesis("macs", relation="<")),
        _study("b c", "3.1, 4.1.2", hypothesis("psnr"), scores=few),
        _study("y", "10", scale="small"),
        _study("a", "abstract", hypothesis("lpips")),
        _study("d", "3.1, 4.1.2", hypothesis("psnr", relation="<"), hypothesis("lpips")),
    ]


def _analyses() -> list[Analysis]:
    return [analyse(results) for results in _studies()]


def test_a_row_a_study_in_the_papers_order() -> None:
    table = claims_table(_analyses())
    assert [row[0].split("\n")[0] for row in table.rows] == ["About a", "About b c", "About d", "About z", "About y"]
    assert table.links[1] == "b%20c/report.md"
    assert table.rows[1][1:] == [
        "3.1, 4.1.2",
        "supported (screening)",
        "PSNR: a > b: +1.01 [+0.99, +1.03] dB, supported",
        "3 seeds;\n2 photographs",
        "tiny",
        "photos: 1,000 to train on, 2 to validate",
        "bench run 'x/b c.yaml' --scale tiny",
    ]
    line = markdown(table).splitlines()[3]
    assert line.startswith(
        "| [About b c](b%20c/report.md)<br>“we \\*say\\* b c” | 3.1, 4.1.2 | supported (screening) |"
    )


def test_the_verdict_is_that_of_the_conjunction() -> None:
    found = {row[0].split("\n")[0]: row[2] for row in claims_table(_analyses()).rows}
    assert found == {
        "About a": "inconclusive",
        "About b c": "supported (screening)",
        "About d": "refuted",
        "About z": "refuted",  # MACs are equal, and equal is not fewer
        "About y": "no hypothesis",
    }


def test_the_page_counts_them_and_says_on_what_and_how() -> None:
    text = claims_text(_analyses())
    assert "5 claims: 1 supported, 2 refuted, 1 inconclusive, 1 no hypothesis." in text
    assert (
        "- scale `tiny` (64x64 pixels, 10 steps at batch 4), photographs from photos: 1,000 to train on, 2 to" in text
    )
    assert "A claim is supported if all of its hypotheses are supported" in text
    assert claims_text([]) == ""


def test_studies_that_were_called_alike_stand_in_one_command() -> None:
    assert commands([s for s in _analyses() if s.study["name"] != "b c"]) == [
        "bench run x/a.yaml x/d.yaml x/z.yaml --scale tiny",
        "bench run x/y.yaml --scale small",
    ]


def test_the_same_archives_give_the_same_bytes_and_another_table_is_found(tmp_path: Path) -> None:
    for results in _studies():
        (tmp_path / results.study["name"]).mkdir()
        save(results, tmp_path / results.study["name"])
    write_overview(tmp_path)
    first = (tmp_path / CLAIMS).read_bytes()
    assert first.decode() == claims_text(_analyses())
    assert check_overview(tmp_path) == []
    (tmp_path / CLAIMS).write_text("changed")
    assert check_overview(tmp_path) == [tmp_path / CLAIMS]
    write_overview(tmp_path)
    assert (tmp_path / CLAIMS).read_bytes() == first


def test_without_archives_nothing_is_written_and_a_broken_one_is_named(tmp_path: Path) -> None:
    write_overview(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/study.json").write_text("{")
    with pytest.raises(InputError, match="bad: the records cannot be read"):
        check_overview(tmp_path)
    assert load_archives(tmp_path, without={"bad"}) == []


def test_the_command_line_writes_and_checks_the_table(bench: Bench, tmp_path: Path) -> None:
    for results in _studies()[2:]:
        folder = tmp_path / "reports" / results.study["name"]
        folder.mkdir(parents=True)
        save(results, folder)
    assert bench("report").returncode == 0
    claims = tmp_path / "reports" / CLAIMS
    assert claims.read_text() == claims_text(_analyses()[2:])
    assert bench("report", "--check").returncode == 0
    claims.write_text("changed")
    stale = bench("report", "--check")
    assert (stale.returncode, stale.stderr) == (
        1,
        "reports/claims.md differs from what its records give; run bench report\n",
    )
    (tmp_path / "reports/y/records.csv.gz").write_bytes(b"nothing")
    broken = bench("report")
    assert (broken.returncode, broken.stderr.startswith("error: reports/y: the records")) == (2, True)
    assert claims.read_text() == "changed"
