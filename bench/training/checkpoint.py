"""Checkpoints: networks, optimisers and training state in one safetensors file, replaced atomically."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor
from torch.optim import Optimizer

from bench.errors import is_there, reading, writing
from bench.store.checkpoint_header import MALFORMED, header
from bench.store.checksums import fsync_file, tensors_sum
from bench.training.method import Method


class Damaged(Exception):
    """A weights file does not hold what was written to it; the message names the file."""


def save_checkpoint(path: Path, method: Method, state: dict[str, Any]) -> None:
    """Write weights, optimiser moments and `state` (JSON); `load_checkpoint` restores them bit by bit."""
    with writing(path), _temporary_checkpoint(path, method, state) as temporary:
        os.replace(temporary, path)


@contextmanager
def _temporary_checkpoint(path: Path, method: Method, state: dict[str, Any]) -> Iterator[Path]:
    """A complete checkpoint next to `path`, synced to disk; it is removed unless the caller moves it."""
    tensors = _network_tensors(method)
    for name, optimizer in method.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            for key, value in moments.items():
                tensors[f"optimizers/{name}/{index}/{key}"] = value.detach().cpu().contiguous()
    state_json, temporary = json.dumps(state), path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_tensors(tensors, temporary, {"state": state_json, "sha256": _digest(tensors, state_json)})
        fsync_file(temporary)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path, method: Method) -> dict[str, Any]:
    """Fill the method in place and return the state. Raises Damaged and Unreadable."""
    tensors, metadata = load_tensors(path)
    state_json = metadata.get("state", "")
    if metadata.get("sha256") != _digest(tensors, state_json):
        raise Damaged(f"{path} is damaged (SHA-256)")
    state: dict[str, Any] = json.loads(state_json)
    _load_networks(method, tensors)
    for name, optimizer in method.optimizers.items():
        prefix = f"optimizers/{name}/"
        _load_optimizer(optimizer, {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return state


class Checkpoints:
    """The newest checkpoint of a run, and the previous one in case the newest is damaged."""

    def __init__(self, newest: Path, previous: Path) -> None:
        self.newest, self.previous = newest, previous

    def save(self, method: Method, state: dict[str, Any]) -> None:
        """Write a checkpoint; the newest until now becomes the previous one."""
        with writing(self.newest), _temporary_checkpoint(self.newest, method, state) as temporary:
            if is_there(self.newest):
                os.replace(self.newest, self.previous)
            os.replace(temporary, self.newest)

    def load(self, method: Method, fell_back: Callable[[str], None] = lambda text: None) -> dict[str, Any] | None:
        """Load the newest undamaged checkpoint and return its state, or None if there is none.

        A damaged checkpoint is removed, so that the next save does not replace a good one with it, and reported to
        `fell_back`. Raises Unreadable and then removes nothing.
        """
        for path in (self.newest, self.previous):
            if is_there(path):
                try:
                    return load_checkpoint(path, method)
                except Damaged:
                    path.unlink()
                    has_previous = path == self.newest and is_there(self.previous)
                    consequence = "the previous one is used" if has_previous else "training starts again"
                    fell_back(f"{path.name} is damaged; {consequence}")
        return None


def _digest(tensors: dict[str, Tensor], state_json: str) -> str:
    named = (
        (name, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().data) for name, tensor in tensors.items()
    )
    return tensors_sum(state_json, named)


def save_weights(path: Path, method: Method) -> None:
    """Write the networks only."""
    save_tensors(_network_tensors(method), path)


def save_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file with the mode that the umask gives."""
    # safetensors creates files with mode 0600, which colleagues cannot read on a shared store.
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    save_file(tensors, path, metadata)
    path.chmod(mode)


def load_weights(path: Path, method: Method) -> None:
    """Fill the networks in place. Raises Damaged, Unreadable, and RuntimeError that names a tensor which is missing or
    has another shape."""
    _load_networks(method, load_tensors(path)[0])


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
    """Restore the optimiser's state from moments: "index/name" -> tensor."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in moments.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)]
        # Moments have the memory format of their parameter; another one would change the order of the arithmetic.
        like = torch.empty_like(parameter) if value.shape == parameter.shape else value.to(parameter.device)
        optimizer.state[parameter][name] = like.detach().copy_(value)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. Raises Damaged and Unreadable."""
    # Read all bytes before parsing any: an error of the disk must not pass for a damaged file.
    try:
        with reading(path):
            content = path.read_bytes()
        return load(content), header(io.BytesIO(content)).get("__metadata__", {})
    except (FileNotFoundError, SafetensorError, *MALFORMED) as error:
        raise Damaged(f"{path} is damaged ({error})") from error
