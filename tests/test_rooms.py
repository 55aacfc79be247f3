"""The rooms of the house: imports only go down, and what must be quick does not import torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from harness import ROOT

FLOORS = [  # from the roof down; a room may import from those below it
    ["bench.__main__"],
    ["bench.cli"],
    ["bench.search", "bench.profile", "bench.plan"],
    ["bench.report", "bench.runs"],
    ["bench.study"],
    ["bench.measure"],
    ["baselines"],
    ["bench.training"],
    ["bench.models", "bench.data", "bench.store"],
    ["bench.config", "bench.machine"],
    ["bench.scales", "bench.randomness", "bench.errors", "bench.interrupts"],
]
MAX_LINES = 300
MAX_FILES = 8
"""In bench/ itself."""
FILES = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_module(path): path for path in FILES}


def _room(module: str) -> tuple[int, str]:
    """Floor and name of the room that a module stands in."""
    return next((i, room) for i, floor in enumerate(FLOORS) for room in floor if f"{module}.".startswith(f"{room}."))


def _imports(module: str) -> set[str]:
    """Our own modules that a module names in its imports, wherever in it they stand."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & MODULES.keys() - {module, "bench"}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"bench"}))
def test_imports_only_go_down(module: str) -> None:
    floor, room = _room(module)
    for imported in _imports(module):
        assert _room(imported)[1] == room or _room(imported)[0] > floor, f"{module} imports {imported}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter({module: _imports(module) for module in MODULES}).prepare()  # raises CycleError


def test_few_files_stand_outside_the_rooms() -> None:
    assert len(list((ROOT / "bench").glob("*.py"))) <= MAX_FILES


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=_module)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", sorted((ROOT / "bench" / "report").rglob("*.py")), ids=_module)
def test_reports_name_no_torch(path: Path) -> None:
    assert "torch" not in {name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)}


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {(node.module or "").split(".")[0]} if isinstance(node, ast.ImportFrom) else set()


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (["--help"], "torch numpy pandas pydantic yaml"),
        (["plan", "ablations/pooling.yaml"], "torch kornia matplotlib scipy"),
        (["report", "--check"], "torch kornia torchmetrics"),
        (["report", "--check", "--reports", "reports/photographs"], "torch kornia torchmetrics"),
        (["data", "photos"], "torch pandas"),
    ],
)
def test_commands_that_must_be_quick_do_not_import_what_is_slow(command: list[str], heavy: str) -> None:
    code = (
        "import sys; from bench.cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        f"assert not set({heavy.split()!r}) & set(sys.modules) and 'rich' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, *command], cwd=ROOT, check=True, capture_output=True)
