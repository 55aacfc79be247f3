"""What is drawn of hypotheses and of more data: the frames by hand, and that the same frame gives the same bytes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from made import Scores, curve, hypothesis, made_results, named
from matplotlib.figure import Figure
from rich.console import Console

from bench.report.analysis.analysis import analyse
from bench.report.analysis.frames import Results
from bench.report.figures.effects import draw_effects, round_ratios
from bench.report.figures.scaling import draw_scaling
from bench.report.figures.svg import svg_file
from bench.report.terminal import print_results
from bench.report.write import write_report

SCORES: Scores = {
    "a": {seed: [21.0 + 0.1 * seed, 20.0] for seed in range(3)},
    "b": {seed: [20.0, 20.0] for seed in range(3)},
    "c$x$": {0: [20.5, 19.0]},
}
ASKED = [
    hypothesis("psnr"),
    hypothesis("psnr", "a", "=", "b", 0.7),
    hypothesis("psnr", "a", ">", "c$x$"),
    hypothesis("training_images_per_second"),
    hypothesis("steps_to_psnr", "b", "<", "a"),
]


def _all() -> Results:
    curves = curve({"a": {s: [18.0, 20.0, 20.5] for s in range(3)}, "b": {0: [18.0, 20.5], 1: [20.5], 2: [18.0]}})
    made = made_results(SCORES, ASKED, curves, trained_on={"a": 1000, "b": 250, "c$x$": 250})
    return named(made, variants=[v | {"differences": _differences(v["label"])} for v in made.study["variants"]])


def _differences(label: str) -> dict[str, object]:
    return {"a": {}, "b": {"data.train_images": 250}, "c$x$": {"data.train_images": 250, "loss.l1": 3}}[label]


def test_every_seed_and_both_estimates_of_a_hypothesis_are_drawn() -> None:
    frame = analyse(_all()).effects
    first = frame[frame["hypothesis"] == 0]
    assert first["kind"].tolist() == ["seed", "seed", "seed", "these", "new"]
    assert first["value"].tolist() == pytest.approx([0.5, 0.55, 0.6, 0.55, 0.55])
    diverged = frame[frame["hypothesis"] == 2]
    assert diverged["value"].tolist() == [pytest.approx(0.75), math.inf, math.inf, math.inf]
    speed = frame[frame["hypothesis"] == 3]
    assert speed["value"].tolist() == pytest.approx([2, 2, 2, 2])
    assert speed["is_ratio"].all()


def test_scores_are_drawn_over_photographs_a_line_for_what_else_differs() -> None:
    frame = analyse(_all()).scaling
    assert frame[["line", "images", "mean", "low", "high", "n"]].to_numpy().tolist() == [
        ["the control's setting", 1000, pytest.approx(20.55), 20.5, 20.6, 3],
        ["the control's setting", 250, 20.0, 20.0, 20.0, 3],
        ["loss.l1=3", 250, 19.75, 19.75, 19.75, 1],
    ]
    assert analyse(made_results(SCORES, [], trained_on=dict.fromkeys(SCORES, 9))).scaling.empty
    assert analyse(made_results(SCORES, [])).scaling.empty


def test_the_same_frame_gives_the_same_picture(tmp_path: Path) -> None:
    analysis = analyse(_all())
    for name in ("one", "two"):
        draw_effects(analysis, tmp_path / f"{name}.png")
        draw_scaling(analysis.scaling, tmp_path / f"{name}s.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "ones.png").read_bytes() == (tmp_path / "twos.png").read_bytes()


def test_ratios_that_span_decades_have_few_round_ticks() -> None:
    assert round_ratios(0.05, 1.2) == [0.05, 0.1, 0.2, 0.5, 1.0]
    assert round_ratios(0.003, 1.2) == [0.01, 0.1, 1.0]
    assert len(round_ratios(1e-9, 1e9)) <= 7


def test_a_file_for_papers_keeps_words_and_shortens_places() -> None:
    figure = Figure(figsize=(2, 1))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.plot([0, 1 / 3, 1], [0, 1 / 7, 1])
    axis.text(0, 0, 'L 3.14159 <b> id="x" #000000')
    text = svg_file(figure)
    assert 'L 3.14159 &lt;b&gt; id="x" #000000</text>' in text
    assert not re.search(r"\d\.\d\d", re.sub(r"<text.*?</text>|style=\"[^\"]*\"", "", text))
    assert text == svg_file(figure)


def test_a_report_links_its_pictures_and_has_all_tables(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/samples.png").write_bytes(b"of the runs that the archive is of")
    write_report(analyse(_all()), tmp_path, None)
    text = (tmp_path / "report.md").read_text()
    for name in ("effects", "samples", "curves", "scaling"):
        assert f"(figures/{name}.png)" in text
        assert (tmp_path / f"figures/{name}.png").exists()
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles[:4] == ["Hypotheses", "Scores", "Time to quality", "Cost and speed"]
    assert (tmp_path / "table.tex").read_text().count(r"\begin{tabular}") == 5
    assert len((tmp_path / "hypotheses.csv").read_text().splitlines()) == 1 + len(ASKED)


def test_the_terminal_shows_it_in_eighty_columns(tmp_path: Path) -> None:
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    print_results(analyse(_all()), tmp_path, console)
    text = console.export_text()
    console.file.close()
    assert max(map(len, text.splitlines())) <= 80
    assert "PSNR:" in text
    assert "a = b within 0.7" in text
