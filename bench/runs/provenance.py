"""Describes what a run is made with: code, versions, machine, settings that decide the last bits, command."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from bench.machine import MAKE, processor_name

PACKAGES = ("torch", "torchvision", "torchmetrics", "stlpips_pytorch", "fvcore", "kornia", "numpy")


def describe(device: torch.device, command: str = "") -> dict[str, str | int]:
    """Flat values for run.json and reports; without times, and without paths but those in the command."""
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        **_cuda(device),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "determinism": _determinism(device),
        "code": _code(),
        **({"command": command} if command else {}),
    }


def has_same_make(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two descriptions name the same software and device; `cuda` is absent on the CPU."""
    return all(one.get(name) == other.get(name) for name in MAKE)


def device_name(device: torch.device) -> str:
    """The GPU's or the processor's name, with its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor_name()


def _cuda(device: torch.device) -> dict[str, str]:
    """For a GPU: the CUDA and cuDNN that torch was built with, and the driver."""
    if device.type != "cuda":
        return {}
    cudnn: Any = torch.backends.cudnn
    return {"cuda": str(torch.version.cuda), "cudnn": str(cudnn.version()), "driver": _driver()}


@cache
def _driver() -> str:
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return str(pynvml.nvmlSystemGetDriverVersion())
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # NVML's own classes, and what a missing library raises
        return "unknown"


def _determinism(device: torch.device) -> str:
    """The switches that decide whether the same run gives the same bits."""
    switches = ["deterministic algorithms"] if torch.are_deterministic_algorithms_enabled() else []
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn
        switches += ["cudnn deterministic"] if cudnn.deterministic else []
        switches += ["cudnn benchmark"] if cudnn.benchmark else []
        switches += [f"cudnn fp32 {cudnn.conv.fp32_precision}", f"matmul fp32 {torch.get_float32_matmul_precision()}"]
    return ", ".join(switches) or "torch's defaults"


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def _code() -> str:
    """The commit of this package's source, marked when files differ from it."""
    here = Path(__file__).parents[1]
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=here, capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    return commit.stdout.strip() or "unknown"
