"""The records of `bench profile`: a JSON and a CSV file each, in `speed/` below the reports."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from bench.errors import InputError
from bench.report.tables.speed import Record, speed_rows
from bench.store.run_store import write_atomically

FOLDER, PAGE = "speed", "speed.md"
VERSION = 1  # raise it when the meaning of a record's fields changes


def save_record(record: Record, reports: Path, stem: str) -> Path:
    """Write both files of a record; return the path of the JSON file."""
    path = reports / FOLDER / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"version": VERSION, **record}, indent=1) + "\n")
    write_atomically(path.with_suffix(".csv"), pd.DataFrame(speed_rows(record)).to_csv(index=False))
    return path


def load_records(reports: Path) -> list[Record]:
    """All records, sorted by file name. Raises InputError for a record that cannot be read."""
    records = []
    for path in sorted((reports / FOLDER).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["version"] != VERSION:
                raise ValueError(f"its version is {record['version']}; this bench reads version {VERSION}")
            speed_rows(record)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: the record of speed cannot be read: {error!r}; run bench profile again"
            ) from None
        records.append(record)
    return records
