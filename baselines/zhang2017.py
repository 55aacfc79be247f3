"""Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors", SIGGRAPH 2017, without a user."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.zhang2016 import block, rename
from bench.config import RunConfig
from bench.data.colour import AB_RANGE
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.models.layers import initialise
from bench.training.method import Progress
from bench.training.trainable import autocast

# scripts/train_siggraph.sh of github.com/richzhang/colorization-pytorch: 15 epochs of classification, then 10 and 5 of
# regression, each stage with its own rate. The 100 epochs before them, on ten classes of ImageNet, are left out.
STAGES = ((0, 1e-4), (15 / 30, 1e-5), (25 / 30, 1e-6))
CLASSIFICATION = STAGES[1][0]
BETAS = (0.9, 0.999)  # the defaults of its options
DELTA = 1.0  # of the Huber loss, in ab units (section 3; 1 / 110 in their code's normalised units)
STEP, SIDE = 10, 23  # classes: ab in [-110, 110] rounded to tens, 23 x 23 = 529

PUBLISHED = {f"model{i}.": f"conv{i}." for i in range(1, 8)} | {
    "model8up.0.": "up8.", "model3short8.0.": "short8.", "model8.1.": "conv8.0.", "model8.3.": "conv8.2.",
    "model8.5.": "conv8.4.", "model9up.0.": "up9.", "model2short9.0.": "short9.", "model9.1.": "conv9.0.",
    "model9.3.": "conv9.2.", "model10up.0.": "up10.", "model1short10.0.": "short10.", "model10.1.": "conv10.",
    "model_class.0.": "classify.", "model_out.0.": "regress.",
}  # fmt: skip
"""Prefixes of the authors' parameter names -> ours; the longest matching prefix applies."""


class Colorizer(nn.Module):
    """The main branch: ten blocks, three halvings and three doublings with shortcuts, and a class head.

    34,187,027 parameters, including 135,953 in the class head, which `forward` does not use, and 1,728 for hints, whose
    inputs are zeros. H and W are multiples of 8.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = block(4, 64, 64)
        self.conv2 = block(64, 128, 128)
        self.conv3 = block(128, 256, 256, 256)
        self.conv4 = block(256, 512, 512, 512)
        self.conv5 = block(512, 512, 512, 512, dilation=2)
        self.conv6 = block(512, 512, 512, 512, dilation=2)
        self.conv7 = block(512, 512, 512, 512)
        self.up8 = nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1)
        self.short8 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv8 = block(256, 256, 256)
        self.up9 = nn.ConvTranspose2d(256, 128, 4, stride=2, padding=1)
        self.short9 = nn.Conv2d(128, 128, 3, padding=1)
        self.conv9 = block(128, 128)
        self.up10 = nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1)
        self.short10 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv10 = nn.Conv2d(128, 128, 3, padding=1)
        self.classify = nn.Conv2d(256, SIDE * SIDE, 1)
        self.regress = nn.Conv2d(128, 2, 1)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: (B, 1, H, W), L / 50 - 1 -> the outputs of conv1, conv2 and conv8, at H, H / 2 and H / 4."""
        b, _, h, w = x.shape
        # Without a user the hints, ab and a mask, are zeros.
        hints = x.new_zeros(b, 3, h, w)
        one = self.conv1(torch.cat([x / 2, hints], dim=1))  # (L - 50) / 100
        two = self.conv2(one[:, :, ::2, ::2])
        three = self.conv3(two[:, :, ::2, ::2])
        seven = self.conv7(self.conv6(self.conv5(self.conv4(three[:, :, ::2, ::2]))))
        return one, two, self.conv8(F.relu(self.up8(seven) + self.short8(three)))

    def decode(self, one: Tensor, two: Tensor, eight: Tensor) -> Tensor:
        """Features -> ab, (B, 2, H, W) in [-1, 1]"""
        nine = self.conv9(F.relu(self.up9(eight) + self.short9(two)))
        ten = self.conv10(F.relu(self.up10(nine) + self.short10(one)))
        return torch.tanh(self.regress(F.leaky_relu(ten, 0.2)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 2, H, W) in [-1, 1]"""
        return self.decode(*self.features(x))


def classes(ab: Tensor) -> Tensor:
    """The class of each colour, ordered by a, then b: (B, 2, H, W) in [-1, 1] -> (B, H, W) in [0, 529)."""
    rank = ((ab * AB_RANGE + AB_RANGE) / STEP).round().long().clamp(0, SIDE - 1)
    return rank[:, 0] * SIDE + rank[:, 1]


def huber(output: Tensor, target: Tensor) -> Tensor:
    """Huber loss in ab units, summed over a and b, averaged over pixels; both (B, 2, H, W) in [-1, 1]."""
    return 2 * F.huber_loss(AB_RANGE * output.float(), AB_RANGE * target, delta=DELTA)


class Zhang2017:
    """Two stages by the share of the budget, as in the authors' PyTorch training: classification, then regression.

    The paper starts the trunk from the 2016 network's weights, trained on ImageNet. The authors' PyTorch training
    replaces them by a stage of classification, which is followed here. In this stage the trunk learns from the classes;
    conv9, conv10 and the output learn from the Huber loss without changing the trunk. Afterwards the whole network
    learns from the Huber loss, and the class head learns without changing the trunk. In neither stage do the two losses
    share a parameter, so that Adam needs no weight between them.

    Deviations: no hints, neither in training nor in prediction; the run's batch size and number of steps; the paper's
    Huber loss in place of the PyTorch training's L1, from which it differs below 1 ab unit; one Adam for all stages,
    which keeps its moments when the rate falls, where theirs starts afresh; and none of their first 100 epochs of
    classification on ten classes of ImageNet, since a run's photographs have no classes.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels, out_channels  # L in, ab out
        size = config.data.image_size
        if size % 8:
            raise InputError(f"data.image_size is {size}; zhang2017 halves it three times and needs a multiple of 8")
        self.config, self.device = config.train, device
        network = Colorizer()
        initialise(network, config.seed, "zhang2017")  # N(0, 0.02), as the retraining does
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.optimizer = Adam(self.network.parameters(), lr=STAGES[0][1], betas=BETAS, fused=True)
        self.networks: dict[str, nn.Module] = {"generator": self.network}
        self.optimizers: dict[str, Optimizer] = {"generator": self.optimizer}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = next(rate for start, rate in reversed(STAGES) if progress.fraction >= start)
        classifying = progress.fraction < CLASSIFICATION
        with autocast(self.device, self.config):
            one, two, eight = self.network.features(batch.input)
            logits = self.network.classify(eight if classifying else eight.detach())
            seen = [x.detach() if classifying else x for x in (one, two, eight)]
            output = self.network.decode(*seen)
        cross_entropy = F.cross_entropy(logits.float(), classes(batch.target[:, :, ::4, ::4]))
        regression = huber(output, batch.target)
        self.optimizer.zero_grad(set_to_none=True)
        (cross_entropy + regression).backward()
        self.optimizer.step()
        return {"cross_entropy": cross_entropy.detach(), "huber": regression.detach()}

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        self.network.eval()
        with autocast(self.device, self.config):
            output: Tensor = self.network(batch.input)
        return output.float()


def from_published(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' state dict as one of `Colorizer`."""
    return rename(theirs, PUBLISHED)
