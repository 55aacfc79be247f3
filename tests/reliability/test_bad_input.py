"""Any content of studies, searches and overrides is planned or refused in words: never a traceback, a hang or a write.
`BENCH_EXAMPLES=5000 pytest tests/reliability/test_bad_input.py` tries that many of each kind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import strange
import yaml
from harness import ROOT, Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene import Tried

from bench.errors import InputError
from bench.search.load import load_search
from bench.study.load import load_study

EXAMPLES = int(os.environ.get("BENCH_EXAMPLES", "0"))
SECONDS = 10
"""The most that one input may take."""


def tries(count: int) -> settings:
    """`count` inputs, the same at every call, unless BENCH_EXAMPLES asks for another number."""
    return settings(
        max_examples=EXAMPLES or count,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,  # `_in_time` also ends what hangs
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def _in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _plans_or_is_refused(folder: Path, load: Callable[[], object]) -> None:
    before = sorted(folder.rglob("*"))
    try:
        with _in_time():
            load()
    except InputError as error:
        text = str(error)
        assert text.isprintable(), ascii(text)
        assert 10 < len(text) < 3000, len(text)
        assert any(name in text for name in ("odd.yaml", "command line: ", "--data")), ascii(text)
    assert sorted(folder.rglob("*")) == before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _study(folder: Path, text: str | bytes, scale: Any, *overrides: str, data: str | None = None) -> None:
    path = folder / "odd.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    _plans_or_is_refused(folder, lambda: load_study(path, scale, data, overrides).runs())


def _search(folder: Path, text: str | bytes, scale: Any, *overrides: str, data: str | None = None) -> None:
    path = folder / "odd.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    _plans_or_is_refused(folder, lambda: load_search(path, scale, data, overrides).default)


@pytest.fixture
def count(tried: Tried) -> Iterator[Callable[[], None]]:
    """A function to call for each input that is tried."""
    inputs: list[None] = []
    yield lambda: inputs.append(None)
    tried("bad inputs", len(inputs))


Count = Callable[[], None]


@tries(60)
@given(text=strange.changed(strange.STUDIES), scale=strange.scales)
def test_changed_values_of_studies(folder: Path, count: Count, text: str, scale: str) -> None:
    count()
    _study(folder, text, scale)


@tries(60)
@given(text=strange.broken(strange.STUDIES), scale=strange.scales)
def test_broken_text_of_studies(folder: Path, count: Count, text: bytes, scale: str) -> None:
    count()
    _study(folder, text, scale)


@tries(60)
@given(
    path=st.sampled_from(strange.STUDIES),
    scale=strange.scales,
    overrides=st.lists(strange.overrides, min_size=1, max_size=3),
    data=st.none() | strange.texts,
)
def test_overrides_and_data_of_studies(
    folder: Path, count: Count, path: Path, scale: str, overrides: list[str], data: str | None
) -> None:
    count()
    _study(folder, path.read_bytes(), scale, *overrides, data=data)


@tries(30)
@given(text=strange.changed(strange.SEARCHES) | strange.broken(strange.SEARCHES), scale=strange.scales)
def test_changed_and_broken_searches(folder: Path, count: Count, text: str | bytes, scale: str) -> None:
    count()
    _search(folder, text, scale)


@tries(30)
@given(text=strange.searched(), scale=strange.scales)
def test_spaces_and_goals_of_searches(folder: Path, count: Count, text: str, scale: str) -> None:
    count()
    _search(folder, text, scale)


@tries(20)
@given(
    path=st.sampled_from(strange.SEARCHES),
    scale=strange.scales,
    overrides=st.lists(strange.overrides, max_size=3),
    data=st.none() | strange.texts,
)
def test_overrides_and_data_of_searches(
    folder: Path, count: Count, path: Path, scale: str, overrides: list[str], data: str | None
) -> None:
    count()
    _search(folder, path.read_bytes(), scale, *overrides, data=data)


PLAIN = (ROOT / "ablations" / "pooling.yaml").read_text(encoding="utf-8")
MISTAKES = [  # what is added to the study, what the message says
    ('base: {train: {steps: 99999999999999999999}}', "base.train.steps: a whole number of 67 bits is too large"),
    ('title: "a\\x07b"', "title: 'a\\x07b' cannot be printed"),
    ('title: "a\\ud800b"', "title: 'a\\ud800b' cannot be printed"),
    ("base: {train: {2020-01-01: 1}}", "base.train.2020-01-01: a key is text, and datetime.date(2020, 1, 1)"),
    ("base: " + "{a: " * 40 + "1" + "}" * 40, "is nested more than 30 deep"),
    ("base: " + "[" * 3000, "odd.yaml: is nested too deep"),
    ("base: {train: {betas: [" + "0, " * 2000 + "]}}", "base: has 2,000 values; a config has about fifty"),
    ("base: !!int x", "not valid YAML"),
    ("base: {data: {name: '${oc.env:HOME}'}}", "base.data.name: '${oc.env:HOME}' is not allowed"),
    ("title: ab\x00cd", "unacceptable character"),
    ("hypotheses: [psnr: 'a" + " " * 100_000 + "b']", "has 100,002 letters; two variants have 1,000 at most"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_has_its_words(folder: Path, line: str, message: str) -> None:
    key = line.partition(":")[0]
    content = yaml.safe_load(PLAIN)
    del content[key]
    path = folder / "odd.yaml"
    path.write_text(f"{yaml.safe_dump(content)}{line}\n")
    with pytest.raises(InputError) as error:
        load_study(path, "tiny")
    assert message in str(error.value)


OVERRIDES = [
    ("train." * 500 + "x=1", "is not an override"),
    ("train.steps=${oc.env:HOME}", "not '${oc.env:HOME}'"),
    ("train.steps=99999999999999999999", "a whole number of 67 bits is too large"),
    ('method="\\x07"', "cannot be printed"),
]


@pytest.mark.parametrize(("override", "message"), OVERRIDES, ids=range(len(OVERRIDES)))
def test_an_override_has_its_words(folder: Path, override: str, message: str) -> None:
    (folder / "odd.yaml").write_text(PLAIN)
    with pytest.raises(InputError) as error:
        load_study(folder / "odd.yaml", "tiny", None, (override,))
    assert message in str(error.value)
    assert str(error.value).startswith("command line: ")


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "x" * 5000, "a\nb", "/dev/null", ""])
def test_data_that_are_not_there_are_named(bench: Bench, folder: Path, path: str) -> None:
    (folder / "odd.yaml").write_text(PLAIN)
    done = bench("plan", "odd.yaml", "--data", path)
    assert done.returncode == 2
    assert "--data" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["plan", "odd.yaml", "x" * 5000], ["plan", "odd.yaml", f"metrics=[{'x' * 5000}]"], ["report", "y" * 300 + "=1"],
     ["search", "z" * 5000], ["profile", "w" * 5000], ["plan", "/dev/zero"], ["plan", "."], ["plan", "odd.yaml", "=x"]],
    ids=range(8),
)  # fmt: skip
def test_the_command_line_refuses_in_one_line(bench: Bench, folder: Path, arguments: list[str]) -> None:
    (folder / "odd.yaml").write_text(PLAIN)
    done = bench(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"odd.yaml"}
