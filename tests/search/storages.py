"""Storages that several processes share in tests: SQLite, a journal, and a PostgreSQL server of our own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/search.sqlite3"


def journal(folder: Path) -> str:
    return str(folder / "search.journal")


def has_postgresql() -> bool:
    return bool(shutil.which("initdb") and shutil.which("postgres"))


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server on a free port, and remove it afterwards. It refuses to run as root, who becomes `postgres`."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgresql"))
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    try:
        _call(user, folder, "initdb", "-D", data, "-A", "trust", "-U", "bench", "--no-sync")
        _call(user, folder, "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        yield f"postgresql+psycopg://bench@127.0.0.1:{port}/postgres"
    finally:
        _call(user, folder, "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _call(user: str | None, folder: Path, *command: object) -> None:
    subprocess.run(list(map(str, command)), user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=120)
