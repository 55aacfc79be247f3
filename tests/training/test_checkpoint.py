"""What is saved comes back bit by bit, laid out in memory as it was."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.checkpoint import Damaged, load_checkpoint, load_weights, save_checkpoint, save_weights
from bench.training.gan import GAN
from bench.training.method import Progress

STATE: dict[str, Any] = {"step": 4, "seconds": 0.1 + 0.2, "window": [{"l1": 1 / 3}], "curve": [{"name": "l1"}]}


def build(seed: int = 0, pretrain_steps: int = 1, ema: float | None = 0.9, width: int = 4) -> GAN:
    fields = {
        "data": {"image_size": 32},
        "generator": {"width": width, "depth": 2},
        "tiling": {"grid": 2},
        "discriminator": {"width": 4},
        "train": {"steps": 10, "pretrain_steps": pretrain_steps, "batch_size": 2, "ema": ema},
        "seed": seed,
    }
    return GAN(RunConfig.model_validate(fields), 1, 2, torch.device("cpu"))


def learn(gan: GAN, first: int, steps: int) -> list[dict[str, float]]:
    losses = []
    for step in range(first, first + steps):
        noise = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(step)) * 2 - 1
        update = gan.update(Batch(noise[:, :1], noise[:, 1:]), Progress(step, step / 10))
        losses.append({name: loss.item() for name, loss in update.items()})
    return losses


def moments(gan: GAN) -> dict[str, Tensor]:
    """network/index/name -> the optimisers' tensors."""
    return {
        f"{name}/{index}/{key}": value
        for name, optimizer in gan.optimizers.items()
        for index, parameter in enumerate(optimizer.param_groups[0]["params"])
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def values(gan: GAN) -> dict[str, Tensor]:
    return {f"{n}/{key}": value for n, network in gan.networks.items() for key, value in network.state_dict().items()}


@pytest.fixture
def trained() -> GAN:
    gan = build()
    learn(gan, 0, 4)
    return gan


@pytest.fixture
def file(tmp_path: Path, trained: GAN) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, trained, STATE)
    return path


def assert_identical(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
        assert (value.dtype, value.stride()) == (theirs[name].dtype, theirs[name].stride()), name


def test_everything_comes_back_bit_by_bit_and_laid_out_as_it_was(trained: GAN, file: Path) -> None:
    other = build(seed=1)
    assert load_checkpoint(file, other) == STATE
    assert_identical(values(other), values(trained))
    assert_identical(moments(other), moments(trained))
    # channels_last, or the comparison of strides would say nothing: (out, in, 4, 4) with the channels innermost
    assert trained.optimizers["generator"].state[trained.generator.unet.up[0].conv.weight]["exp_avg"].stride(1) == 1


def test_the_loaded_method_goes_on_as_the_saved_one(trained: GAN, file: Path) -> None:
    other = build(seed=1)
    load_checkpoint(file, other)
    assert learn(other, 4, 3) == learn(trained, 4, 3)
    assert_identical(values(other), values(trained))
    assert_identical(moments(other), moments(trained))


def test_saving_changes_nothing(trained: GAN, tmp_path: Path) -> None:
    quiet = build()
    learn(quiet, 0, 4)
    save_checkpoint(tmp_path / "a", trained, STATE)
    assert learn(trained, 4, 2) == learn(quiet, 4, 2)


def test_what_d_has_not_learned_yet_is_not_made_up(tmp_path: Path) -> None:
    gan, other = build(pretrain_steps=5), build(seed=1, pretrain_steps=5)
    learn(gan, 0, 3)
    save_checkpoint(tmp_path / "a", gan, STATE)
    load_checkpoint(tmp_path / "a", other)
    assert not other.optimizers["discriminator"].state
    assert learn(other, 3, 4) == learn(gan, 3, 4)  # over the end of pretraining


def test_the_file_is_safetensors_without_pickle_and_without_padding(file: Path, trained: GAN) -> None:
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])  # the format: the length of a JSON header, the header, the tensors
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header.pop("__metadata__")["state"]) == STATE
    tensors = [*values(trained).values(), *moments(trained).values()]
    assert len(header) == len(tensors)
    assert len(content) == 8 + length + sum(t.numel() * t.element_size() for t in tensors)


def test_a_save_replaces_the_file_and_leaves_nothing_beside_it(trained: GAN, file: Path) -> None:
    save_checkpoint(file, trained, {**STATE, "step": 5})
    assert load_checkpoint(file, trained)["step"] == 5
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_named(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(Damaged, match=file.name):
        load_checkpoint(file, build())


def test_weights_are_the_networks_alone(trained: GAN, tmp_path: Path) -> None:
    save_weights(tmp_path / "weights.safetensors", trained)
    with safe_open(tmp_path / "weights.safetensors", framework="pt") as opened:
        assert sorted(opened.keys()) == sorted(f"networks/{name}" for name in values(trained))
    other = build(seed=1)
    load_weights(tmp_path / "weights.safetensors", other)
    assert_identical(values(other), values(trained))


def test_weights_of_another_model_are_refused_by_name(trained: GAN, tmp_path: Path) -> None:
    save_weights(tmp_path / "weights.safetensors", trained)
    with pytest.raises(RuntimeError, match=r"size mismatch for unet\.down\.0\.conv\.weight"):
        load_weights(tmp_path / "weights.safetensors", build(width=8))
    without = build(ema=None)
    save_weights(tmp_path / "weights.safetensors", without)
    with pytest.raises(RuntimeError, match="Missing key"):
        load_weights(tmp_path / "weights.safetensors", trained)


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_files_follow_the_umask(trained: GAN, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        save_checkpoint(tmp_path / "checkpoint.safetensors", trained, STATE)
        save_weights(tmp_path / "weights.safetensors", trained)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o666 & ~umask}
