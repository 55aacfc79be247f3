"""The rooms of the house: imports only go down, and what must be quick does not import torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

MODULES = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")])


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=_module)
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
