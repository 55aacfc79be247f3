"""Fixtures of the tests of faults; with --write PATH their counts become the report on reliability."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import WriteStudy, small_study
from reliability_report import Report
from scene import Tried, finish, outcomes, start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", metavar="PATH", help="Write what was tried, as a table, to PATH.")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--write", None):
        config.pluginmanager.register(Report(Path(path), config.invocation_params.args), "reliability")


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Tried:
    """tried("kills", 3): counted in the report, if the test passes."""
    return lambda what, count: record_property("tried", (what, count))


@pytest.fixture
def measured(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[[str, str, str], None]:
    """measured("overhead of x", "1.0 ms [0.9, 1.2]", "how"): a row of the report, for which alone it is measured."""
    if not request.config.getoption("--write", None):
        pytest.skip("measured on a quiet machine, with --write")
    return lambda what, value, how: record_property("measured", (what, value, how))


@pytest.fixture
def study(write_study: WriteStudy) -> Path:
    return write_study(metrics=["psnr"])


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The outcomes of the study's runs when nothing disturbs them."""
    study = small_study(tmp_path_factory.mktemp("quiet"), metrics=["psnr"])
    finish(start(study, "quiet"), 0)
    return outcomes(study.parent / "quiet")
