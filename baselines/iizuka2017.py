"""Inpainting with a local and a global discriminator (Iizuka et al., SIGGRAPH 2017)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.optim import Adadelta, Optimizer

from bench.config import DataConfig, RunConfig
from bench.data.batches import training_photographs
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.randomness import seeded
from bench.training.losses import adversarial
from bench.training.method import Progress
from bench.training.trainable import autocast, step

COMPLETION_STEPS, DISCRIMINATOR_STEPS, ALL_STEPS = 90_000, 10_000, 500_000  # T_C, T_D, T_train (section 4)
ALPHA = 0.0004  # weight of the adversarial loss (section 4)
RHO, EPSILON = 0.9, 1e-6  # Adadelta's defaults in Torch7 and PyTorch; the paper gives no values

DILATIONS = (1, 1, 2, 4, 8, 16, 1, 1)  # the 256-channel layers at a quarter of the size (table 1)
LOCAL_WIDTHS = (64, 128, 256, 512, 512)  # table 2a, for 128 px
GLOBAL_WIDTHS = (64, 128, 256, 512, 512, 512)  # table 2b, for 256 px
FEATURES = 1024  # outputs of each discriminator, before they are concatenated (table 2c)


def _conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, dilation * (kernel // 2), dilation)
    return [conv, nn.BatchNorm2d(c_out), nn.ReLU()]


def _deconv(c_in: int, c_out: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]


class CompletionNetwork(nn.Module):
    """The generator (table 1), with dilated convolutions at a quarter of the size; 6,072,131 parameters.

    image: (B, 3, H, W) in [-1, 1] and mask: (B, 1, H, W), 1 where pixels are missing -> (B, 3, H, W) in [-1, 1], also
    for the known pixels. As in the authors' Torch7 code, the network works on [0, 1], takes the image less the training
    set's mean colour with 0 in the hole, and ends in a sigmoid. The mean is a buffer, so that it is saved with the
    weights.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3, 1, 1), 0.5))
        middle = [layer for dilation in DILATIONS for layer in _conv(256, 256, dilation=dilation)]
        self.layers = nn.Sequential(
            *_conv(4, 64, kernel=5),
            *_conv(64, 128, stride=2),
            *_conv(128, 128),
            *_conv(128, 256, stride=2),
            *middle,
            *_deconv(256, 128),
            *_conv(128, 128),
            *_deconv(128, 64),
            *_conv(64, 32),
            nn.Conv2d(32, 3, 3, padding=1),
        )

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        known = self.centred(image) * (1 - mask)  # (B, 3, H, W), 0 is the mean colour
        logits: Tensor = self.layers(torch.cat([known, mask], dim=1))  # (B, 3, H, W)
        return 2 * torch.sigmoid(logits.float()) - 1

    def centred(self, image: Tensor) -> Tensor:
        """[-1, 1] -> [0, 1] less the mean colour."""
        return (image + 1) / 2 - self.mean


