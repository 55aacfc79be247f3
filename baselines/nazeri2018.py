"""Nazeri, Ng, Ebrahimi, "Image Colorization Using Generative Adversarial Networks", AMDO 2018: the Places365 model."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.randomness import seeded
from bench.training.method import Progress
from bench.training.trainable import autocast, step

# From the Places365 command in the README and the defaults of github.com/ImagingLab/Colorizing-with-GANs
# (src/options.py, src/models.py), with which the published weights were trained. The paper's text has 2e-4 for both
# networks, lowered by hand.
LEARNING_RATE = 3e-4  # of G; D has a tenth
D_SHARE = 0.1
BETAS = (0.0, 0.999)
DECADES = 10 * 1_803_460 / 16 / 5e5  # a factor of 0.1 every 5e5 steps, over 10 epochs in batches of 16
G_STEPS = 2  # updates of G for each update of D
REAL = 0.9  # one-sided label smoothing
L1_WEIGHT = 100.0

WIDTHS = (64, 128, 256, 512, 512, 512, 512)  # channels of the layers that halve
NORM_EPSILON = 1e-3  # TensorFlow's default


class _Same(nn.Sequential):
    """A 4x4 convolution of stride 1 that keeps H and W; the odd padding goes right and below, as in TensorFlow."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(c_in, c_out, 4))


def _halve(c_in: int, c_out: int) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 4, stride=2, padding=1)


def _double(c_in: int, c_out: int) -> nn.Module:
    return nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1)


def _layer(convolution: nn.Module, width: int, act: nn.Module, norm: bool = True) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(width, NORM_EPSILON) if norm else nn.Identity(), act)


class Generator(nn.Module):
    """A U-Net down to 2x2: (B, 1, H, W) -> L, a and b, (B, 3, H, W) in [-1, 1].

    At 256x256 it halves seven times and has 42,023,811 parameters. For smaller images the innermost layers are left
    out, so that the latent stays at 2x2, as in the authors' own network for 32x32 images.
    """

    def __init__(self, halvings: int = len(WIDTHS)) -> None:
        super().__init__()
        widths = [64, *WIDTHS[:halvings]]
        self.down = nn.ModuleList([_layer(_Same(1, widths[0]), widths[0], nn.LeakyReLU(0.2))])
        for c_in, c_out in pairwise(widths):
            self.down.append(_layer(_halve(c_in, c_out), c_out, nn.LeakyReLU(0.2)))
        self.up = nn.ModuleList()
        features = widths[-1]
        for width in reversed(widths[:-1]):
            self.up.append(_layer(_double(features, width), width, nn.ReLU()))
            features = 2 * width  # the upsampled features and the skip of the same size
        self.head = nn.Conv2d(features, 3, 1)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for up, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = torch.cat([skip, up(x)], dim=1)
        return torch.tanh(self.head(x))


class Discriminator(nn.Module):
    """A patch discriminator: (B, 4, H, W), the input and L, a, b -> (B, 1, H / 8, W / 8) before any sigmoid.

    2,767,553 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _layer(_halve(4, 64), 64, nn.LeakyReLU(0.2), norm=False),
            _layer(_halve(64, 128), 128, nn.LeakyReLU(0.2)),
            _layer(_halve(128, 256), 256, nn.LeakyReLU(0.2)),
            _layer(_Same(256, 512), 512, nn.LeakyReLU(0.2)),
            _Same(512, 1),
        )
        _initialise(self)

    def forward(self, gray: Tensor, lab: Tensor) -> Tensor:
        return self.layers(torch.cat([gray, lab], dim=1))  # type: ignore[no-any-return]


def _initialise(network: nn.Module) -> None:
    """Truncated normal of variance 1 / fan-in, cut at two deviations, as in the authors' TensorFlow; biases 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            # For a transposed convolution TensorFlow counts the outputs, and so does weight[0].
            std = layer.weight[0].numel() ** -0.5
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def halvings_of(size: int) -> int:
    """How often `size` pixels are halved: down to 2, at most seven times. Raises InputError for an odd size."""
    halvings = min(len(WIDTHS), int(math.log2(size)) - 1)
    if size % 2**halvings:
        raise InputError(
            f"data.image_size is {size}; nazeri2018 halves it {halvings} times and needs a multiple of {2**halvings}"
        )
    return halvings


class Nazeri2018:
    """-log D(x, G(x)) + 100 L1 for G (the paper's modified cost), two updates for each of D, whose real label is 0.9.

    As published, G predicts L too, and L1 and D see all of Lab; `predict` returns a and b alone. The learning rates
    decay exponentially with the share of the budget.

    Deviations: the input is L in [-1, 1], not luma in [0, 255]; in prediction BatchNorm uses running statistics, not
    the batch's.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels, out_channels  # L in, ab out
        self.config, self.device = config.train, device
        halvings = halvings_of(config.data.image_size)
        with seeded(device, config.seed, "nazeri2018"):
            generator, discriminator = Generator(halvings), Discriminator()
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers: dict[str, Optimizer] = {
            name: Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
            for name, network in self.networks.items()
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self._set_learning_rates(progress)
        self.generator.train()
        self.discriminator.train()
        x, real = batch.input, torch.cat([batch.input, batch.target], dim=1)
        fake = self._generate(x)
        losses = {"d_real": self._judge(x, real, REAL), "d_fake": self._judge(x, fake.detach(), 0.0)}
        step(self.optimizers["discriminator"], self.discriminator, losses["d_real"] + losses["d_fake"])
        for turn in range(G_STEPS):
            # Before its first update G is unchanged, so that D's images serve again.
            fake = self._generate(x) if turn else fake
            losses["g_adversarial"] = self._judge(x, fake, 1.0)
            losses["l1"] = F.l1_loss(fake, real)
            step(self.optimizers["generator"], self.generator, losses["g_adversarial"] + L1_WEIGHT * losses["l1"])
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        self.generator.eval()
        return self._generate(batch.input)[:, 1:]

    def _generate(self, x: Tensor) -> Tensor:
        with autocast(self.device, self.config):
            output: Tensor = self.generator(x)
        return output.float()

    def _judge(self, x: Tensor, lab: Tensor, label: float) -> Tensor:
        """Mean cross-entropy of D's patches with the label."""
        with autocast(self.device, self.config):
            score = self.discriminator(x, lab)
        score = score.float()
        return F.binary_cross_entropy_with_logits(score, torch.full_like(score, label))

    def _set_learning_rates(self, progress: Progress) -> None:
        rate = LEARNING_RATE * 0.1 ** (DECADES * progress.fraction)
        for name, share in (("generator", 1.0), ("discriminator", D_SHARE)):
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * share
