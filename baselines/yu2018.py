"""Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.coarse_to_fine import SameConv2d, TwoStage, check_size, complete, glorot, holed, paste
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.randomness import seeded
from bench.training.method import Progress
from bench.training.trainable import autocast, step

# The authors' release, JiahuiYu/generative_inpainting, tag v1.0.0: inpaint_model.py (widths), inpaint.yml (weights of
# the losses), train.py (Adam, critic updates).
WIDTH = 32
GLOBAL_WIDTHS, LOCAL_WIDTHS = (64, 128, 256, 256), (64, 128, 256, 512)
LEARNING_RATE, BETAS = 1e-4, (0.5, 0.9)
CRITIC_UPDATES = 5  # per iteration
GAN_WEIGHT, PENALTY_WEIGHT = 1e-3, 10.0
HOLE_WEIGHT, KNOWN_WEIGHT, COARSE_WEIGHT = 1.2, 1.2, 1.2  # COARSE_WEIGHT applies inside each of the other two
DISCOUNT = 0.9  # the paper has 0.99; the authors trained with 0.9 and advise it at 256 px (their issue 74)


class Yu2018:
    """Coarse and refinement network with contextual attention, against a global and a local WGAN-GP critic.

    G's loss has three terms: L1 in the hole, discounted with the distance to the known pixels; L1 outside the hole; and
    the critics' scores of the image with its hole filled. L1 applies to both stages, the scores to the second alone.
    Needs batch.mask, whatever task.mask_known says. Initial weights are Glorot's uniform ones.

    Where paper and release differ, this follows the release, with which the authors' weights were trained: convolutions
    are padded with zeros, not by reflection (their issue 40). Deviations: the five critic updates of an iteration share
    one batch, with new mixtures. Every image has its own hole of side task.hole (the release: 96 to 128 px), and the
    local critic sees a square of half the image's side around it (128 at 256 px, as published). The discounted L1
    covers the hole, counted from its own rim and divided by its pixels; the release's covers the whole square. The two
    agree for a hole of half the side; a smaller hole is discounted less here. G is the same at all sizes; the critics'
    linear layers shrink with the image.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels, out_channels  # RGB
        size = config.data.image_size
        check_size(size)
        self.config, self.device = config, device
        self.side = max(size // 2, round(config.task.hole * size))  # of the local critic's square
        with seeded(device, config.seed, "yu2018"):
            generator = TwoStage(WIDTH, gated=False, sees_mask=True, squash=_clip)
            critics = nn.ModuleDict({"global": Critic(GLOBAL_WIDTHS, size), "local": Critic(LOCAL_WIDTHS, self.side)})
            glorot(generator)
            glorot(critics)
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        # The critics stay contiguous: in channels_last the gradient penalty's second derivatives are slower.
        self.critics = critics.to(device)
        self.networks: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator_global": self.critics["global"],
            "discriminator_local": self.critics["local"],
        }
        self.optimizers: dict[str, Optimizer] = {
            "generator": Adam(self.generator.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True),
            "discriminator": Adam(self.critics.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True),
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        images, mask = holed(batch)
        with autocast(self.device, self.config.train):
            coarse, fine = self.generator(images, mask)
        filled = paste(fine, images, mask)
        square = around(mask, self.side)
        real, masks = self._views(batch.target, square), self._views(mask, square)
        losses: dict[str, Tensor] = {}
        with seeded(self.device, self.config.seed, progress.step):
            fake = self._views(filled.detach(), square)
            for _ in range(CRITIC_UPDATES):
                losses["d_wasserstein"] = self._distance(fake, real)
                losses["d_penalty"] = self._penalty(real, fake, masks)
                loss = losses["d_wasserstein"] + PENALTY_WEIGHT * losses["d_penalty"]
                step(self.optimizers["discriminator"], self.critics, loss)
        losses["l1_hole"] = _l1_of_both(coarse, fine, batch.target, discount(mask) * mask, mask)
        losses["l1_known"] = _l1_of_both(coarse, fine, batch.target, 1 - mask, 1 - mask)
        losses["g_adversarial"] = -self._score(self._views(filled, square)).mean(dim=0).sum()
        l1 = HOLE_WEIGHT * losses["l1_hole"] + KNOWN_WEIGHT * losses["l1_known"]
        step(self.optimizers["generator"], self.generator, l1 + GAN_WEIGHT * losses["g_adversarial"])
        return {name: loss.detach() for name, loss in losses.items()}

    def predict(self, batch: Batch) -> Tensor:
        return complete(self.generator, batch, self.device, self.config.train)

    def _views(self, x: Tensor, square: Square) -> dict[str, Tensor]:
        return {"global": x, "local": crop(x, square)}

    def _score(self, views: dict[str, Tensor]) -> Tensor:
        """Scores of the global and the local critic, (B, 2)."""
        with autocast(self.device, self.config.train):
            scores = [critic(views[name]) for name, critic in self.critics.items()]
        return torch.cat(scores, dim=1).float()

    def _distance(self, fake: dict[str, Tensor], real: dict[str, Tensor]) -> Tensor:
        # One pass for both halves.
        of_fake, of_real = self._score({name: torch.cat([fake[name], real[name]]) for name in real}).chunk(2)
        return (of_fake - of_real).mean(dim=0).sum()

    def _penalty(self, real: dict[str, Tensor], fake: dict[str, Tensor], masks: dict[str, Tensor]) -> Tensor:
        critics = self.critics.items()
        return torch.stack([gradient_penalty(critic, real[n], fake[n], masks[n]) for n, critic in critics]).sum()


class Critic(nn.Module):
    """Four 5x5 convolutions that halve, and a linear layer: (B, 3, side, side) -> (B, 1).

    Global at 256 px: 2,667,904 + 65,537 = 2,733,441 parameters. Local at 128 px: 4,306,560 + 32,769 = 4,339,329.
    """

    def __init__(self, widths: tuple[int, ...], side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        features = 3
        for width in widths:
            layers += [SameConv2d(features, width, 5, stride=2), nn.LeakyReLU(0.2)]
            features, side = width, -(-side // 2)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features * side**2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mask: Tensor) -> Tensor:
    """Mean of (slope - 1)^2 at a random point between real and fake, one for each image; in fp32.

    The slope is the norm of the gradient in the hole alone, where real and fake differ. This is the paper's change to
    WGAN-GP (Gulrajani et al. 2017).
    """
    share = torch.rand((len(real), 1, 1, 1), device=real.device)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    slope = torch.linalg.vector_norm((gradient * mask).flatten(1), dim=1)  # its gradient at 0 is 0, not NaN
    penalty: Tensor = (slope - 1).square().mean()
    return penalty


class Square(NamedTuple):
    """A square in each image: its rows and columns, both (B, side)."""

    rows: Tensor
    columns: Tensor


def around(mask: Tensor, side: int) -> Square:
    """The square of this side around each image's hole, shifted to lie inside the image."""
    return Square(*(_span(mask.amax(dim=across).squeeze(1), side) for across in (3, 2)))


def _span(missing: Tensor, side: int) -> Tensor:
    first, length = _extent(missing)
    start = (first + (length - side) // 2).clamp(0, missing.shape[1] - side)
    return start + torch.arange(side, device=missing.device)


def _extent(missing: Tensor) -> tuple[Tensor, Tensor]:
    """missing: (B, N), one run of ones in each row -> start and length of the run, both (B, 1)."""
    return missing.argmax(dim=1, keepdim=True), missing.sum(dim=1, keepdim=True).long()


def crop(x: Tensor, square: Square) -> Tensor:
    """x: (B, C, H, W) -> (B, C, side, side)."""
    b, c, _, w = x.shape
    side = square.rows.shape[1]
    x = x.gather(2, square.rows.view(b, 1, side, 1).expand(b, c, side, w))
    return x.gather(3, square.columns.view(b, 1, 1, side).expand(b, c, side, side))


def discount(mask: Tensor) -> Tensor:
    """0.9^l for the pixels of each image's square hole: (B, 1, H, W) -> (B, 1, H, W).

    l is the distance to the nearest known pixel as the authors' release counts it: 0 in the hole's first row and
    column, 1 in its last. Values outside the hole have no meaning.
    """
    rows, columns = (_depth(mask.amax(dim=across).squeeze(1)) for across in (3, 2))
    depth = torch.minimum(rows.unsqueeze(2), columns.unsqueeze(1)).unsqueeze(1)
    discounted: Tensor = DISCOUNT ** depth.float()
    return discounted


def _depth(missing: Tensor) -> Tensor:
    first, length = _extent(missing)
    place = torch.arange(missing.shape[1], device=missing.device) - first
    return torch.minimum(place, length - place).clamp(min=0)


def _l1_of_both(coarse: Tensor, fine: Tensor, target: Tensor, weight: Tensor, where: Tensor) -> Tensor:
    """L1 of both stages: the sum of the weighted errors divided by the number of values in `where`."""
    count = (3 * where.sum()).clamp(min=1)
    error = (fine - target).abs() + COARSE_WEIGHT * (coarse - target).abs()
    return (error * weight).sum() / count


def _clip(x: Tensor) -> Tensor:
    # Clipping and not tanh, as published; values outside have no gradient.
    return x.clamp(-1, 1)
