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
CRITIC_UPDATES = 5  # an iteration
GAN_WEIGHT, PENALTY_WEIGHT = 1e-3, 10.0
HOLE_WEIGHT, KNOWN_WEIGHT, COARSE_WEIGHT = 1.2, 1.2, 1.2  # the third is within the other two
DISCOUNT = 0.9  # the paper says 0.99; the authors trained and advise 0.9 at 256 px (their issue 74)


class Yu2018:
    """Coarse and refinement network with contextual attention, against a global and a local WGAN-GP critic.

    G's loss: L1 in the hole, discounted with the distance to what is known; L1 outside of it; and the critics'
    scores of the image with its hole filled. L1 is taken of both stages, the scores of the second alone. Needs
    batch.mask, whatever task.mask_known says. Weights from Glorot's uniform distribution.

    Where paper and release differ this follows the release, with which the authors' weights were trained: zeros pad
    the convolutions, not mirrored pixels (their issue 40). Deviations: an iteration's five critic updates see one
    batch, with new mixtures, not five; the local critic sees a square of half the image's side (128 at 256 px, as
    published) around the hole, whose side is task.hole, where the release draws holes of 96 to 128 px; the discounted
    L1 is of the hole, counted from its own rim and divided by its pixels, where the release's is of that whole square,
    so the two are one where the hole is half the side, and a smaller hole is discounted less here. Every image has a
    hole of its own. G is the same at all sizes; the critics' linear layers shrink with the image.
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
        self.critics = critics.to(device)  # the second derivatives are slower in channels_last
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
        losses["l1_hole"] = _both(coarse, fine, batch.target, discount(mask) * mask, mask)
        losses["l1_known"] = _both(coarse, fine, batch.target, 1 - mask, 1 - mask)
        losses["g_adversarial"] = -self._score(self._views(filled, square)).mean(dim=0).sum()
        l1 = HOLE_WEIGHT * losses["l1_hole"] + KNOWN_WEIGHT * losses["l1_known"]
        step(self.optimizers["generator"], self.generator, l1 + GAN_WEIGHT * losses["g_adversarial"])
        return {name: loss.detach() for name, loss in losses.items()}

    def predict(self, batch: Batch) -> Tensor:
        return complete(self.generator, batch, self.device, self.config.train)

    def _views(self, x: Tensor, square: Square) -> dict[str, Tensor]:
        return {"global": x, "local": crop(x, square)}

    def _score(self, views: dict[str, Tensor]) -> Tensor:
        """(B, 2), global and local."""
        with autocast(self.device, self.config.train):
            scores = [critic(views[name]) for name, critic in self.critics.items()]
        return torch.cat(scores, dim=1).float()

    def _distance(self, fake: dict[str, Tensor], real: dict[str, Tensor]) -> Tensor:
        ours, theirs = self._score({name: torch.cat([fake[name], real[name]]) for name in real}).chunk(2)
        return (ours - theirs).mean(dim=0).sum()

    def _penalty(self, real: dict[str, Tensor], fake: dict[str, Tensor], masks: dict[str, Tensor]) -> Tensor:
        critics = self.critics.items()
        return torch.stack([gradient_penalty(critic, real[n], fake[n], masks[n]) for n, critic in critics]).sum()


class Critic(nn.Module):
    """Four 5x5 convolutions that halve, and one number of all that is left: (B, 3, side, side) -> (B, 1).

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
    """Mean of (slope - 1)^2 somewhere between real and fake, each image elsewhere; in fp32.

    The slope is the norm of the gradient in the hole alone, which is where real and fake differ: the paper's change
    of WGAN-GP (Gulrajani et al. 2017).
    """
    share = torch.rand((len(real), 1, 1, 1), device=real.device)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    slope = torch.linalg.vector_norm((gradient * mask).flatten(1), dim=1)  # its gradient at 0 is 0, not NaN
    penalty: Tensor = (slope - 1).square().mean()
    return penalty


class Square(NamedTuple):
    """One a image: its rows and columns, both (B, side)."""

    rows: Tensor
    columns: Tensor


def around(mask: Tensor, side: int) -> Square:
    """The square of this side around each image's hole, shifted to lie wholly inside the image."""
    return Square(*(_span(mask.amax(dim=across).squeeze(1), side) for across in (3, 2)))


def _span(missing: Tensor, side: int) -> Tensor:
    first, length = _extent(missing)
    start = (first + (length - side) // 2).clamp(0, missing.shape[1] - side)
    return start + torch.arange(side, device=missing.device)


def _extent(missing: Tensor) -> tuple[Tensor, Tensor]:
    """missing: (B, N), 1 in one run of each row -> where the run begins and how long it is, both (B, 1)."""
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
    column, 1 in its last. Outside the hole the values mean nothing.
    """
    rows, columns = (_depth(mask.amax(dim=across).squeeze(1)) for across in (3, 2))
    depth = torch.minimum(rows.unsqueeze(2), columns.unsqueeze(1)).unsqueeze(1)
    discounted: Tensor = DISCOUNT ** depth.float()
    return discounted


def _depth(missing: Tensor) -> Tensor:
    first, length = _extent(missing)
    place = torch.arange(missing.shape[1], device=missing.device) - first
    return torch.minimum(place, length - place).clamp(min=0)


def _both(coarse: Tensor, fine: Tensor, target: Tensor, weight: Tensor, where: Tensor) -> Tensor:
    """L1 of both stages: the weighted errors' sum over the number of values that are counted."""
    count = (3 * where.sum()).clamp(min=1)
    error = (fine - target).abs() + COARSE_WEIGHT * (coarse - target).abs()
    return (error * weight).sum() / count


def _clip(x: Tensor) -> Tensor:
    return x.clamp(-1, 1)  # and no tanh, as published; a value outside has no gradient
