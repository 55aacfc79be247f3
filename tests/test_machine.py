"""Which device a run gets, and that torch is not asked where the answer is plain."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from bench.errors import InputError
from bench.machine import resolve_device


def test_auto_is_what_torch_finds() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(InputError, match="--device cuda: "):
        resolve_device("cuda")


def test_who_only_hands_runs_to_workers_does_not_import_torch() -> None:
    code = (
        "import sys, bench.cli.main, bench.report.write\n"
        "from bench.machine import Machine, resolve_device\n"
        "from bench.runs.runner import default_workers\n"
        "assert default_workers(Machine(resolve_device('cpu')), 1) == 1\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