class Branch(nn.Module):
    """One discriminator (tables 2a and 2b): (B, 3, side, side) -> (B, 1024).

    5x5 convolutions of stride 2, as many as published or until 1 px is left, then a fully connected layer on the
    remaining map: 4x4 at the published sizes, 1x1 at a quarter of them. The ReLU after it is our reading of the paper.
    """

    def __init__(self, side: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        features = 3
        for width in widths[: (side - 1).bit_length()]:
            layers += _conv(features, width, kernel=5, stride=2)
            features, side = width, -(-side // 2)
        self.side = side
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features * side**2, FEATURES), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class ContextDiscriminator(nn.Module):
    """Both discriminators and the layer that joins them (table 2): images and patches -> (B, 1), before the sigmoid.

    At 256 px it has 19,253,248 (local) + 25,808,384 (whole) + 2,049 (joint) = 45,063,681 parameters.
    """

    def __init__(self, size: int = 256) -> None:
        super().__init__()
        self.local = Branch(size // 2, LOCAL_WIDTHS)
        self.whole = Branch(size, GLOBAL_WIDTHS)
        self.joint = nn.Linear(2 * FEATURES, 1)

    def forward(self, images: Tensor, patches: Tensor) -> Tensor:
        return self.joint(torch.cat([self.local(patches), self.whole(images)], dim=1))  # type: ignore[no-any-return]


class Iizuka2017:
    """Globally and Locally Consistent Image Completion, by Iizuka, Simo-Serra and Ishikawa; inpainting with the mask.

    Always uses batch.mask, whatever task.mask_known says. Training has three phases, by the published shares of the
    budget (section 3.4, algorithm 1): the generator with the squared error in the hole alone (to 18%), D alone (to
    20%), then D and G in turn, G with the squared error + 0.0004 log(1 - D). D's local patch has half of the image's
    side and lies around the hole; in real images it lies around another hole, drawn at random. The prediction is the
    input with its hole filled.

    Deviations: no fast marching and Poisson blending afterwards; one square hole of the size task.hole (theirs: 3/8 to
    1/2 of the side); equal weights of D's terms, where the paper also balances the losses' gradients at first, without
    saying how. Where the paper says nothing: the squared error is the mean over all pixels, 0 outside the hole; D's
    images are centred as G's input is; initial weights are PyTorch's. The authors' weights are Torch7 files.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels, out_channels  # always image and mask in, RGB out
        _check(config)
        self.config, self.device, self.patch = config, device, config.data.image_size // 2
        with seeded(torch.device("cpu"), config.seed, "iizuka2017"):
            self.generator, self.discriminator = CompletionNetwork(), ContextDiscriminator(config.data.image_size)
        self.generator.mean.copy_(torch.tensor(mean_rgb(config.data)).view(3, 1, 1))
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        for network in self.networks.values():
            network.to(device).to(memory_format=torch.channels_last)
        self.optimizers: dict[str, Optimizer] = {
            name: Adadelta(network.parameters(), lr=1.0, rho=RHO, eps=EPSILON)
            for name, network in self.networks.items()
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        learns_g, learns_d = phase(progress.fraction)
        mask = _mask_of(batch)
        for network in self.networks.values():
            network.train()
        with torch.set_grad_enabled(learns_g):
            completion = self._complete(batch, mask)  # (B, 3, H, W)
        # Halved, since the paper's values lie in [0, 1] and not in [-1, 1].
        mse = (mask * (completion - batch.target) / 2).square().mean()
        losses, loss = {"mse": mse}, mse
        if learns_d:
            completed = torch.where(mask > 0.5, completion, batch.target)
            losses |= self._update_discriminator(completed.detach(), batch.target, corners(mask, self.patch), progress)
        if learns_d and learns_g:
            score = self._judge(completed, corners(mask, self.patch))
            losses["g_adversarial"] = -adversarial("bce", score, real=False)  # log(1 - D), as published
            loss = mse + ALPHA * losses["g_adversarial"]
        if learns_g:
            step(self.optimizers["generator"], self.generator, loss)
        return {name: value.detach() for name, value in losses.items()}

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        mask = _mask_of(batch)
        self.generator.eval()
        return torch.where(mask > 0.5, self._complete(batch, mask), batch.input[:, :3])

    def _complete(self, batch: Batch, mask: Tensor) -> Tensor:
        with autocast(self.device, self.config.train):
            completion: Tensor = self.generator(batch.input[:, :3], mask)
        return completion

    def _update_discriminator(self, fake: Tensor, real: Tensor, hole: Tensor, progress: Progress) -> dict[str, Tensor]:
        with seeded(self.device, self.config.seed, progress.step):
            elsewhere = random_corners(len(real), self.config, self.device)
        d_real = adversarial("bce", self._judge(real, elsewhere), real=True)
        d_fake = adversarial("bce", self._judge(fake, hole), real=False)
        step(self.optimizers["discriminator"], self.discriminator, d_real + d_fake)
        return {"d_real": d_real, "d_fake": d_fake}

    def _judge(self, image: Tensor, corner: Tensor) -> Tensor:
        centred = self.generator.centred(image)
        with autocast(self.device, self.config.train):
            score: Tensor = self.discriminator(centred, crop(centred, corner, self.patch))
        return score


def phase(fraction: float) -> tuple[bool, bool]:
    """(whether G learns, whether D learns) at this share of the budget."""
    if fraction < COMPLETION_STEPS / ALL_STEPS:
        return True, False
    return fraction >= (COMPLETION_STEPS + DISCRIMINATOR_STEPS) / ALL_STEPS, True


def corners(mask: Tensor, side: int) -> Tensor:
    """(B, 2), top and left of the square of `side` px around each hole, shifted to lie inside the image.

    The square covers the hole, or lies in its middle if the hole is larger. mask: (B, 1, H, W), 1 in the hole.
    """
    return torch.stack([_start(mask.amax(dim=(1, 3)), side), _start(mask.amax(dim=(1, 2)), side)], dim=1)


def _start(missing: Tensor, side: int) -> Tensor:
    """missing: (B, N), 1 along the hole -> (B,), the start of the window of `side` with the hole in its middle."""
    n = missing.shape[1]
    first, last = missing.argmax(dim=1), n - 1 - missing.flip(1).argmax(dim=1)
    return ((first + last + 1 - side) // 2).clamp(0, n - side)


def random_corners(count: int, config: RunConfig, device: torch.device) -> Tensor:
    """(count, 2), the `corners` of holes at uniformly random places."""
    size, side = config.data.image_size, config.data.image_size // 2
    hole = max(1, round(config.task.hole * size))
    place = torch.randint(size - hole + 1, (count, 2), device=device)
    return ((2 * place + hole - side) // 2).clamp(0, size - side)


def crop(images: Tensor, corner: Tensor, side: int) -> Tensor:
    """images: (B, C, H, W), corner: (B, 2) -> (B, C, side, side)."""
    # By indices on the device: slicing would copy the corners to the CPU and wait for the GPU.
    along = torch.arange(side, device=images.device)
    rows, columns = corner[:, 0, None] + along, corner[:, 1, None] + along  # (B, side)
    image = torch.arange(len(images), device=images.device)[:, None, None]
    return images[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


@lru_cache(maxsize=4)
def mean_rgb(config: DataConfig) -> tuple[float, ...]:
    """Mean colour in [0, 1] over the training images at their smallest size; each image has equal weight."""
    means = [rgb.double().mean(dim=(0, 2, 3)) for rgb in training_photographs(config)]
    return tuple((sum(means, torch.zeros(3, dtype=torch.float64)) / len(means)).tolist())


def _check(config: RunConfig) -> None:
    """Raises InputError for image and batch sizes that the networks cannot process."""
    if config.data.image_size % 4:
        raise InputError(f"iizuka2017 needs data.image_size to be a multiple of 4, not {config.data.image_size}")
    if config.data.image_size <= 64 and config.train.batch_size == 1:
        raise InputError("at 64 px and less iizuka2017 normalises maps of 1x1; it needs train.batch_size of 2 or more")


def _mask_of(batch: Batch) -> Tensor:
    if batch.mask is not None:
        return batch.mask
    raise ValueError("iizuka2017 fills holes, and this task has none")
