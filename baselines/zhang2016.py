"""Zhang, Isola, Efros, "Colorful Image Colorization", ECCV 2016: colour as classes, rebalanced, then annealed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.ab_bins import bin_centres, colour_prior, rebalance, smooth, soft_encode
from bench.config import RunConfig
from bench.data.colour import AB_RANGE
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.randomness import seeded
from bench.training.method import Progress
from bench.training.trainable import autocast

TEMPERATURE = 0.38  # section 2.3
# The optimiser is the paper's (section 3); the released solver.prototxt differs only in the steps at which the rate
# falls.
LEARNING_RATES = ((0, 3e-5), (200 / 450, 1e-5), (375 / 450, 3e-6))  # at 200k and 375k of 450k iterations
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 1e-3
COLOURFUL = 5.0  # ab units; the released training net skips images whose |a| and |b| never exceed it

PUBLISHED = {f"model{i}.": f"conv{i}." for i in range(1, 9)} | {"model8.6.": "to_bins.", "model_out.": "centres."}
"""Prefixes of the authors' parameter names -> ours; the longest matching prefix applies."""


def block(*widths: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """3x3 convolutions with ReLU, then BatchNorm: (B, C, H, W) -> (B, C', H', W'); the last one has the stride."""
    layers: list[nn.Module] = []
    strides = [1] * (len(widths) - 2) + [stride]
    for (c_in, c_out), each_stride in zip(pairwise(widths), strides, strict=True):
        layers += [nn.Conv2d(c_in, c_out, 3, each_stride, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.BatchNorm2d(widths[-1]))


class Colorizer(nn.Module):
    """Figure 2: eight blocks, three halvings, one doubling, 313 bins at a quarter of the resolution.

    32,236,011 parameters; 626 of them are the bins' centres as a layer and are not trained. BatchNorm has a scale and a
    shift, as in the PyTorch release; the Caffe original has none. H and W are multiples of 8.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = block(1, 64, 64, stride=2)
        self.conv2 = block(64, 128, 128, stride=2)
        self.conv3 = block(128, 256, 256, 256, stride=2)
        self.conv4 = block(256, 512, 512, 512)
        self.conv5 = block(512, 512, 512, 512, dilation=2)
        self.conv6 = block(512, 512, 512, 512, dilation=2)
        self.conv7 = block(512, 512, 512, 512)
        up = nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1)
        self.conv8 = nn.Sequential(up, nn.ReLU(inplace=True), *block(256, 256, 256)[:-1])  # no norm before the bins
        self.to_bins = nn.Conv2d(256, 313, 1)
        self.centres = nn.Conv2d(313, 2, 1, bias=False)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        self.centres.weight.copy_((bin_centres() / AB_RANGE).T[:, :, None, None])

    def logits(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W), L / 50 - 1 -> (B, 313, H / 4, W / 4)"""
        x = x / 2  # the release takes (L - 50) / 100
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5, self.conv6, self.conv7, self.conv8):
            x = layer(x)
        return self.to_bins(x)  # type: ignore[no-any-return]

    def annealed_mean(self, logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
        """Eq. 5: the mean colour of the sharpened distribution: (B, 313, h, w) -> (B, 2, h, w) in [-1, 1]"""
        return self.centres(torch.softmax(logits / temperature, dim=1))  # type: ignore[no-any-return]

    def decode(self, logits: Tensor) -> Tensor:
        """(B, 313, H / 4, W / 4) -> ab, (B, 2, H, W) in [-1, 1]"""
        return F.interpolate(self.annealed_mean(logits), scale_factor=4, mode="bilinear").clamp(-1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 2, H, W) in [-1, 1]"""
        return self.decode(self.logits(x))


def rebalanced_cross_entropy(logits: Tensor, ab: Tensor, centres: Tensor, weights: Tensor) -> Tensor:
    """Eq. 2: the sum over the pixels of an image, averaged over the batch.

    logits: (B, Q, h, w); ab: (B, 2, h, w) and centres: (Q, 2), in ab units; weights: (Q,). As in the released training
    net, the sum is divided by the number of images alone (its layer SoftmaxCrossEntropyLoss), and gray images have loss
    0 but count as images (its layer NonGrayMask).
    """
    index, share = soft_encode(ab, centres)
    entropy = -(share * logits.log_softmax(dim=1).gather(1, index)).sum(dim=1)  # (B, h, w)
    colourful = (ab.abs() > COLOURFUL).flatten(1).any(dim=1)  # (B,)
    return (weights[index[:, 0]] * entropy * colourful[:, None, None]).sum() / len(logits)


class Zhang2016:
    """Cross-entropy with soft codes and rare colours upweighted, by the prior of this run's training photographs.

    Learning rates depend on the share of the budget. Adam's step is independent of the scale of the loss, but the
    effect of weight decay is not. The decay is the authors', so the loss must have their scale, which grows with the
    image (theirs: 1,936 predictions for a crop of 176 px). Deviations: He initialisation in place of the paper's
    k-means initialisation from data; five neighbours as in the paper, not ten as in the release.
    """

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        del in_channels, out_channels  # L in, ab out
        size = config.data.image_size
        if size % 8:
            raise InputError(f"data.image_size is {size}; zhang2016 halves it three times and needs a multiple of 8")
        self.config, self.device = config.train, device
        with seeded(device, config.seed, "zhang2016"):
            network = Colorizer()
        self.network = network.to(device).to(memory_format=torch.channels_last)
        centres = bin_centres()
        self.centres = centres.to(device)
        self.weights = rebalance(smooth(colour_prior(config.data), centres)).float().to(device)
        self.optimizer = _adam(self.network)
        self.networks: dict[str, nn.Module] = {"generator": self.network}
        self.optimizers: dict[str, Optimizer] = {"generator": self.optimizer}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = next(rate for start, rate in reversed(LEARNING_RATES) if progress.fraction >= start)
        with autocast(self.device, self.config):
            logits = self.network.logits(batch.input)  # (B, 313, H / 4, W / 4)
        ab = batch.target[:, :, ::4, ::4] * AB_RANGE  # (B, 2, H / 4, W / 4): every fourth pixel, as the authors do
        loss = rebalanced_cross_entropy(logits.float(), ab, self.centres, self.weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"cross_entropy": loss.detach()}

    @torch.inference_mode()
    def predict(self, batch: Batch) -> Tensor:
        self.network.eval()
        with autocast(self.device, self.config):
            logits = self.network.logits(batch.input)
        return self.network.decode(logits.float())


def _adam(network: Colorizer) -> Adam:
    """Adam with the decay added to the gradient, as in Caffe; no decay in BatchNorm, which has no weights there."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    decayed = [p for layer in layers if layer is not network.centres for p in layer.parameters()]
    free = [p for layer in network.modules() if isinstance(layer, nn.BatchNorm2d) for p in layer.parameters()]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}]
    return Adam(groups, lr=LEARNING_RATES[0][1], betas=BETAS, fused=True)


def from_published(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' state dict as one of `Colorizer`, with names by PUBLISHED."""
    ours = rename(theirs, PUBLISHED)
    # Their logits are divided by the temperature already; ours are divided in annealed_mean.
    for name in ("to_bins.weight", "to_bins.bias"):
        ours[name] = ours[name] * TEMPERATURE
    return ours


def rename(theirs: Mapping[str, Tensor], prefixes: Mapping[str, str]) -> dict[str, Tensor]:
    """Replaces the longest matching prefix of each name, and adds a zero `num_batches_tracked` where it is missing.

    Raises KeyError for a name without a matching prefix.
    """
    ours = {}
    for name, value in theirs.items():
        matching = [prefix for prefix in prefixes if name.startswith(prefix)]
        if not matching:
            raise KeyError(f"{name} is not a name of the published weights")
        prefix = max(matching, key=len)
        ours[prefixes[prefix] + name.removeprefix(prefix)] = value
    norms = [name.removesuffix("running_var") for name in ours if name.endswith("running_var")]
    return {f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms} | ours
