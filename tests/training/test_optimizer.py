"""Adam without torch._dynamo: the updates of torch's own, bit by bit, and really without it."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import Tensor, nn
from torch.optim import Adam

from bench.training.optimizer import EagerAdam


def trained(optimizer: type[Adam]) -> list[Tensor]:
    """Weights and moments after ten steps, a state that was saved and loaded among them."""
    rng = torch.Generator().manual_seed(0)
    network = nn.Conv2d(3, 4, 3)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=rng)
    made = optimizer(network.parameters(), lr=1e-2, betas=(0.5, 0.999), fused=True)
    for step in range(10):
        made.zero_grad(set_to_none=True)
        network(torch.randn(2, 3, 8, 8, generator=rng)).square().mean().backward()
        made.step()
        if step == 5:
            made.load_state_dict(made.state_dict())
    moments = [value for state in made.state_dict()["state"].values() for value in state.values()]
    return [*network.parameters(), *moments]


def test_it_is_torchs_adam_to_the_last_bit() -> None:
    for ours, theirs in zip(trained(EagerAdam), trained(Adam), strict=True):
        assert torch.equal(ours, theirs)


def test_a_training_step_and_a_checkpoint_do_without_dynamo() -> None:
    code = (
        "import sys, torch\n"
        "from baselines.build import build_method\n"
        "from bench.config import RunConfig\n"
        "from bench.data.tasks import Batch, build_task\n"
        "from bench.training.method import Progress\n"
        "config = RunConfig.model_validate({'data': {'image_size': 32}, 'generator': {'width': 2, 'depth': 1},\n"
        "    'tiling': {'grid': 2}, 'discriminator': {'width': 2}, 'train': {'pretrain_steps': 0}})\n"
        "method = build_method(config, build_task(config.task), torch.device('cpu'))\n"
        "method.update(Batch(torch.rand(2, 1, 32, 32), torch.rand(2, 2, 32, 32)), Progress(0, 0.0))\n"
        "assert all(optimizer.state_dict()['state'] for optimizer in method.optimizers.values())\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
