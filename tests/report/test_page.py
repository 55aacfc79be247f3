"""What stands on a study's page: sentence, table, the curves' line; and that markup in words is shown as such."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made import PSNR, curve, hypothesis, made_results, named
from pages import EVIL, rich_results, store_with_pictures

from bench.errors import InputError
from bench.report.analysis.analysis import analyse
from bench.report.analysis.archive import load
from bench.report.analysis.frames import Results
from bench.report.overview import check_overview, write_overview
from bench.report.page.drawings import curve_drawings, effect_drawings, pareto_drawings
from bench.report.page.main_table import main_table
from bench.report.page.render import sortable, undrawn
from bench.report.page.sentence import screening, verdict_sentence
from bench.report.write import check_report, write_report


def test_the_verdict_is_a_sentence_with_all_that_it_stands_on() -> None:
    scores = {"a": {s: [21.0 + 0.1 * s, 20.0, 20.5] for s in range(6)}, "b": {s: [20.0, 19.0, 19.5] for s in range(6)}}
    made = made_results(scores, [hypothesis("psnr")], trained_on={"a": 5, "b": 5})
    assert verdict_sentence(analyse(made)) == (
        "Supported (1 hypothesis: 1 supported): PSNR: a > b, the difference is +1.08 [+0.73, +1.44] dB, 95% interval "
        "on new images, n = 6 seeds and 3 photographs, at scale tiny on photos (5 photographs to train on, 2 to "
        "validate), run on CPU x."
    )
    assert screening(analyse(made)) == ""
    exact = named(made, hypotheses=[hypothesis("parameters_total")])
    assert (
        "params G+D: a > b, the ratio is ×1.50, an exact count, the same for 6 seeds, at scale tiny"
        in verdict_sentence(analyse(exact))
    )
    assert verdict_sentence(analyse(named(made, hypotheses=[]))).startswith("No verdict: the study has no hypothesis")


def test_few_seeds_are_screening(results: Results) -> None:
    assert screening(analyse(results)) == "Screening only: 3 seeds; with fewer than 6 no sign-flip test can pass 0.05."


def test_the_main_table_has_values_differences_and_why_they_are_missing(results: Results) -> None:
    table = main_table(analyse(results))
    assert [column.key for column in table.columns[:4]] == ["psnr", "lpips", "parameters_generator", "parameters_total"]
    label, runs, (psnr, lpips, *_) = table.rows[1]
    assert (label, runs, psnr.text, psnr.difference, psnr.sort) == (
        "b", "2/3, 1 diverged (33%)", "20.75 ± 0.35", "median −1.00", 20.75,
    )  # fmt: skip
    assert (lpips.text, lpips.note, lpips.reason) == ("—", 1, "no | weights")
    free = dict(zip((c.key for c in table.columns), table.rows[2][2], strict=True))
    assert (free["psnr"].difference, free["psnr"].interval, free["psnr"].is_clear) == ("−4.00", "[−6.48, −1.52]", True)
    assert table.missing[free["flops"].note - 1].startswith("Missing costs: nothing is trained")
    assert table.text.rows[2][2] == "18.00\n−4.00 [−6.48, −1.52]"


def test_the_best_is_marked_among_what_is_trained_and_ties_share_it(results: Results) -> None:
    marks = analyse(results).best
    assert ("a", "psnr") in marks
    assert ("b", "parameters_total") in marks  # not free's 0
    assert not any(column == "flops" for _, column in marks)  # the same for both
    same = made_results({"a": PSNR["a"], "b": PSNR["a"], "c": PSNR["b"]}, [])
    assert {label for label, column in analyse(same).best if column == "psnr"} == {"a", "b"}


def test_curves_have_steps_images_and_seconds_and_the_range_over_seeds() -> None:
    frame = analyse(made_results({"a": {0: [1.0], 1: [1.0]}}, [], curve({"a": {0: [1.0, 2.0], 1: [3.0]}}))).curves
    names = ["step", "images", "seconds", "mean", "low", "high", "n"]
    assert frame[names].to_numpy().tolist() == [[10, 40, 5, 2, 1, 3, 2], [20, 80, 10, 2, 2, 2, 1]]


def test_the_level_of_the_curves_is_the_controls_and_when_each_is_there() -> None:
    curves = curve({"a": {0: [1.0, 2.0, 3.0], 1: [1.0, 3.0, 3.0]}, "b": {0: [1.0, 1.0, 1.0], 1: [3.0, 1.0, 1.0]}})
    made = made_results({label: {0: [1.0], 1: [1.0]} for label in ("a", "b")}, [], curves)
    rows = analyse(made).levels[["label", "level", "reached", "steps", "images", "seconds"]].to_numpy().tolist()
    assert rows == [["a", 3.0, 2, 25.0, 100.0, 12.5], ["b", 3.0, 1, float("inf"), float("inf"), float("inf")]]


def test_figures_say_what_they_show_and_hold_text_and_ids_of_their_own() -> None:
    analysis = analyse(rich_results(("a", EVIL, "c$x$", "free")))
    drawings = [*effect_drawings(analysis), *pareto_drawings(analysis)]
    drawings += [drawing for panels in curve_drawings(analysis) for drawing in panels.values()]
    ids: list[str] = []
    for drawing in drawings:
        root = ElementTree.fromstring(drawing.svg())
        ids += [element.get("id", "") for element in root.iter() if element.get("id")]
        assert any(element.tag == "text" for element in root.iter())
        assert not any(element.tag in ("style", "script", "metadata") for element in root.iter())
    assert len(ids) == len(set(ids)) > 0
    assert drawings[0].alt.startswith("PSNR: a < c$x$, left − right (dB): on these images −1.50 [−1.89, −1.11]; on new")
    assert drawings[0].alt.endswith("seeds −2.00, −1.80, −1.60, −1.40, −1.20, −1.00.")
    assert "#1f77b4" in drawings[-1].svg()
    assert "currentColor" in drawings[-1].svg()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report folder of a study whose words are markup."""
    results, folder = rich_results(("a", EVIL, "c", "free")), tmp_path_factory.mktemp("reports") / "s"
    for place, run in enumerate(results.runs):
        run["id"] = f"run{place}"
    write_report(analyse(results), folder, store_with_pictures(results, folder.parent / "runs"))
    write_overview(folder.parent)
    return folder


