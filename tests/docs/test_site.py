"""The manual as a site: it builds without a warning, its references are filled in, and it asks no network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

from bench.cli.main import app
from bench.config import RunConfig

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
LOADED = re.compile(r"<(?:script|link|img|source|iframe)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_a_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len(list((ROOT / "docs").glob("*.md")))
    assert {page.name: found for page in pages if (found := LOADED.findall(page.read_text()))} == {}
    styles = "".join(style.read_text() for style in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^\s)]+", styles) == []


def test_what_a_page_shows_is_in_the_site(site: Path) -> None:
    for page in site.glob("*.html"):
        for source in re.findall(r"<img\b[^>]*?\bsrc=\"([^\"]+)\"", page.read_text()):
            assert (site / source).is_file(), f"{page.name}: {source}"


def test_no_place_is_left_unfilled(site: Path) -> None:
    assert [page.name for page in site.glob("*.html") if "generated:" in page.read_text()] == []


def test_every_command_has_its_reference(site: Path) -> None:
    page = (site / "cli.html").read_text()
    for command in app.registered_commands:
        name = command.name or command.callback.__name__  # type: ignore[union-attr]
        assert f'id="bench-{name}"' in page
    assert "--checkpoint-every SECONDS" in page


def test_every_config_field_has_its_reference(site: Path) -> None:
    page = (site / "configuration.html").read_text()
    for name, field in RunConfig.model_fields.items():
        assert f"<code>{name}</code>" in page
        for inner in getattr(field.annotation, "model_fields", {}):
            assert f"<code>{inner}</code>" in page
    assert 'id="study-claim"' in page
    assert 'id="search-confirm"' in page
