"""Writes reports/reliability.md: what the tests in this folder tried, and how it ended, in one table."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.report.tables.text_table import TextTable, titled
from bench.store.run_store import write_atomically


class Report:
    """A pytest plugin; with several test processes, the one that starts the others has it."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self.path, self.arguments = path, arguments
        self.rows: dict[str, dict[str, int]] = {}
        self.tests: dict[str, list[str]] = {}
        self.measured: list[tuple[str, str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = report.nodeid.partition("::")[2].partition("[")[0].removeprefix("test_").replace("_", " ")
        if report.when == "call":
            self.tests.setdefault(row, []).append(report.outcome)
        if report.when != "teardown":  # by then all counts are known
            return
        for name, value in report.user_properties:
            if name == "tried":
                what, count = value  # type: ignore[misc]
                counts = self.rows.setdefault(row, {})
                counts[what] = counts.get(what, 0) + int(count)
            elif name == "measured":
                self.measured.append(tuple(value))  # type: ignore[arg-type]

    def pytest_sessionfinish(self) -> None:
        for name, outcomes in self.tests.items():
            if "failed" in outcomes:
                self.rows.setdefault(name, {})
        rows = [[name, _tried(counts), *_ends(counts), _result(self.tests[name])] for name, counts in self.rows.items()]
        total: dict[str, int] = {}
        for counts in self.rows.values():
            for what, count in counts.items():
                total[what] = total.get(what, 0) + count
        everything = [outcome for name in self.rows for outcome in self.tests[name]]
        rows.append(["all of it", _tried(total), *_ends(total), _result(everything)])
        table = TextTable("What was tried", ["what", "tried", *ENDS, "outcome"], rows)
        parts = [HEAD.format(command=_command(self.arguments), machine=_machine()), titled(table)]
        if self.measured:
            measured = TextTable("What was measured", ["what", "value", "how"], [list(row) for row in self.measured])
            parts.append(titled(measured))
        write_atomically(self.path, "\n\n".join(part.rstrip() for part in parts) + "\n")
        data = {"rows": self.rows, "measured": self.measured, "machine": _machine()}
        write_atomically(self.path.with_suffix(".json"), json.dumps(data, indent=1) + "\n")


ENDS = ("lost", "trained twice")


def _tried(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if what not in ENDS)


def _ends(counts: dict[str, int]) -> list[str]:
    return [f"{counts[end]:,}" if end in counts else "" for end in ENDS]


def _result(outcomes: list[str]) -> str:
    return "as it should" if all(outcome == "passed" for outcome in outcomes) else "FAILED"


HEAD = """# Reliability

What was done to studies at work, with real processes, signals, disks and clocks, and what became of their runs. *Lost*
are runs that did not end as they would have undisturbed, bit by bit; *trained twice* are runs whose training was
brought to its end more than once. Made by

```
{command}
```

on {machine}."""


def _command(arguments: Sequence[str]) -> str:
    given = [f"{name}={os.environ[name]}" for name in ("BENCH_KILLS", "BENCH_EXAMPLES") if name in os.environ]
    return shlex.join([*given, "pytest", *arguments])


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"
