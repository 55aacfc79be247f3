"""What survives a kill: networks, optimisers and training state in one safetensors file, replaced atomically."""

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
    """A file of weights that was read and is not what was written; the message names it."""


def save_checkpoint(path: Path, method: Method, state: dict[str, Any]) -> None:
    """Write weights, optimiser moments and `state` (JSON) so that `load_checkpoint` gives them back bit by bit."""
    with writing(path), _written(path, method, state) as temporary:
        os.replace(temporary, path)


@contextmanager
def _written(path: Path, method: Method, state: dict[str, Any]) -> Iterator[Path]:
    """The checkpoint beside `path`, whole and on the disk."""
    tensors = _network_tensors(method)
    for name, optimizer in method.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            for key, value in moments.items():
                tensors[f"optimizers/{name}/{index}/{key}"] = value.detach().cpu().contiguous()
    words, temporary = json.dumps(state), path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_tensors(tensors, temporary, {"state": words, "sha256": _digest(tensors, words)})
        fsync_file(temporary)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path, method: Method) -> dict[str, Any]:
    """Fill the method in place and give back the state. Raises Damaged and Unreadable."""
    tensors, metadata = load_tensors(path)
    words = metadata.get("state", "")
    if "sha256" in metadata and metadata["sha256"] != _digest(tensors, words):
        raise Damaged(f"{path} is damaged (SHA-256)")
    state: dict[str, Any] = json.loads(words)
    _load_networks(method, tensors)
    for name, optimizer in method.optimizers.items():
        prefix = f"optimizers/{name}/"
        _load_optimizer(optimizer, {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return state


class Checkpoints:
    """The last checkpoint of a run and the one before it, for the case that the last is damaged."""

    def __init__(self, newest: Path, previous: Path) -> None:
        self.newest, self.previous = newest, previous

    def save(self, method: Method, state: dict[str, Any]) -> None:
        """The newest becomes the previous one."""
        with writing(self.newest), _written(self.newest, method, state) as temporary:
            if is_there(self.newest):
                os.replace(self.newest, self.previous)
            os.replace(temporary, self.newest)

    def load(self, method: Method, fell_back: Callable[[str], None] = lambda text: None) -> dict[str, Any] | None:
        """`load_checkpoint` of the newest that is whole; None if there is none. `fell_back` is told of each that is
        damaged, which is removed: the next that is saved may not push a good one out for it. Raises Unreadable, with
        both left as they are."""
        for path in (self.newest, self.previous):
            if is_there(path):
                try:
                    return load_checkpoint(path, method)
                except Damaged:
                    path.unlink()
                    is_left = path == self.newest and is_there(self.previous)
                    instead = "the one before it is used" if is_left else "training begins anew"
                    fell_back(f"{path.name} is damaged; {instead}")
        return None


def _digest(tensors: dict[str, Tensor], words: str) -> str:
    named = (
        (name, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().data) for name, tensor in tensors.items()
    )
    return tensors_sum(words, named)


def save_weights(path: Path, method: Method) -> None:
    """Write the networks alone."""
    save_tensors(_network_tensors(method), path)


def save_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file with the mode that any new file has here; safetensors itself gives it 0600, which shuts
    out a colleague on a shared store."""
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    save_file(tensors, path, metadata)
    path.chmod(mode)


def load_weights(path: Path, method: Method) -> None:
    """Fill the networks in place. Raises Damaged, Unreadable, and RuntimeError with the name of a missing or misshapen
    tensor."""
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
    """moments: "index/name" -> tensor. They take the memory format of their parameter, as the optimiser made them."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in moments.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)]
        like = torch.empty_like(parameter) if value.shape == parameter.shape else value.to(parameter.device)
        optimizer.state[parameter][name] = like.detach().copy_(value)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. Raises Damaged and Unreadable."""
    # All bytes are read before any is understood: a failure to read says nothing of what the file holds.
    try:
        with reading(path):
            content = path.read_bytes()
        return load(content), header(io.BytesIO(content)).get("__metadata__", {})
    except (FileNotFoundError, SafetensorError, *MALFORMED) as error:
        raise Damaged(f"{path} is damaged ({error})") from error
