"""LPIPS: the perceptual distance that the field reports, from the `lpips` package, or the reason why it is missing."""

from __future__ import annotations

import functools
import http.client
import pickle
import socket
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import first_line
from bench.measure.metrics import ImageScore, Unavailable
from bench.measure.metrics.targets import of_target

TIMEOUT_S = 10.0  # of one connection or read while the trunk is downloaded


def load_lpips(device: str) -> ImageScore:
    """LPIPS v0.1 with the AlexNet trunk (Zhang et al. 2018): (B, 3, H, W) in [0, 1], twice -> (B,), 0 where identical.

    The linear heads ship with `lpips`; the trunk is torchvision's, downloaded (233 MB) on first use into torch.hub's
    directory. Raises Unavailable if that fails or the file is no good. The network is tried once a process.
    """
    from torchvision.models import AlexNet_Weights

    url = AlexNet_Weights.IMAGENET1K_V1.url
    return lpips_network(url, Path(torch.hub.get_dir(), "checkpoints", Path(url).name), device)


class SharedLPIPS(nn.Module):
    """The parts of `lpips.LPIPS` in their own order, but a target that is known does not go through the trunk."""

    def __init__(self, published: Any) -> None:
        super().__init__()
        self.published = published

    def features(self, rgb: Tensor) -> list[Tensor]:
        """RGB (B, 3, H, W) in [0, 1] -> five layers, each of unit length over its channels at every position."""
        from lpips import normalize_tensor

        layers = self.published.net(self.published.scaling_layer(2 * rgb - 1))
        return [normalize_tensor(layer) for layer in layers]

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1], twice -> distances (B,)."""
        distance = prediction.new_zeros(len(prediction))
        layers = zip(self.published.lins, self.features(prediction), of_target(self.features, target), strict=True)
        for head, ours, theirs in layers:
            distance += head((ours - theirs).square_()).mean((1, 2, 3))
        return distance


@functools.cache
def lpips_network(url: str, trunk: Path, device: str) -> SharedLPIPS:
    """The network, with the trunk from torch.hub's directory; read once, for the whole image and for regions of it."""
    import lpips

    fetch("AlexNet", url, trunk)
    try:
        with warnings.catch_warnings():
            # lpips 0.1.4 still says pretrained=True, which torchvision deprecates
            warnings.filterwarnings("ignore", message="(The parameter 'pretrained'|Arguments other than a weight)")
            network = SharedLPIPS(lpips.LPIPS(net="alex", version="0.1", verbose=False))
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise Unavailable(f"AlexNet weights: {shown(trunk)} cannot be read ({first_line(error)})") from error
    return network.requires_grad_(False).to(device)


def fetch(name: str, url: str, path: Path) -> None:
    """Download these weights unless they are there. Raises Unavailable with the reason and where to put the file."""
    if not path.exists() and (error := download(url, path)):
        raise Unavailable(
            f"{name} weights not present and not downloadable ({error}); put {path.name} into {shown(path.parent)}"
        )


@functools.cache
def download(url: str, path: Path) -> str | None:
    """Fetch `url` to `path`; returns None, or what went wrong, which is remembered for the rest of the process."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # torchvision and torch-fidelity name their files <name>-<start of the sha256>.pth
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rpartition("-")[2], progress=False)
    except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: not the file that it should be
        return first_line(error)
    finally:
        socket.setdefaulttimeout(timeout)
    return None


def shown(path: Path) -> Path:
    """With ~ for the home folder: reports that are passed on should not name it."""
    return Path("~", path.relative_to(Path.home())) if path.is_relative_to(Path.home()) else path
