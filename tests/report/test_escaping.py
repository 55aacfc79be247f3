"""Words from a study, a file name or a machine are shown as they are: none of them becomes markup anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made import CLEAN, PROVENANCE, named
from pages import rich_results, store_with_pictures

from bench.report.analysis.analysis import analyse
from bench.report.overview import write_overview
from bench.report.write import write_report

NASTY = (
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)> ' onfocus='alert(1) {{7*7}} {% if %} `x` ``` a|b "
    "</style></svg> "
    r"\input{x} $x_1$ %& #~^ [a](javascript:alert(1)) <!-- ]]> <a href=javascript:alert(1)>"
)
PLAIN = "plain"
"""What a page with nothing to escape is made of, to compare with."""


class Tags(HTMLParser):
    """Elements with their attributes' names, and the text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.addresses += [str(value) for name, value in attrs if name in ("href", "src", "action", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(path: Path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    tags.close()
    return tags


def _written(folder: Path, words: str) -> Path:
    """The reports of a study in which every free text is `words`."""
    results = rich_results((words, f"b {words}", f"c {words}", "free"), seeds=3)
    results = named(results, title=words, claim={"text": words, "section": f"3.1 {words}"}, name="s")
    results.study["command"] = "bench run s.yaml --data '" + words.replace("'", "") + "'"
    for asked in results.study["hypotheses"]:
        asked["left"] = asked["left"] if asked["left"] != "a" else words
    for place, variant in enumerate(results.study["variants"]):
        variant["differences"] = {"generator.norm": f"{place} {words}"}
    results.records["image"] = [f"{words} {name}" for name in results.records["image"]]
    results.records["photograph"] = [f"{words} {name}" for name in results.records["photograph"]]
    data = {"name": f"folder {words}", "fingerprint": "f" * 16, "train_images": 2, "train_photographs": 2,
            "val_photographs": 2, "split_rule": words} | CLEAN  # fmt: skip
    for place, run in enumerate(results.runs):
        run["id"] = f"run{place}"
        run["missing"] = {"lpips": words}
        run["run"] = {"data": data, "provenance": PROVENANCE | {"torch": words, "device": words}}
        if run["throughput"]:
            run["throughput"]["device"] = words
        if run["state"] == "diverged":
            run["outcome"]["reason"] = words
    write_report(analyse(results), folder / "s", store_with_pictures(results, folder / "runs"))
    write_overview(folder)
    return folder


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("nasty"), NASTY)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.mark.parametrize("page", ["s/index.html", "index.html"])
def test_a_page_has_no_element_or_attribute_that_came_from_words(nasty: Path, plain: Path, page: str) -> None:
    found, expected = _read(nasty / page), _read(plain / page)
    assert set(found.found) <= set(expected.found)
    assert [tag for tag, _ in found.found].count("script") == 1
    assert not any(re.match(r"\s*(javascript|data:text)", address) for address in found.addresses)
    assert "<script>alert(1)</script>" in found.text
    assert "{{7*7}}" in found.text


def test_markdown_shows_words_and_has_no_html(nasty: Path, plain: Path) -> None:
    for name in ("s/report.md", "claims.md"):
        text, same = (nasty / name).read_text(), (plain / name).read_text()
        outside = _without_code(text)
        assert set(re.findall(r"<[^>\s]*", outside)) <= {"<br"}, name
        assert "](javascript" not in re.sub(r"\\.", "", outside), name
        for ours, theirs in zip(_tables(text), _tables(same), strict=True):
            assert [_cells(row) for row in ours] == [_cells(row) for row in theirs], name


def _without_code(text: str) -> str:
    """What Markdown does not show letter by letter."""
    text = re.sub(r"^(`{3,})\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)


def _tables(text: str) -> list[list[str]]:
    blocks = [[line for line in block.split("\n") if line.startswith("|")] for block in text.split("\n\n")]
    return [block for block in blocks if block]


def _cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", re.sub(r"\\\\", "", row)))


def test_latex_has_as_many_columns_and_no_command_from_words(nasty: Path, plain: Path) -> None:
    lines, same = ((folder / "s/table.tex").read_text().splitlines() for folder in (nasty, plain))
    rows = [line for line in lines if not line.startswith("%")]
    assert "\\input" not in "\n".join(rows)
    assert {_ampersands(row) for row in rows} == {_ampersands(row) for row in same if not row.startswith("%")}
    assert not any(re.search(r"(?<!\\)[%#~^]", row) for row in rows)


def _ampersands(row: str) -> int:
    return len(re.findall(r"(?<!\\)&", row))


def test_figures_are_xml_without_anything_that_runs(nasty: Path) -> None:
    figures = sorted((nasty / "s/figures").glob("*.svg"))
    assert len(figures) >= 3
    for path in figures:
        for element in ElementTree.fromstring(path.read_text(encoding="utf-8")).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "image", "a", "iframe")
            assert not [name for name in element.attrib if name.startswith("on")]
    assert "alert(1)" in "".join(path.read_text(encoding="utf-8") for path in figures)
