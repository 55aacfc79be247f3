"""pix2pix: a U-Net on the whole image against a discriminator of overlapping patches (Isola et al., CVPR 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.models.layers import initialise
from bench.randomness import seeded
from bench.training.losses import adversarial
from bench.training.method import Progress
from bench.training.trainable import autocast, step

WIDTH = 64  # ngf and ndf: channels of the first layers (section 6.1)
L1_WEIGHT = 100.0  # lambda (section 3.3; the authors' default)
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)  # Adam (section 3.3)
DROPOUT = 0.5  # section 6.1.1
MIN_HALVINGS, MAX_HALVINGS = 5, 8


def halvings(size: int) -> int:
    """How often the U-Net halves `size` pixels: to 1 px or to an odd size, at most 8 times.

    8 halvings at 256 px and 7 at 128 px are the authors' unet_256 and unet_128; their rule gives 6 at 64 px and needs
    at least 5. Raises InputError for fewer.
    """
    count = min(MAX_HALVINGS, (size & -size).bit_length() - 1)
    if count < MIN_HALVINGS:
        raise InputError(f"pix2pix needs data.image_size to be a multiple of {2**MIN_HALVINGS}, not {size}")
    return count


class Down(nn.Module):
    """LeakyReLU (not in the first layer), convolution, BatchNorm (not in the first and last): halves H and W."""

    def __init__(self, c_in: int, c_out: int, active: bool, normed: bool) -> None:
        super().__init__()
        self.act = nn.LeakyReLU(0.2) if active else nn.Identity()
        self.conv = nn.Conv2d(c_in, c_out, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(c_out) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.act(x)))  # type: ignore[no-any-return]


class Up(nn.Module):
    """ReLU, transposed convolution, BatchNorm, dropout (the last layer: a bias in place of both): doubles H and W."""

    def __init__(self, c_in: int, c_out: int, last: bool, dropout: bool) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.conv = nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1, bias=last)
        self.norm = nn.Identity() if last else nn.BatchNorm2d(c_out)
        self.dropout = nn.Dropout(DROPOUT if dropout else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(self.conv(self.act(x))))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """The generator (section 6.1.1): (B, C_in, size, size) -> (B, C_out, size, size) in [-1, 1].

    At 256 px it has 54,413,955 parameters for 3 to 3 channels and 54,409,858 for 1 to 2. Dropout follows the authors'
    PyTorch release: the three decoder layers after the innermost at 256 px, two at 128 px, one at 64 px. (The paper has
    it in the three innermost layers.)
    """

    def __init__(self, c_in: int, c_out: int, size: int = 256) -> None:
        super().__init__()
        depth = halvings(size)
        widths = [min(WIDTH * 2**i, 8 * WIDTH) for i in range(depth)]
        self.down = nn.ModuleList(
            Down(a, b, active=i > 0, normed=0 < i < depth - 1)
            for i, (a, b) in enumerate(zip([c_in, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList(
            Up(
                widths[i] * (1 if i == depth - 1 else 2),  # all but the innermost layer take a skip too
                widths[i - 1] if i else c_out,
                last=i == 0,
                dropout=MIN_HALVINGS - 1 <= i < depth - 1,
            )
            for i in reversed(range(depth))
        )

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.up[0](skips.pop())
        for up in list(self.up)[1:]:
            x = up(torch.cat([skips.pop(), x], dim=1))
        return torch.tanh(x)


class PatchGAN(nn.Module):
    """The discriminator (section 6.1.2): (B, C, H, W) -> (B, 1, h, w), one score a patch, before the sigmoid.

    With 3 layers a patch has 70 px: 2,768,705 parameters for 6 channels. With 1 layer it has 16 px: 139,585.
    """

    def __init__(self, c_in: int, layers: int = 3) -> None:
        super().__init__()
        widths = [WIDTH * min(2**i, 8) for i in range(layers + 1)]
        stack: list[nn.Module] = [nn.Conv2d(c_in, WIDTH, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for i in range(layers):
            stride = 2 if i < layers - 1 else 1
            stack += [
                nn.Conv2d(widths[i], widths[i + 1], 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(widths[i + 1]),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*stack, nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, pairs: Tensor) -> Tensor:
        return self.layers(pairs)  # type: ignore[no-any-return]


class PixelGAN(nn.Module):
    """PatchGAN with patches of 1 px (section 4.4): (B, C, H, W) -> (B, 1, H, W); 9,024 parameters for 6 channels."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(c_in, WIDTH, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 1, bias=False),
            nn.BatchNorm2d(2 * WIDTH),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * WIDTH, 1, 1, bias=False),
        )

    def forward(self, pairs: Tensor) -> Tensor:
        return self.layers(pairs)  # type: ignore[no-any-return]


class Pix2Pix:
    """Image-to-Image Translation with Conditional Adversarial Networks, with the 70x70 PatchGAN; for any task.

    Each iteration is one step of D with half of its loss, then one step of G with BCE + 100 L1 (sections 3.1 and 3.3).
    The learning rate is constant for half of the budget and then falls linearly to 0 (the authors': 100 epochs each).
    Initial weights are N(0, 0.02), and N(1, 0.02) in BatchNorm, as released. Deviations: prediction uses no dropout and
    BatchNorm's running statistics, so that it repeats and each image is independent (section 3.4 keeps dropout and the
    test batch's statistics); the batch size is the run's.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        self.config, self.device = config, device
        self.generator = UNet(in_channels, out_channels, config.data.image_size)
        self.discriminator = PatchGAN(in_channels + out_channels)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        for name, network in self.networks.items():
            initialise(network, config.seed, f"pix2pix/{name}")
            network.to(device).to(memory_format=torch.channels_last)
        self.optimizers: dict[str, Optimizer] = {
            name: Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
            for name, network in self.networks.items()
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self._set_training(progress)
        with seeded(self.device, self.config.seed, progress.step), autocast(self.device, self.config.train):
            fake = self.generator(batch.input)  # (B, C_out, H, W); dropout is the only randomness
        fake = fake.float()
        d_real = self._judge(batch.input, batch.target, real=True)
        d_fake = self._judge(batch.input, fake.detach(), real=False)
        step(self.optimizers["discriminator"], self.discriminator, (d_real + d_fake) / 2)
        g_adversarial = self._judge(batch.input, fake, real=True)
        l1 = F.l1_loss(fake, batch.target)
        step(self.optimizers["generator"], self.generator, g_adversarial + L1_WEIGHT * l1)
        losses = {"l1": l1, "d_real": d_real, "d_fake": d_fake, "g_adversarial": g_adversarial}
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        self.generator.eval()
        with autocast(self.device, self.config.train):
            output: Tensor = self.generator(batch.input)
        return output.float()

    def _set_training(self, progress: Progress) -> None:
        for network in self.networks.values():
            network.train()
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(progress.fraction)

    def _judge(self, x: Tensor, y: Tensor, real: bool) -> Tensor:
        with autocast(self.device, self.config.train):
            scores = self.discriminator(torch.cat([x, y], dim=1))
        return adversarial("bce", scores, real)


def learning_rate(fraction: float) -> float:
    """Adam's learning rate at a share of the budget in [0, 1]."""
    return LEARNING_RATE * min(1.0, 2 * (1 - fraction))
