"""The pages in a real browser: headless Chromium opens them from the disk, uses them, and axe-core judges them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pages import EVIL, rich_results, store_with_pictures

from bench.report.archive import save
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
    write_report(results, reports / "s", store_with_pictures(results, reports.parent / "runs"))
    write_report(results, reports / "plain", None)
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
    buttons["memory"].click()
    assert order()[0] == "a"  # the only one of them that was measured
    assert heading.get_attribute("aria-sort") is None


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
    from selenium.webdriver.common.keys import Keys

    _open(driver, reports / "s/index.html")
    slide = driver.find_element("id", "slide")
    cut = "return getComputedStyle(document.getElementById('over')).clipPath"
    before = driver.execute_script(cut)
    slide.send_keys(Keys.ARROW_RIGHT * 10)
    assert slide.get_attribute("value") == "60"
    assert before != driver.execute_script(cut)
    assert "40%" in driver.execute_script(cut)
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
