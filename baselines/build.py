"""Builds the method that a config names: a registered one, or a `module:Class` of the user's own."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from baselines import METHODS
from baselines.custom import is_outside, source_of
from bench.config import RunConfig
from bench.data.tasks import Task
from bench.training.method import Method


def build_method(config: RunConfig, task: Task, device: torch.device) -> Method:
    """The method that the config names, with fresh weights drawn from config.seed."""
    target = config.method if is_outside(config.method) else METHODS[config.method]
    if is_outside(config.method):
        # Adds the current folder to the import path, and refuses a name that Python would import from elsewhere.
        source_of(config.method)
    module, _, name = target.partition(":")
    try:
        factory: Any = getattr(importlib.import_module(module), name)
    except SystemExit as error:  # raised by the user's module
        raise ImportError(f"{module} ends the program when it is imported (exit {error.code})") from None
    method: Method = factory(config, task.in_channels, task.out_channels, device)
    return method
