"""What survives a kill: networks, optimisers and training state in one safetensors file, replaced atomically."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from bench.training.method import Method


class Damaged(Exception):
    """A file of weights that cannot be read; the message names it."""


def save_checkpoint(path: Path, method: Method, state: dict[str, Any]) -> None:
    """Write weights, optimiser moments and `state` (JSON) so that `load_checkpoint` gives them back bit by bit."""
    tensors = _network_tensors(method)
    for name, optimizer in method.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            for key, value in moments.items():
                tensors[f"optimizers/{name}/{index}/{key}"] = value.detach().cpu().contiguous()
    _save(path, tensors, {"state": json.dumps(state)})


def load_checkpoint(path: Path, method: Method) -> dict[str, Any]:
    """Fill the method in place and give back the state. Raises Damaged."""
    tensors, metadata = _load(path)
    state: dict[str, Any] = json.loads(metadata["state"])
    _load_networks(method, tensors)
    for name, optimizer in method.optimizers.items():
        prefix = f"optimizers/{name}/"
        _load_optimizer(optimizer, {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return state


def save_weights(path: Path, method: Method) -> None:
    """Write the networks alone."""
    _save(path, _network_tensors(method), {})


def load_weights(path: Path, method: Method) -> None:
    """Fill the networks in place. Raises Damaged, and RuntimeError with the name of a missing or misshapen tensor."""
    _load_networks(method, _load(path)[0])


def _network_tensors(method: Method) -> dict[str, Tensor]:
    return {
        f"networks/{name}/{key}": value.detach().cpu().contiguous()
        for name, network in method.networks.items()
        for key, value in network.state_dict().items()
    }


def _load_networks(method: Method, tensors: dict[str, Tensor]) -> None:
    for name, network in method.networks.items():
        prefix = f"networks/{name}/"
        network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})


def _load_optimizer(optimizer: Optimizer, moments: dict[str, Tensor]) -> None:
    """moments: "index/name" -> tensor. They take the memory format of their parameter, as the optimiser made them."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in moments.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)]
        like = torch.empty_like(parameter) if value.shape == parameter.shape else value.to(parameter.device)
        optimizer.state[parameter][name] = like.detach().copy_(value)


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    except SafetensorError as error:
        raise Damaged(f"{path} is damaged ({error})") from error


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    save_file(tensors, temporary, metadata)
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
