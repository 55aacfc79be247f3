"""The rooms of the house: imports only go down, and what must be quick does not import torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

FLOORS = [  # from the roof down; a module may import from its own line or from those below
    ["bench.__main__"],
    ["bench.entry"],
    ["bench.cli"],
    [
        "bench.cli_baselines",
        "bench.cli_plan",
        "bench.cli_profile",
        "bench.cli_search",
        "bench.cli_studies",
        "bench.cli_verify",
    ],
    ["bench.cli_options"],
    ["bench.profile"],
    ["bench.search"],
    ["bench.report"],
    ["bench.outlook", "bench.why", "bench.bf16"],
    ["bench.price"],
    ["bench.verify"],
    ["bench.runner"],
    ["bench.progress"],
    ["bench.cluster"],
    ["bench.executors"],
    ["bench.catalogue"],
    ["bench.contract"],
    ["bench.costs", "bench.probe", "bench.probe_steps"],
    ["bench.run"],
    ["bench.stages", "bench.watchdog", "bench.damage"],
    ["bench.provenance", "bench.allocator"],
    ["bench.machine"],
    ["bench.build"],
    ["bench.stored"],
    ["bench.study"],
    ["bench.variants"],
    ["bench.axes", "bench.hypothesis", "bench.labels"],
    ["bench.merging", "bench.shipped", "bench.study_file"],
    ["bench.yaml_lines"],
    ["bench.yaml_values"],
    ["bench.measure"],
    ["baselines"],
    ["bench.training"],
    ["bench.models"],
    ["bench.data"],
    ["bench.store"],
    ["bench.lease", "bench.checkpoint_header"],
    ["bench.checksums", "bench.faults"],
    ["bench.config"],
    ["bench.inputs", "bench.interrupts"],
]
MODULES = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")])


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _floor(module: str) -> int:
    return next(i for i, floor in enumerate(FLOORS) if any(f"{module}.".startswith(f"{room}.") for room in floor))


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("bench", "baselines")}


@pytest.mark.parametrize("path", [p for p in MODULES if _module(p) != "bench"], ids=_module)
def test_imports_only_go_down(path: Path) -> None:
    for imported in _imports(path):
        assert _floor(imported) >= _floor(_module(path)), f"{_module(path)} imports {imported}"


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
        "import sys; from bench.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        f"assert not set({heavy.split()!r}) & set(sys.modules) and 'rich' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, *command], cwd=ROOT, check=True, capture_output=True)
