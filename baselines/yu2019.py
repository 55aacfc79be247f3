"""Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim import Adam, Optimizer

from baselines.coarse_to_fine import SameConv2d, TwoStage, check_size, complete, glorot, holed, paste
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.randomness import seeded
from bench.training.method import Progress
from bench.training.trainable import autocast, step

# The authors' release, JiahuiYu/generative_inpainting, tag v2.0.0: inpaint_model.py (widths), inpaint.yml (weights of
# the losses), train.py (Adam); hinge loss and spectral norm in their JiahuiYu/neuralgym.
WIDTH = 48
D_WIDTHS = (64, 128, 256, 256, 256, 256)
LEARNING_RATE, BETAS = 1e-4, (0.5, 0.999)
GAN_WEIGHT, L1_WEIGHT = 1.0, 1.0


class Yu2019:
    """Coarse and refinement network of gated convolutions, with contextual attention, against SN-PatchGAN.

    G's loss: L1 of both stages over the whole image, and D's scores of the image with its hole filled; D's loss is a
    hinge, with one update of D an iteration. Needs batch.mask, whatever task.mask_known says. Initial weights are
    Glorot's uniform ones. D's power iteration advances by one step each time that D runs in training, twice an
    iteration, from vectors that are saved as buffers.

    Deviations: holes are the task's squares, where the release draws a square and brush strokes; the updates of D and G
    in an iteration share one batch; the power iteration starts with 15 steps (PyTorch's), not with none. The networks
    are the same at all sizes.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels, out_channels  # RGB
        check_size(config.data.image_size)
        self.config, self.device = config, device
        with seeded(device, config.seed, "yu2019"):
            generator = TwoStage(WIDTH, gated=True, sees_mask=False, squash=torch.tanh)
            glorot(generator)
            discriminator = PatchDiscriminator()
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers: dict[str, Optimizer] = {
            name: Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
            for name, network in self.networks.items()
        }

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        del progress  # every iteration is the same, without random numbers
        self.discriminator.train()
        images, mask = holed(batch)
        with autocast(self.device, self.config.train):
            coarse, fine = self.generator(images, mask)
        filled = paste(fine, images, mask)
        real, fake = self._judge(torch.cat([batch.target, filled.detach()]), torch.cat([mask, mask])).chunk(2)
        losses = {"d_real": F.relu(1 - real).mean(), "d_fake": F.relu(1 + fake).mean()}
        step(self.optimizers["discriminator"], self.discriminator, (losses["d_real"] + losses["d_fake"]) / 2)
        losses["l1_coarse"], losses["l1"] = F.l1_loss(coarse, batch.target), F.l1_loss(fine, batch.target)
        losses["g_adversarial"] = -self._judge(filled, mask).mean()
        l1 = L1_WEIGHT * (losses["l1_coarse"] + losses["l1"])
        step(self.optimizers["generator"], self.generator, l1 + GAN_WEIGHT * losses["g_adversarial"])
        return {name: loss.detach() for name, loss in losses.items()}

    def predict(self, batch: Batch) -> Tensor:
        return complete(self.generator, batch, self.device, self.config.train)

    def _judge(self, images: Tensor, mask: Tensor) -> Tensor:
        with autocast(self.device, self.config.train):
            scores: Tensor = self.discriminator(torch.cat([images, mask], dim=1))
        return scores.float()


class PatchDiscriminator(nn.Module):
    """SN-PatchGAN: six spectrally normalised 5x5 convolutions that halve; every output value is a score.

    (B, 4, H, W), RGB and mask -> (B, 256, H / 64, W / 64). 5,946,816 parameters. As in the authors' release, a
    LeakyReLU follows the last convolution too.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        features = 4
        for width in D_WIDTHS:
            convolution = SameConv2d(features, width, 5, stride=2)
            # Before spectral_norm, which estimates the norm of these weights.
            glorot(convolution)
            layers += [spectral_norm(convolution), nn.LeakyReLU(0.2)]
            features = width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]
