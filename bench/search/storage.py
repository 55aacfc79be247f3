"""The storage of a search's trials: an Optuna journal in the run store, or a database."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import InputError, first_line
from bench.search.search import Search

STORAGE_ERRORS = (StorageInternalError, SQLAlchemyError, json.JSONDecodeError)
"""The exceptions of a storage that was open and can no longer be reached."""
SQLITE_WAIT = 60  # seconds that a worker waits while others write
OPENING_ATTEMPTS = 3  # opening fails while another machine creates the tables


def default_storage(search: Search, root: Path) -> str:
    """The path of a journal in the run store, named after the Optuna study."""
    return str(root / "searches" / f"{search.study_name}.journal")


def search_lock(search: Search, root: Path) -> FileLock:
    """The lock to hold while a trial begins, shared by all workers on one run store."""
    folder = root / "searches"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{search.study_name}.lock")


def open_storage(url: str) -> BaseStorage:
    """Open sqlite:///FILE, postgresql+psycopg://..., mysql+pymysql://..., or a journal's path. Raises InputError."""
    return _open_database(url) if "://" in url else _open_journal(Path(url), url)


def without_password(url: str) -> str:
    """The URL as messages may show it."""
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:...@", url)


def _open_journal(path: Path, url: str) -> JournalStorage:
    if path.suffix in (".db", ".sqlite", ".sqlite3"):
        raise InputError(f"--storage {url}: this looks like a SQLite file; write sqlite:///{url}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = JournalLock(path)
        _cut_incomplete_line(path, lock)
        return JournalStorage(JournalFileBackend(str(path), lock))  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"--storage {url}: not a journal that can be read and written ({first_line(error)})") from None


def _open_database(url: str) -> RDBStorage:
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    if url.startswith("sqlite"):
        arguments = {"connect_args": {"timeout": SQLITE_WAIT}}
        if match := re.fullmatch(r"sqlite:///(.+)", url):
            Path(match[1]).parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, OPENING_ATTEMPTS + 1):
        try:
            return RDBStorage(url, engine_kwargs=arguments)
        except ImportError as error:
            driver = "; pip install 'gan-bench[postgresql]' and write postgresql+psycopg://"
            hint = driver if url.startswith("postgresql") else ""
            raise InputError(
                f"--storage {without_password(url)}: its driver is not installed ({first_line(error)}){hint}"
            ) from None
        except Exception as error:  # SQLAlchemy and every driver raise their own
            if attempt == OPENING_ATTEMPTS:
                raise InputError(f"--storage {without_password(url)}: cannot be opened ({first_line(error)})") from None
            time.sleep(attempt)
    raise AssertionError


class JournalLock:
    """A lock for writes to the journal. The system releases it when its process dies; Optuna's own lock then blocks for
    30 seconds, or forever if the path of the journal is relative."""

    def __init__(self, path: Path) -> None:
        self.lock = FileLock(f"{path}.flock")

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


def _cut_incomplete_line(path: Path, lock: JournalLock) -> None:
    """Remove a last line without its end, left by a full disk or a power failure. No worker was told that it is there,
    so nothing is lost."""
    lock.acquire()
    try:
        if path.is_file() and (content := path.read_bytes()) and not content.endswith(b"\n"):
            with open(path, "rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()
