"""FID and KID against SciPy, torchmetrics and a kernel by hand, their network without its weights, and the reasons.

The real loading code runs on an Inception of random weights, and without a network.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from skimage import data
from torch import Tensor, nn

from bench.measure.metrics import Unavailable, load
from bench.measure.metrics.distribution import (
    URL,
    frechet_distance,
    inception_features,
    inception_network,
    kernel_distance,
    weights_path,
)

FILE = "weights-inception-2015-12-05-6726825d.pth"

needs_torch_fidelity = pytest.mark.skipif(find_spec("torch_fidelity") is None, reason="torch-fidelity is an extra")
pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture(scope="session")
def random_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the right name and layout, and random weights: torchvision's Inception names its tensors alike."""
    from torchvision.models import Inception3

    path = tmp_path_factory.mktemp("inception") / "checkpoints" / FILE
    path.parent.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Inception3(num_classes=1008, aux_logits=False, init_weights=False)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):  # torch's own start fades layer by layer: all features would be 0
                nn.init.kaiming_normal_(module.weight)
        torch.save({k: v for k, v in network.state_dict().items() if "num_batches" not in k}, path)
    return path


@pytest.fixture
def inception(hub: None, monkeypatch: pytest.MonkeyPatch, random_inception: Path) -> Path:
    """torch.hub looks at the random Inception."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(random_inception.parent.parent))
    return random_inception


@pytest.fixture(scope="session")
def sets() -> tuple[Tensor, Tensor]:
    """Noisy and true crops of a photograph, (4, 3, 40, 48) each, in steps of 1/255."""
    photo = torch.from_numpy(np.array(data.astronaut())).permute(2, 0, 1) / 255
    target = torch.stack([photo[:, y : y + 40, x : x + 48] for y in (0, 300) for x in (100, 300)])
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    return ((target + 0.1 * noise).clamp(0, 1) * 255).round() / 255, target


def random_features(count: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)).double() + shift


# the formulas


@pytest.mark.parametrize("count", [40, 300])
def test_frechet_distance_is_the_closed_formula(count: int) -> None:
    ours, theirs = random_features(count, 0, shift=0.2) * torch.linspace(0.5, 2, 16), random_features(50, 1)
    cov1, cov2 = (np.cov(x.numpy(), rowvar=False) for x in (ours, theirs))
    between = (ours.mean(0) - theirs.mean(0)).square().sum().item()
    expected = between + np.trace(cov1 + cov2 - 2 * sqrtm(cov1 @ cov2).real)
    assert frechet_distance(ours, theirs).item() == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_two_images_by_hand() -> None:
    ours, theirs = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[3.0, 0.0], [3.0, 4.0]])
    # means 1, 0 and 3, 2: 8 apart; covariances diag(2, 0) and diag(0, 8), whose product is 0
    assert frechet_distance(ours.double(), theirs.double()).item() == pytest.approx(8 + 2 + 8, abs=1e-12)


def test_kernel_distance_of_one_subset_by_hand() -> None:
    ours, theirs = random_features(20, 0, shift=0.3), random_features(20, 1)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / 16 + 1) ** 3

    others = ~torch.eye(20, dtype=torch.bool)
    expected = (
        kernel(ours, ours)[others].mean() + kernel(theirs, theirs)[others].mean() - 2 * kernel(ours, theirs).mean()
    )
    assert kernel_distance(ours, theirs).item() == pytest.approx(expected.item(), rel=1e-9)


def test_subsets_of_many_images_are_the_same_every_time_and_leave_torchs_random_numbers_alone() -> None:
    ours, theirs = random_features(120, 0, shift=0.5), random_features(120, 1)
    before = torch.random.get_rng_state()
    first = kernel_distance(ours, theirs)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(1)
    assert torch.equal(kernel_distance(ours, theirs), first)
    both = torch.cat([ours[:50], ours[:50]]), torch.cat([theirs[:50], theirs[:50]])  # of more than 50, so 100 subsets
    assert kernel_distance(*both).item() == pytest.approx(kernel_distance(ours[:50], theirs[:50]).item(), rel=0.2)


# the network


@functools.cache
def features_by_hand(inception: Path, sets: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    network = inception_network(inception, "cpu")
    ours, theirs = (network((255 * images).round().byte()).double() for images in sets)
    return ours, theirs


@needs_torch_fidelity
@pytest.mark.parametrize(("name", "distance"), [("fid", frechet_distance), ("kid", kernel_distance)])
def test_the_score_is_the_distance_of_the_networks_features(
    name: str, distance: object, sets: tuple[Tensor, Tensor], inception: Path
) -> None:
    ours, theirs = features_by_hand(inception, sets)
    score = load(name, "cpu")(*sets)
    assert score.shape == (1,)
    assert score.dtype == torch.float32
    assert score.item() == pytest.approx(distance(ours, theirs).item(), rel=1e-4)  # type: ignore[operator]
    assert score > 0


@needs_torch_fidelity
@pytest.mark.usefixtures("inception")
def test_identical_sets(sets: tuple[Tensor, Tensor]) -> None:
    _, target = sets
    assert load("fid", "cpu")(target, target).item() == pytest.approx(0, abs=1e-6)
    assert load("kid", "cpu")(target, target).item() < 0  # what is paired is nearer than the unbiased estimate expects


@needs_torch_fidelity
@pytest.mark.slow
def test_fid_and_kid_are_those_of_torchmetrics(sets: tuple[Tensor, Tensor], inception: Path) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    network = inception_network(inception, "cpu")
    fid = FrechetInceptionDistance(feature=network)
    with pytest.warns(UserWarning, match="will save all extracted features"):
        kid = KernelInceptionDistance(feature=network, subset_size=4, subsets=1)
    for images, real in zip(sets, (False, True), strict=True):
        fid.update((255 * images).round().byte(), real=real)
        kid.update((255 * images).round().byte(), real=real)
    assert load("fid", "cpu")(*sets).item() == pytest.approx(fid.compute().item(), abs=1e-3)
    assert load("kid", "cpu")(*sets).item() == pytest.approx(kid.compute()[0].item(), abs=1e-5)


@needs_torch_fidelity
@pytest.mark.usefixtures("inception")
def test_scores_are_fp32_under_autocast_and_without_gradients(sets: tuple[Tensor, Tensor]) -> None:
    expected = [load(name, "cpu")(*sets) for name in ("fid", "kid")]
    load.cache_clear()
    inception_features.cache_clear()  # or features would be remembered
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = [load(name, "cpu")(sets[0].clone().requires_grad_(), sets[1]) for name in ("fid", "kid")]
    assert not any(score.requires_grad for score in inside)
    assert inside == expected


@needs_torch_fidelity
@pytest.mark.usefixtures("inception")
def test_the_network_is_read_once_and_sees_a_set_once(sets: tuple[Tensor, Tensor]) -> None:
    inception_features.cache_clear()
    for name in ("fid", "kid"):
        load(name, "cpu")
    assert inception_features.cache_info().misses == 1
    features = inception_features(weights_path(), "cpu")
    first, second = (images[:1] for images in sets)
    seen = features(first)
    assert features(first.clone()) is seen  # by content
    assert not torch.equal(features(second), seen)
    for level in range(3):  # one set too many: the oldest goes
        features(torch.full((1, 3, 8, 8), level / 255))
    again = features(first)
    assert again is not seen
    assert torch.equal(again, seen)


@needs_torch_fidelity
@pytest.mark.parametrize("name", ["fid", "kid"])
@pytest.mark.usefixtures("inception")
def test_one_image_is_no_distribution(name: str, photo: Tensor) -> None:
    with pytest.raises(Unavailable, match="compare sets of images; there is only one"):
        load(name, "cpu")(photo, photo)


@needs_torch_fidelity
@pytest.mark.usefixtures("inception")
def test_a_pixel_that_is_not_a_number_makes_the_score_none(sets: tuple[Tensor, Tensor]) -> None:
    broken = sets[0].clone()
    broken[1, 2, 3, 4] = torch.nan
    assert load("fid", "cpu")(broken, sets[1]).isnan().all()


@needs_torch_fidelity
def test_the_file_is_the_one_that_torch_fidelity_asks_for() -> None:
    assert import_module("torch_fidelity.feature_extractor_inceptionv3").URL_INCEPTION_V3 == URL


# what is not there


@pytest.mark.parametrize("name", ["fid", "kid"])
def test_without_torch_fidelity_it_is_unavailable_and_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)  # as if it were not installed
    with pytest.raises(Unavailable, match=r"^FID and KID need torch-fidelity: pip install 'gan-bench\[fid\]'$"):
        load(name, "cpu")


@needs_torch_fidelity
def test_without_weights_or_network_it_is_unavailable_until_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_inception: Path, sets: tuple[Tensor, Tensor]
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(
        Unavailable, match=f"^Inception weights .*not downloadable.*put {FILE} into .*checkpoints$"
    ) as first:
        load("fid", "cpu")
    monkeypatch.setenv("https_proxy", "nonsense://nowhere")  # the network is not asked again
    with pytest.raises(Unavailable) as second:
        load("kid", "cpu")
    assert str(second.value) == str(first.value)
    (tmp_path / "checkpoints" / FILE).symlink_to(random_inception)
    assert load("kid", "cpu")(*sets).isfinite().all()


@needs_torch_fidelity
@pytest.mark.parametrize("content", [b"<html>log in to the wireless network</html>", {"fc.bias": torch.zeros(3)}, 3])
def test_a_broken_file_is_unavailable(content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    file = tmp_path / "checkpoints" / FILE
    file.parent.mkdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(Unavailable, match=f"^Inception weights: .*{FILE} cannot be read"):
        load("fid", "cpu")
