"""The pages in a real browser: headless Chromium opens them from the disk, uses them, and axe-core judges them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pages import EVIL, rich_results, store_with_pictures

from bench.report.analysis.analysis import analyse
from bench.report.analysis.archive import save
from bench.report.overview import write_overview
from bench.report.write import write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (BROWSER and DRIVER), reason="no chromium and chromedriver here (apt-get install chromium chromium-driver)"
    ),
]
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies: one of five variants and six seeds with all that a page has, one without pictures."""
    reports = tmp_path_factory.mktemp("browser") / "reports"
    results = rich_results(("a", EVIL, "c", "d", "e", "free"), images=16)
    for place, run in enumerate(results.runs):
        run["id"] = f"run{place}"
    write_report(analyse(results), reports / "s", store_with_pictures(results, reports.parent / "runs"))
    write_report(analyse(results), reports / "plain", None)
    save(results, reports / "plain")
    write_overview(reports)
    return reports


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A browser that may not reach any network, and says what it asked for."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


def _open(driver: Any, page: Path, width: int = 1280, theme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for log in ("browser", "performance"):
        driver.get_log(log)
    driver.get(page.as_uri())


def _of(reports: Path) -> list[Path]:
    return [reports / "s/index.html", reports / "plain/index.html", reports / "index.html"]


def test_the_pages_load_without_errors_network_or_overflow(driver: Any, reports: Path) -> None:
    for page in _of(reports):
        for width in WIDTHS:
            _open(driver, page, width)
            assert driver.get_log("browser") == []
            asked = [
                entry["message"] for entry in driver.get_log("performance") if 'requestWillBeSent"' in entry["message"]
            ]
            assert asked
            assert not [message for message in asked if '"url":"http' in message or '"url":"ws' in message]
            assert driver.execute_script("return document.documentElement.scrollWidth") == width
            broken = "return [...document.images].filter(i => i.getAttribute('src') && !i.naturalWidth).length"
            assert driver.execute_script(broken) == 0
            loaded = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
            assert 0 < driver.execute_script(loaded) < 1000  # ms


def test_words_that_are_markup_are_shown(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")
    assert driver.find_element("css selector", "h1").text == EVIL
    assert driver.title == EVIL
    assert driver.find_element("css selector", "blockquote").text.startswith(EVIL)
    assert EVIL in driver.find_element("css selector", "#main-table").text
    assert EVIL in driver.find_element("css selector", "#differed").text  # the reason of the run that diverged
    assert driver.execute_script("return document.scripts.length") == 1


def test_a_click_on_a_heading_sorts_with_missing_values_last(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")

    def order() -> list[str]:
        found = driver.find_elements("css selector", "#main-table tbody th")
        return [heading.text.split("\n")[0].removesuffix(" control") for heading in found]

    buttons = {
        b.text.split("\n")[0].split(" ")[0]: b for b in driver.find_elements("css selector", "#main-table .sort")
    }
    psnr = buttons["PSNR"]
    heading = psnr.find_element("xpath", "..")
    assert order() == ["a", EVIL, "c", "d", "e", "free"]
    assert heading.get_attribute("aria-sort") is None
    psnr.click()
    assert (order(), heading.get_attribute("aria-sort")) == (["free", "e", "d", "c", EVIL, "a"], "descending")
    psnr.send_keys(" ")  # by keyboard too
    assert (order(), heading.get_attribute("aria-sort")) == (["a", EVIL, "c", "d", "e", "free"], "ascending")
    psnr.click()
    assert (order(), heading.get_attribute("aria-sort")) == (["a", EVIL, "c", "d", "e", "free"], None)
    psnr.click()
    buttons["memory"].click()
    assert order()[0] == "a"  # the only one of them that was measured
    assert heading.get_attribute("aria-sort") is None


def test_a_column_with_a_word_in_it_is_sorted_as_words(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")
    row = "return [...document.querySelectorAll('#main-table tbody tr')].map((row) => row.cells[0].dataset.sort)"
    fill = """const cells = [...document.querySelectorAll('#main-table tbody tr')].map((row) => row.cells[0]);
        arguments[0].forEach((text, place) => { cells[place].dataset.sort = text; });"""
    for words, by_value in (
        (["10", "9", "b", "", "2 a", "—"], ["10", "2 a", "9", "b", "", "—"]),
        (["10", "9", "×2", "", "−3", "—"], ["−3", "×2", "9", "10", "", "—"]),
    ):
        driver.execute_script(fill, words)
        button = driver.find_element("css selector", "#main-table .sort")
        button.click()
        assert driver.execute_script(row) == by_value
        button.click()
        button.click()
        assert driver.execute_script(row) == words


def test_the_table_is_copied(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")
    driver.execute_script("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    for name, start in (("Markdown", "| variant | runs |"), ("CSV", "variant,control,"), ("LaTeX", "% Results\n")):
        driver.find_element("css selector", f"[data-copy=copy-{name}]").click()
        assert driver.find_element("id", "copied").text == f"Copied as {name}."
        assert driver.execute_script("return window.copied").startswith(start)


def test_curves_switch_between_steps_images_and_seconds(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")
    for value in ("seconds", "images", "step"):
        driver.find_element("css selector", f"#curves [value={value}]").click()
        shown = {
            x for x in ("step", "images", "seconds") if driver.find_element("css selector", f".x-{x}").is_displayed()
        }
        assert shown == {value}


def test_pictures_open_in_full_and_the_slider_compares_two(driver: Any, reports: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    _open(driver, reports / "s/index.html")
    slide = driver.find_element("id", "slide")
    cut = "return getComputedStyle(document.getElementById('over')).clipPath"
    before = driver.execute_script(cut)
    slide.send_keys(Keys.ARROW_RIGHT * 10)
    assert slide.get_attribute("value") == "60"
    assert before != driver.execute_script(cut)
    assert "40%" in driver.execute_script(cut)
    stage = driver.find_element("id", "stage")
    width = stage.size["width"]
    for ends, value in (((-0.1, -0.2, -0.3), "20"), ((0.2, 0.4, 0.55), "100")):  # the last ends outside, still held
        drag, before = ActionChains(driver).move_to_element(stage).click_and_hold(), 0.0  # in the middle, on a picture
        for end in ends:
            drag, before = drag.move_by_offset(round((end - before) * width), 3), end
        drag.release().move_by_offset(10, 0).perform()
        assert slide.get_attribute("value") == value
    first = driver.find_elements("css selector", "a.picture")[1]
    driver.find_element("id", "borders").send_keys(Keys.SPACE)
    assert driver.execute_script("return getComputedStyle(arguments[0], '::after').display", first) == "block"
    first.send_keys(Keys.ENTER)
    viewer = driver.find_element("id", "viewer")
    assert viewer.is_displayed()
    assert driver.find_element("id", "viewer-title").text.endswith(": a")
    driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert driver.find_element("id", "viewer-title").text.endswith(f": {EVIL}")
    assert "PSNR" in driver.find_element("id", "viewer-scores").text
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not viewer.is_displayed()


def test_what_is_compared_is_found_by_place_and_said_where_it_is_missing(driver: Any, reports: Path) -> None:
    from selenium.webdriver.support.ui import Select

    _open(driver, reports / "s/index.html")
    left, over = Select(driver.find_element("id", "compare-left")), driver.find_element("css selector", "#over img")
    missing = driver.find_element("id", "compare-missing")
    for place, option in enumerate(left.options):
        left.select_by_index(place)
        assert option.get_attribute("value") == str(place)
        assert over.get_attribute("src").endswith(f"-{place}.png")
        assert not missing.is_displayed()
    left.select_by_visible_text(EVIL)
    Select(driver.find_element("id", "compare-right")).select_by_visible_text("ground truth")
    driver.execute_script("document.querySelectorAll('[data-row=\"1\"]')[2].dataset.method = ''")
    row = Select(driver.find_element("id", "compare-row"))
    row.select_by_value("0")
    row.select_by_value("1")
    assert (over.get_attribute("src"), over.get_attribute("alt")) == (None, "")
    assert missing.text == f"Left: there is no picture of this image by {EVIL}."
    row.select_by_value("0")
    assert over.get_attribute("src").endswith("0-2.png")
    assert not missing.is_displayed()


def test_each_half_has_the_borders_of_its_own_picture(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")
    driver.execute_script("""
        const of = (side) => document.querySelector(
            `a.picture[data-row="${document.getElementById('compare-row').value}"]`
            + `[data-method="${document.getElementById(`compare-${side}`).value}"]`);
        of('left').style.setProperty('--grid', 4);
        of('right').style.setProperty('--grid', 1);
        document.getElementById('compare-row').dispatchEvent(new Event('change'));""")
    grids = "return ['over', 'under'].map((id) => document.getElementById(id).style.getPropertyValue('--grid'))"
    assert driver.execute_script(grids) == ["4", "1"]


def test_every_linked_file_is_there(driver: Any, reports: Path, tmp_path: Path) -> None:
    whole = rich_results()
    asked = [asked for asked in whole.study["hypotheses"] if "steps_to" in str(asked)]
    bare = replace(whole, curves=whole.curves.iloc[:0], study=whole.study | {"hypotheses": asked})
    write_report(analyse(bare), tmp_path / "bare", None)  # no effect has a value
    save(bare, tmp_path / "bare")
    write_overview(tmp_path)
    for page in [*_of(reports), tmp_path / "bare/index.html"]:
        _open(driver, page)
        links = driver.execute_script("return [...document.links].map((link) => link.getAttribute('href'))")
        assert [link for link in links if not (page.parent / unquote(link.split("#")[0])).exists()] == []
    assert not driver.find_elements("id", "curves")
    assert driver.find_element("id", "effects").is_displayed()
    assert driver.find_element("id", "scaling").is_displayed()  # it needs no curves


def test_reports_below_reports_lead_up_and_down(driver: Any, reports: Path, tmp_path: Path) -> None:
    outer = tmp_path / "reports"
    for folder in (outer, outer / "more"):
        shutil.copytree(reports / "plain", folder / "plain")
    (outer / "nothing").mkdir()
    for folder in (outer, outer / "more"):
        write_overview(folder)
    _open(driver, outer / "index.html")
    assert not driver.find_elements("css selector", ".up")
    assert [link.text for link in driver.find_elements("css selector", "#elsewhere a")] == ["more"]
    driver.find_element("css selector", "#elsewhere a").click()
    assert driver.current_url == (outer / "more/index.html").as_uri()
    driver.find_element("link text", "All reports").click()
    assert driver.current_url == (outer / "index.html").as_uri()


def test_on_paper_nothing_is_folded(driver: Any, reports: Path) -> None:
    _open(driver, reports / "s/index.html")
    folded = "return document.querySelectorAll('details:not([open])').length"
    before = driver.execute_script(folded)
    assert before
    driver.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert driver.execute_script(folded) == 0
    driver.execute_script("dispatchEvent(new Event('afterprint'))")
    assert driver.execute_script(folded) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(driver: Any, reports: Path, theme: str) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for page in _of(reports):
        for width in WIDTHS:
            _open(driver, page, width, theme)
            driver.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
            driver.execute_script(axe)
            found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
            words = [(v["id"], v["help"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found["violations"]]
            assert words == [], f"{page} at {width}"
            assert any(passed["id"] == "color-contrast" for passed in found["passes"])
