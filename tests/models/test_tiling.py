"""Cutting, stitching and shrinking, on numbers that can be read off."""

from __future__ import annotations

import pytest
import torch

from bench.models.tiling import cut, cut_with_context, shrink, stitch

IMAGE = torch.arange(16.0).view(1, 1, 4, 4)
TILES = torch.tensor(
    [
        [[0, 1], [4, 5]],
        [[2, 3], [6, 7]],
        [[8, 9], [12, 13]],
        [[10, 11], [14, 15]],
    ]
).float()[:, None]  # (4, 1, 2, 2)
SHRUNK = torch.tensor([[2.5, 4.5], [10.5, 12.5]]).view(1, 1, 2, 2)


def test_cut_goes_row_by_row() -> None:
    assert torch.equal(cut(IMAGE, 2), TILES)


def test_the_tiles_of_one_image_stay_together() -> None:
    assert torch.equal(cut(torch.cat([IMAGE, IMAGE + 100]), 2), torch.cat([TILES, TILES + 100]))


def test_stitch_puts_tiles_row_by_row() -> None:
    assert torch.equal(stitch(TILES, 2), IMAGE)


@pytest.mark.parametrize("grid", [1, 2, 4])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_cut_and_stitch_are_inverse(grid: int, layout: torch.memory_format) -> None:
    x = torch.arange(3 * 2 * 8 * 16.0).view(3, 2, 8, 16).contiguous(memory_format=layout)
    tiles = cut(x, grid)
    assert tiles.shape == (3 * grid**2, 2, 8 // grid, 16 // grid)
    assert torch.equal(stitch(tiles, grid), x)
    assert torch.equal(cut(stitch(tiles, grid), grid), tiles)


def test_shrink_is_the_mean_of_every_square() -> None:
    assert torch.equal(shrink(IMAGE, 2), SHRUNK)
    assert torch.equal(shrink(IMAGE, 4), torch.full((1, 1, 1, 1), 7.5))


def test_a_grid_of_1_changes_nothing() -> None:
    for change in (cut, stitch, shrink):
        assert torch.equal(change(IMAGE, 1), IMAGE)


def test_context_is_the_shrunk_whole_of_the_tile_s_own_image() -> None:
    images = torch.cat([IMAGE, IMAGE + 100])
    tiles = cut_with_context(images, 2, context=True)
    assert torch.equal(tiles[:, :1], cut(images, 2))
    assert torch.equal(tiles[:4, 1:], SHRUNK.expand(4, 1, 2, 2))
    assert torch.equal(tiles[4:, 1:], SHRUNK.expand(4, 1, 2, 2) + 100)


def test_context_comes_after_all_of_the_tile_s_channels() -> None:
    tiles = cut_with_context(torch.cat([IMAGE, -IMAGE], dim=1), 2, context=True)
    assert torch.equal(tiles[:1], torch.cat([TILES[:1], -TILES[:1], SHRUNK, -SHRUNK], dim=1))


def test_without_context_there_are_only_tiles() -> None:
    assert torch.equal(cut_with_context(IMAGE, 2, context=False), TILES)
