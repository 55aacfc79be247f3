"""What tests of several metrics use: a photograph, a noisy copy, a hole, and an LPIPS trunk that needs no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor
from torchvision.models import AlexNet

from bench.measure.metrics import load


@pytest.fixture(scope="session")
def photo() -> Tensor:
    """(1, 3, 96, 128) in [0, 1]."""
    image = np.ascontiguousarray(data.astronaut()[60:156, 160:288])
    return torch.from_numpy(image).permute(2, 0, 1)[None] / 255


@pytest.fixture(scope="session")
def noisy(photo: Tensor) -> Tensor:
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    return (photo + 0.05 * noise).clamp(0, 1)


@pytest.fixture(scope="session")
def hole() -> Tensor:
    """(1, 1, 96, 128): 1 where pixels are missing, a rectangle of 40 x 50."""
    mask = torch.zeros(1, 1, 96, 128)
    mask[..., 20:60, 30:80] = 1
    return mask


@pytest.fixture(scope="session")
def random_trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AlexNet file that has the right name, layout and dtype, and random weights: the real one is 233 MB."""
    path = tmp_path_factory.mktemp("hub") / "checkpoints" / "alexnet-owt-7be5be79.pth"
    path.parent.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(AlexNet().state_dict(), path)
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, random_trunk: Path) -> None:
    """torch.hub looks at the random trunk, no score is loaded yet, and the network is a proxy that is not there."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(random_trunk.parent.parent))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    load.cache_clear()
