"""A report is the old one or the new one, whole, at every instant; what a person put beside it stays."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from report.made import curve, made_results
from report.pages import store_with_pictures

from bench.errors import InputError
from bench.report import folder as folder_module
from bench.report.analysis.analysis import analyse
from bench.report.analysis.frames import Results
from bench.report.folder import rewritten
from bench.report.write import check_report, write_report
from bench.store.run_store import RunStore

EVENTS = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir"}
"""Of Python's audit hooks, those that change a folder; opening a file to write is another."""
_listener: list[Callable[[], None]] = []


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    is_write = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if (is_write or event in EVENTS) and _listener:
        (listener,) = _listener
        _listener.clear()  # what it does itself is no event
        try:
            listener()
        finally:
            _listener.append(listener)


sys.addaudithook(_heard)  # there is no way to remove one


@contextmanager
def heard(listener: Callable[[], None]) -> Iterator[None]:
    """Inside, it is called before everything that may change a file."""
    _listener.append(listener)
    try:
        yield
    finally:
        _listener.clear()


def _content(folder: Path) -> str:
    """A digest of all names and files."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0")
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


def _broken_links(folder: Path) -> list[str]:
    links = re.findall(r"\]\((figures/[^)]*)\)", (folder / "report.md").read_text())
    assert links
    return [link for link in links if not (folder / link).exists()]


Reports = tuple[Results, Results, RunStore, Path]


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    """Old results, whose report stands there; new ones, the store of their pictures, and the folder."""
    old = made_results({"a": {0: [20.0, 22.0]}, "b": {0: [19.5, 21.5]}}, [], curve({"a": {0: [20.0, 21.0]}}))
    new = made_results({"a": {0: [19.0], 1: [18.0]}, "b": {0: [18.5], 1: [17.0]}}, [])
    store, folder = store_with_pictures(old, tmp_path / "runs"), tmp_path / "reports/study"
    write_report(analyse(old), folder, store)
    (folder / "notes.txt").write_text("mine")
    return old, new, store, folder


def test_at_every_step_the_folder_is_the_old_report_or_the_new_one(reports: Reports) -> None:
    _, new, store, folder = reports
    seen: list[str] = [_content(folder)]

    def look() -> None:
        if (now := _content(folder)) != seen[-1]:
            seen.append(now)

    with heard(look):
        write_report(analyse(new), folder, store)
    look()
    assert len(seen) == 2
    assert check_report(analyse(new), folder) == []
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in folder.parent.iterdir()] == ["study"]


def _forked(work: Callable[[], object]) -> int:
    """The signal that ended a child process at this work; 0 for none."""
    if (pid := os.fork()) == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's, of forks beside threads
@pytest.mark.parametrize("can_exchange", [True, False])
def test_killed_at_any_file_the_report_stands_and_the_next_one_tidies_up(
    reports: Reports, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    old, new, store, folder = reports
    if not can_exchange:  # another system, or a file system that cannot
        monkeypatch.setattr(folder_module, "_exchange", lambda one, other: False)
    before, killed, at = _content(folder), True, 0
    while killed:
        left = [at]

        def count(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def write(count: Callable[[], None] = count) -> None:
            with heard(count):
                write_report(analyse(new), folder, store, samples=False)

        killed = _forked(write) == signal.SIGKILL
        if killed:
            with rewritten(folder) as beside:  # as the next command does
                assert _content(beside) == _content(folder)
            if _content(folder) == before:
                assert check_report(analyse(old), folder) == []
            else:
                assert check_report(analyse(new), folder) == []
                write_report(analyse(old), folder, store)
                (folder / "notes.txt").write_text("mine")
                before = _content(folder)
            assert _broken_links(folder) == []
            assert [path.name for path in folder.parent.iterdir()] == ["study"]
        at += 3
    assert at > 60
    assert check_report(analyse(new), folder) == []


def test_interrupted_it_stays_and_leaves_nothing_behind(reports: Reports) -> None:
    old, _, _, folder = reports
    before = _content(folder)

    def interrupted() -> None:
        with rewritten(folder) as beside:
            (beside / "report.md").unlink()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _content(folder) == before
    assert check_report(analyse(old), folder) == []
    assert [path.name for path in folder.parent.iterdir()] == ["study"]


def test_a_folder_that_is_a_link_stays_one(reports: Reports) -> None:
    _, new, store, folder = reports
    moved = folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(moved)
    write_report(analyse(new), folder, store)
    assert folder.is_symlink()
    assert check_report(analyse(new), moved) == []


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("a file")
    with pytest.raises(InputError, match=r"study: cannot write the report \(it is not a folder\); use --reports DIR"):
        write_report(analyse(made_results({"a": {0: [20.0]}}, [])), tmp_path / "study", None)


def test_a_report_inside_a_copy_is_written_there_and_put_in_place_with_it(reports: Reports) -> None:
    old, new, _, folder = reports
    with rewritten(folder) as copy:
        write_report(analyse(new), copy / "best", None)
        assert [path.name for path in copy.parent.iterdir()] == ["study"]  # no copy of the copy
        assert not (folder / "best").exists()
    assert check_report(analyse(new), folder / "best") == []
    assert check_report(analyse(old), folder) == []


def test_a_report_from_an_archive_stays_without_figure_files_that_were_removed(reports: Reports) -> None:
    old, _, store, folder = reports
    shutil.rmtree(folder / "figures")
    write_report(analyse(old), folder, None)
    assert not (folder / "figures").exists()
    assert "(figures/" not in (folder / "report.md").read_text()
    assert "figures/" not in (folder / "index.html").read_text()
    assert check_report(analyse(old), folder) == []
    write_report(analyse(old), folder, store)
    assert "(figures/curves.png)" in (folder / "report.md").read_text()
