"""What is remembered of targets: equal scores to the loop one at a time, never a stale value, never too many bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from bench.measure.metrics import load
from bench.measure.metrics.targets import OncePerTarget
from bench.profile.scoring import BATCHED, ONE_AT_A_TIME, scoring_loops

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """Six crops of five photographs, (6, 3, 77, 90) in [0, 1]."""
    whole = [data.astronaut(), data.coffee(), data.chelsea(), *load_sample_images().images]
    crops = [image[100:177, 150:240] for image in whole] + [whole[0][:77, :90]]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous() / 255


@pytest.fixture(scope="module")
def predictions(photos: Tensor) -> Tensor:
    """Noisy, shifted, gray, mirrored, dark, and one that is right."""
    noise = 0.1 * torch.randn(photos[0].shape, generator=torch.Generator().manual_seed(0))
    first, second, third, fourth, fifth, sixth = photos
    gray = third.mean(0, keepdim=True).expand_as(third)
    return torch.stack([(first + noise).clamp(0, 1), second.roll(1, 2), gray, fourth.flip(2), 0.5 * fifth, sixth])


@pytest.mark.parametrize("side", [(64, 64), (77, 90), (77, 64), (21, 22)], ids=str)
def test_batched_scores_are_those_of_the_loop_one_at_a_time(
    side: tuple[int, int], photos: Tensor, predictions: Tensor
) -> None:
    height, width = side
    loops = scoring_loops([(predictions[..., :height, :width], photos[..., :height, :width])], "cpu")
    reference, first, again = loops[ONE_AT_A_TIME](), loops[BATCHED](), loops[BATCHED]()
    assert reference.shape == (6, 3)
    torch.testing.assert_close(first, reference, rtol=0, atol=1e-4)
    torch.testing.assert_close(first[:, 2], reference[:, 2], rtol=0, atol=1e-6)
    assert torch.equal(again, first)
    assert first[5, 2] == 0


@pytest.mark.gpu
def test_they_are_on_a_gpu_too(photos: Tensor, predictions: Tensor) -> None:
    loops = scoring_loops([(predictions, photos)], "cuda")
    reference, first, again = loops[ONE_AT_A_TIME](), loops[BATCHED](), loops[BATCHED]()
    torch.testing.assert_close(first, reference, rtol=0, atol=1e-4)
    torch.testing.assert_close(again, reference, rtol=0, atol=1e-4)


def test_ssim_is_that_of_torchmetrics_in_fp64(photos: Tensor, predictions: Tensor) -> None:
    # in fp32 torchmetrics is up to 2e-5 from its own value in fp64
    pair = predictions.double(), photos.double()
    expected = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none")
    torch.testing.assert_close(load("ssim", "cpu")(predictions, photos).double(), expected, rtol=0, atol=5e-6)


# what is remembered


class Sum:
    """Work that counts how often it is done."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, target: Tensor) -> Tensor:
        self.done += 1
        return target.sum((1, 2, 3))


@pytest.mark.parametrize("name", ["ssim", "st_lpips", "ab_l1", "sharpness", "seam_error", "diversity"])
def test_a_target_changed_in_place_is_another_target(name: str, photos: Tensor, predictions: Tensor) -> None:
    score, target = load(name, "cpu"), photos.clone()
    before = score(predictions, target)
    target[:, :, 40, 45] = 1 - target[:, :, 40, 45]  # one pixel of an image
    changed = score(predictions, target)
    assert not torch.equal(changed, before)
    assert torch.equal(changed, score(predictions, target.clone()))
    target.copy_(photos)
    assert torch.equal(score(predictions, target), before)


def test_work_is_done_once_for_equal_content(photos: Tensor) -> None:
    once, work, other = OncePerTarget(lambda device: 10**9), Sum(), Sum()
    channels_last = photos.contiguous(memory_format=torch.channels_last)
    for target in (photos, photos.clone(), channels_last, channels_last.split(6)[0]):
        assert torch.equal(once(work, target), photos.sum((1, 2, 3)))
    assert work.done == 1
    once(other, photos)
    once(work, photos[:3])
    assert (work.done, other.done) == (2, 1)


@pytest.mark.parametrize("limit", [0, 100_000, 250_000])
def test_memory_is_bounded_and_values_stay_right(limit: int, photos: Tensor) -> None:
    once, work = OncePerTarget(lambda device: limit), Sum()
    kept = 0
    for _ in range(3):
        for image in photos.split(1):  # 83,160 bytes and 4
            assert once(work, image).item() == image.sum((1, 2, 3)).item()
            assert once.kept_bytes(CPU) <= limit
            kept = max(kept, once.kept_bytes(CPU))
    assert kept == limit // 83_164 * 83_164


def test_a_set_that_does_not_fit_is_found_in_part(photos: Tensor) -> None:
    once, work = OncePerTarget(lambda device: 4 * 83_164), Sum()
    for _ in range(20):
        for image in photos.split(1):
            once(work, image)
    assert 40 < work.done < 100  # the least recently used forgotten: 120; at best 6 + 19 x 2 = 44
