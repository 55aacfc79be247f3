"""The rooms of the report: numbers, then tables, figures and pages of them; only `analyse` computes numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bench.report

REPORT = Path(bench.report.__file__).parent
FLOORS = ["analysis", "tables", "figures", "page"]
COMPUTING = {"compare", "values", "times", "summarise", "answer_hypotheses", "conjunction", "read_measurements"}


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module below bench.report, name) of each import of the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench.report."):
            yield from ((str(node.module).removeprefix("bench.report."), alias.name) for alias in node.names)


def test_imports_go_down_from_the_page_to_the_numbers() -> None:
    for level, floor in enumerate(FLOORS):
        for path in (REPORT / floor).glob("*.py"):
            for module, _ in _imports(path):
                assert module.split(".")[0] in FLOORS[: level + 1], f"{floor}/{path.name} imports {module}"


def test_only_the_analysis_computes() -> None:
    for path in REPORT.rglob("*.py"):
        if path.parent.name != "analysis":
            assert not COMPUTING & {name for _, name in _imports(path)}, path
