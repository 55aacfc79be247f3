"""README and the manual: short lines, links that lead somewhere, commands and snippets that work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from harness import ROOT, Bench, WriteStudy

from bench.cli.main import app
from bench.study.load import load_study

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:bench|baselines|tests|docs|ablations)/[\w./]+)`")
"""A file or folder of the repository, as prose names it."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_the_readme_is_one_screen() -> None:
    assert len(README.read_text().splitlines()) <= 150


@each_page
def test_lines_are_short_but_for_tables_and_links(page: Path) -> None:
    prose = [line for line in page.read_text().splitlines() if not line.startswith("|")]
    assert [line for line in prose if len(LINK.sub("]", line)) > 120] == []


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(CODE.sub("", page.read_text())) if "://" not in link]
    assert [link for link in links if not (page.parent / link.split("#")[0]).exists()] == []


@each_page
def test_files_that_are_named_are_there(page: Path) -> None:
    assert [name for name in NAMED.findall(CODE.sub("", page.read_text())) if not (ROOT / name).exists()] == []


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    for line in _commands(page.read_text()):
        _check(line)


@pytest.mark.parametrize("line", ["bench rum pooling.yaml", "bench run --sclae tiny", "bench studies paste pooling"])
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises(AssertionError):
        _check(line)


def test_the_readmes_study_loads(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(_snippet(README, "yaml"))
    assert len(path.read_text().splitlines()) <= 12
    assert [variant.label for variant in load_study(path).variants] == ["strided_conv", "max_pool", "gray"]


@pytest.mark.parametrize("page", [README, ROOT / "docs/methods.md"], ids=lambda page: page.name)
def test_a_method_of_ones_own_runs(page: Path, bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(_snippet(page, "python"))
    assert bench("baselines", "check", "mine:Mine").returncode == 0
    small = ("--scale", "tiny", "--workers", "1", "train.steps=4", "train.pretrain_steps=1")
    assert bench("run", write_study(baselines=["mine:Mine"]), *small).returncode == 0


@pytest.mark.parametrize("name", ["studies", "search"])
def test_the_manuals_yaml_is_valid(name: str) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / f"docs/{name}.md").read_text(), re.MULTILINE | re.DOTALL):
        assert isinstance(yaml.safe_load(block), dict)


def test_the_tests_are_run_as_the_readme_says() -> None:
    assert "pytest -n 2`" in README.read_text()
    assert "\npytest -n 2\n" in (ROOT / ".ci/run").read_text()


def _snippet(page: Path, language: str) -> str:
    return page.read_text().split(f"```{language}\n", 1)[1].split("```", 1)[0]


def _commands(text: str) -> Iterator[str]:
    """Lines of code blocks, and code within a line, that begin with `bench`."""
    for block in CODE.findall(text):
        joined = block.replace("\\\n", " ")
        yield from (line.removeprefix("exec ") for line in joined.splitlines() if re.match(r"(exec )?bench ", line))
    yield from (code.replace("\\|", "|") for code in re.findall(r"`(bench [^`]+)`", CODE.sub("", text)))


def _check(line: str) -> None:
    """Walk down to the subcommand, then look each option up."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)[1:]
    while words and hasattr(command, "commands") and words[0].isalpha() and words[0].islower():
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    known = {"--help", *(option for one in command.params for option in [*one.opts, *one.secondary_opts])}
    assert [word for word in words if word.startswith("--") and word.split("=")[0] not in known] == [], line