def test_what_came_from_a_file_is_shown_and_not_run(page: Path) -> None:
    for path in (page / "index.html", page.parent / "index.html"):
        text = path.read_text()
        assert text.count("<script") == 1  # the page's own
        assert "&lt;script&gt;alert(1)" in text
    assert "alert(1)" in (page / "figures/pareto.svg").read_text()
    assert "<script" not in "".join(file.read_text() for file in (page / "figures").glob("*.svg"))


def test_the_page_asks_no_network_for_anything(page: Path) -> None:
    text = (page / "index.html").read_text()
    found = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert found
    assert not [address for address in found if re.match(r"[a-z]+:|//", address) and not address.startswith("data:,")]
    for address in found:
        file = page / address.split("#")[0]
        assert file.exists() or not address.split("#")[0] or address.startswith("data:"), address


def test_the_same_store_gives_the_same_bytes(page: Path, tmp_path: Path) -> None:
    results = load(page)
    write_report(analyse(results), tmp_path / "s", store_with_pictures(results, tmp_path / "runs"))
    write_overview(tmp_path)
    for path in sorted(page.parent.rglob("*")):
        if path.is_file() and "runs" not in path.parts and path.suffix != ".npz":
            assert (tmp_path / path.relative_to(page.parent)).read_bytes() == path.read_bytes(), path


def test_an_archive_gives_the_page_again_with_its_pictures_and_a_check_knows_when_it_is_old(page: Path) -> None:
    text, results = (page / "index.html").read_text(), load(page)
    assert check_report(analyse(results), page) == []
    write_report(analyse(results), page, None)
    assert (page / "index.html").read_text() == text
    drawn_otherwise = text.replace("#1f77b4", "#123456")
    assert drawn_otherwise != text
    assert undrawn(drawn_otherwise) == undrawn(text)
    curves = results.curves.assign(value=results.curves["value"] + 1)
    assert (
        check_report(analyse(Results(results.study, results.runs, results.records, curves)), page)[-1] == "index.html"
    )
    (page / "index.html").write_text(drawn_otherwise)
    assert check_report(analyse(results), page) == []
    (page / "index.html").write_text(text.replace("Verdict", "verdict"))
    assert check_report(analyse(results), page) == ["index.html"]
    (page / "index.html").unlink()
    assert check_report(analyse(results), page) == ["index.html"]
    write_report(analyse(results), page, None)


def test_the_index_is_made_and_checked_with_the_claims(page: Path) -> None:
    reports = page.parent
    assert check_overview(reports) == []
    text = (reports / "index.html").read_text()
    assert 'href="s/index.html"' in text
    assert "Inconclusive (4 hypotheses:" in text or "Refuted (4 hypotheses:" in text or "Supported (4" in text
    (reports / "index.html").write_text("old")
    (reports / "claims.md").unlink()
    assert check_overview(reports) == [reports / "claims.md", reports / "index.html"]
    write_overview(reports)
    assert (reports / "index.html").read_text() == text


def test_without_pictures_the_page_says_why(results: Results, tmp_path: Path) -> None:
    write_report(analyse(results), tmp_path, None)
    assert "with --no-pictures" in (tmp_path / "index.html").read_text()
    (tmp_path / "figures/pictures").mkdir()
    (tmp_path / "figures/pictures/pictures.json").write_text("{}")
    with pytest.raises(InputError, match=r"pictures.json: cannot be read"):
        check_report(analyse(results), tmp_path)


def test_a_study_of_five_variants_and_six_seeds_is_below_5_mb(tmp_path: Path) -> None:
    results = rich_results(("a", "b", "c", "d", "e", "free"), images=16)
    write_report(analyse(results), tmp_path / "s", store_with_pictures(results, tmp_path / "runs"))
    pictures = sum(path.stat().st_size for path in (tmp_path / "s/figures/pictures").iterdir())
    assert (tmp_path / "s/index.html").stat().st_size + pictures < 5e6


@pytest.mark.parametrize(
    ("value", "text"),
    [(1 / 3, "0.33333333"), (float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (float("nan"), ""), (None, "")],
)
def test_numbers_for_the_script(value: float | None, text: str) -> None:
    assert sortable(value) == text
