"""The GAN against a plain loop, and against itself."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.gan import GAN
from bench.training.method import Progress
from bench.training.trainable import settle_average

TINY: dict[str, dict[str, Any]] = {
    "data": {"image_size": 32},
    "generator": {"width": 4, "depth": 2},
    "tiling": {"grid": 2},
    "discriminator": {"width": 4},
    "train": {"steps": 10, "pretrain_steps": 0, "batch_size": 3},
}
STEPS = 10
RATE = 1e-2  # fifty times the default, so that a wrong step shows in the next losses


def build(seed: int = 0, **sections: dict[str, Any]) -> GAN:
    """A GAN on 32x32 images cut into 2x2 tiles, so that D has a norm too; without pretraining."""
    merged = {name: TINY.get(name, {}) | sections.get(name, {}) for name in {*TINY, *sections}}
    return GAN(RunConfig.model_validate({**merged, "seed": seed}), 1, 2, torch.device("cpu"))


def noise(seed: int, n: int = 3) -> Batch:
    pixels = torch.rand((n, 3, 32, 32), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Batch(pixels[:, :1], pixels[:, 1:])


def batch(step: int, n: int = 3, discriminator_batches: int = 0) -> Batch:
    """The batch of a step, a function of it, with as many more for D."""
    fresh = tuple(noise(1000 * (index + 1) + step, n) for index in range(discriminator_batches))
    return replace(noise(step, n), fresh=fresh)


def run(gan: GAN, steps: int) -> list[dict[str, float]]:
    """Losses of the first steps."""
    fresh = gan.config.discriminator_batches
    updates = (gan.update(batch(step, 3, fresh), Progress(step, step / STEPS)) for step in range(steps))
    return [{name: loss.item() for name, loss in losses.items()} for losses in updates]


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(network.state_dict())


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_pretraining_is_l1_alone_and_leaves_d_untouched() -> None:
    gan = build(train={"pretrain_steps": 2})
    d, g = snapshot(gan.discriminator), snapshot(gan.generator)
    assert [list(losses) for losses in run(gan, 2)] == [["l1"], ["l1"]]
    assert same(snapshot(gan.discriminator), d)
    assert not gan.optimizers["discriminator"].state
    assert not same(snapshot(gan.generator), g)
    assert set(gan.update(batch(2), Progress(2, 0.2))) == {"l1", "d_real", "d_fake", "g_adversarial"}
    assert not same(snapshot(gan.discriminator), d)


def test_losses_are_detached_scalars() -> None:
    for loss in build().update(batch(0), Progress(0, 0)).values():
        assert (loss.shape, loss.dtype, loss.requires_grad) == ((), torch.float32, False)


@pytest.mark.parametrize(
    ("adversarial", "train", "d_rate", "decays"),
    [
        ("bce", {}, RATE, False),
        ("l2", {}, RATE, False),
        ("bce", {"discriminator_learning_rate": RATE / 4}, RATE / 4, False),
        ("l2", {"learning_rate_decay": "linear", "decay_after": 0.2, "fresh_batches": True}, RATE, True),
    ],
)
def test_update_is_the_plain_loop(adversarial: str, train: dict[str, Any], d_rate: float, decays: bool) -> None:
    schedule = {"kind": "linear", "start": 3, "end": 1}
    train = {"pretrain_steps": 1, "learning_rate": RATE, **train}
    ours = build(loss={"adversarial": adversarial, "l1": schedule}, train=train)
    g, d = copy.deepcopy(ours.generator), copy.deepcopy(ours.discriminator)
    adam_g = torch.optim.Adam(g.parameters(), lr=RATE, betas=(0.5, 0.999), foreach=False)
    adam_d = torch.optim.Adam(d.parameters(), lr=d_rate, betas=(0.5, 0.999), foreach=False)
    is_fresh = ours.config.train.fresh_batches

    def to(value: float, score: Tensor) -> Tensor:
        measure = F.binary_cross_entropy_with_logits if adversarial == "bce" else F.mse_loss
        return measure(score, torch.full_like(score, value))

    for step, losses in enumerate(run(ours, 6)):
        x, y = batch(step).input, batch(step).target
        plain = {}
        if decays:
            for adam, rate in ((adam_g, RATE), (adam_d, d_rate)):
                adam.param_groups[0]["lr"] = rate * min(1, (STEPS - step) / (0.8 * STEPS))
        if step >= 1:
            for index in range(2):
                drawn = batch(step, discriminator_batches=2).fresh[index] if is_fresh else batch(step)
                condition = d.condition(drawn.input)
                plain["d_real"] = to(1, d(condition, drawn.target))
                plain["d_fake"] = to(0, d(condition, g(drawn.input).detach()))
                adam_d.zero_grad()
                (plain["d_real"] + plain["d_fake"]).backward()
                adam_d.step()
        fake = g(x)
        plain["l1"] = objective = (fake - y).abs().mean()
        if step >= 1:
            plain["g_adversarial"] = to(1, d(d.condition(x), fake))
            objective = plain["g_adversarial"] + (3 - 2 * step / STEPS) * plain["l1"]
        adam_g.zero_grad()
        objective.backward()
        adam_g.step()
        assert losses == pytest.approx({name: loss.item() for name, loss in plain.items()}, rel=0, abs=1e-5)


def test_d_steps() -> None:
    once, twice = build(train={"d_steps": 1}), build(train={"d_steps": 2})
    run(once, 1)
    run(twice, 1)
    for gan, expected in ((once, 1), (twice, 2)):
        steps = {moments["step"].item() for moments in gan.optimizers["discriminator"].state.values()}
        assert steps == {expected}
        assert {moments["step"].item() for moments in gan.optimizers["generator"].state.values()} == {1}


def test_without_an_average_there_is_none() -> None:
    assert list(build().networks) == ["generator", "discriminator"]


def test_the_average_is_the_lerp_of_the_weights() -> None:
    gan = build(train={"ema": 0.9})
    assert list(gan.networks) == ["generator", "discriminator", "average"]
    average = gan.networks["average"]
    assert not any(p.requires_grad for p in average.parameters())
    expected = [p.detach().clone() for p in gan.generator.parameters()]
    for step in range(3):
        gan.update(batch(step), Progress(step, 0))
        expected = [0.9 * mean + 0.1 * p.detach() for mean, p in zip(expected, gan.generator.parameters(), strict=True)]
    torch.testing.assert_close(list(average.parameters()), expected, rtol=1e-6, atol=1e-7)
    assert same(dict(average.named_buffers()), dict(gan.generator.named_buffers()))  # not averaged: copied


def test_the_norms_of_the_average_are_estimated_from_its_own_activations() -> None:
    gan = build(train={"ema": 0.9})
    run(gan, 3)
    average = gan.networks["average"]
    inputs: list[Tensor] = []
    norm = average.get_submodule("unet.up.0.norm")
    norm.register_forward_pre_hook(lambda module, given: inputs.append(given[0].detach()))
    settle_average(gan, [batch(5), batch(6)], gan.device, gan.config.train)
    means = torch.stack([x.mean((0, 2, 3)) for x in inputs]).mean(0)
    variances = torch.stack([x.var((0, 2, 3)) for x in inputs]).mean(0)
    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances)


def test_estimating_the_norms_of_the_average_changes_no_training() -> None:
    settled, left_alone = build(train={"ema": 0.9}), build(train={"ema": 0.9})
    for gan in (settled, left_alone):
        run(gan, 2)
    weights = [p.detach().clone() for p in settled.networks["average"].parameters()]
    settle_average(settled, [batch(5)], settled.device, settled.config.train)
    assert all(map(torch.equal, weights, settled.networks["average"].parameters()))
    assert run(settled, 2) == run(left_alone, 2)
    for name, network in settled.networks.items():
        assert same(snapshot(network), snapshot(left_alone.networks[name]))


def test_without_an_average_no_batch_is_drawn_for_its_norms() -> None:
    gan = build()
    before = snapshot(gan.generator)
    settle_average(gan, iter(()), gan.device, gan.config.train)
    assert same(snapshot(gan.generator), before)


def test_the_average_is_what_predicts() -> None:
    gan = build(train={"ema": 0.999})
    run(gan, 3)
    x = batch(9)
    with torch.no_grad():
        assert torch.equal(gan.predict(x), gan.networks["average"].eval()(x.input))
        assert not torch.equal(gan.predict(x), gan.generator.eval()(x.input))


@pytest.mark.parametrize("ema", [None, 0.9])
def test_predicting_changes_nothing(ema: float | None) -> None:
    looked, blind = build(train={"ema": ema}), build(train={"ema": ema})
    assert run(looked, 2) == run(blind, 2)
    before = {name: snapshot(network) for name, network in looked.networks.items()}
    rng = torch.get_rng_state()
    output = looked.predict(batch(9))
    assert output.shape == (3, 2, 32, 32)
    assert output.dtype == torch.float32
    assert not output.requires_grad
    assert output.abs().max() <= 1
    assert torch.equal(torch.get_rng_state(), rng)
    for name, network in looked.networks.items():
        assert same(snapshot(network), before[name])
    assert run(looked, 2) == run(blind, 2)  # nor what is learned next


def test_a_prediction_does_not_depend_on_the_rest_of_the_batch() -> None:
    gan = build()
    run(gan, 3)
    images = batch(9, n=5)
    alone = torch.cat([gan.predict(Batch(x[None], y[None])) for x, y in zip(images.input, images.target, strict=True)])
    torch.testing.assert_close(gan.predict(images), alone, rtol=1e-5, atol=1e-6)


def test_bf16_is_close_to_fp32_and_gives_fp32() -> None:
    exact, rough = build(), build(train={"precision": "bf16"})
    for expected, losses in zip(run(exact, 3), run(rough, 3), strict=True):
        assert losses == pytest.approx(expected, rel=0.02)
        assert losses != expected
    output = rough.predict(batch(9))
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, exact.predict(batch(9)), rtol=0, atol=0.01)
    assert all(p.dtype == torch.float32 for network in rough.networks.values() for p in network.parameters())


@pytest.mark.parametrize(
    "sections",
    [
        {"tiling": {"grid": 1}, "train": {"batch_size": 1}},
        {"generator": {"norm": "instance"}, "discriminator": {"norm": "instance"}, "train": {"batch_size": 1}},
        {"generator": {"norm": "none"}, "discriminator": {"norm": "none", "depth": 1}},
        {"tiling": {"context": "channel", "merge": "learned"}, "train": {"precision": "bf16"}},
        {"tiling": {"context": "none"}, "generator": {"downsample": "max_pool"}, "loss": {"adversarial": "l2"}},
    ],
)
def test_corners_learn_and_predict(sections: dict[str, dict[str, Any]]) -> None:
    gan = build(**sections)
    n = gan.config.train.batch_size
    for step in range(2):
        losses = gan.update(batch(step, n), Progress(step, 0))
        assert all(loss.isfinite() for loss in losses.values())
    assert gan.predict(batch(9, n)).isfinite().all()


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_a_latent_that_cannot_be_normalised_is_refused(norm: str) -> None:
    with pytest.raises(ValueError, match="has nothing to normalise"):
        build(generator={"depth": 5, "norm": norm}, tiling={"grid": 1}, train={"batch_size": 1})


@pytest.mark.parametrize(("images", "fits"), [(7, True), (6, False)])
def test_pretraining_fits_into_a_budget_in_images(images: int, fits: bool) -> None:
    fields: dict[str, Any] = {"steps": None, "images": images, "batch_size": 3, "pretrain_steps": 3}
    if fits:
        build(train=fields)
    else:
        with pytest.raises(ValueError, match=r"pretrain_steps \(3\) is more than the budget of 2 steps"):
            build(train=fields)


@pytest.mark.parametrize(
    ("field", "match"),
    [
        ({"betas": (0.5, 1.0)}, "less than 1"),
        ({"learning_rate": float("inf")}, "finite number"),
        ({"discriminator_learning_rate": 0}, "greater than 0"),
        ({"decay_after": 0.5}, "decay_after has no effect where learning_rate_decay is none"),
        ({"learning_rate_decay": "linear", "decay_after": 1}, "less than 1"),
    ],
)
def test_what_adam_cannot_use_is_refused(field: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        build(train=field)


def test_the_same_seed_gives_the_same_losses_bit_by_bit() -> None:
    first = run(build(seed=3), 3)
    torch.rand(17)  # the global random state has no say
    assert run(build(seed=3), 3) == first
    assert run(build(seed=4), 3) != first


def test_golden_losses() -> None:
    """A change here means that every stored run is of another model: raise the schema version with it."""
    golden = [
        {"l1": 0.495266},
        {"l1": 0.499076, "d_real": 0.566913, "d_fake": 0.632152, "g_adversarial": 0.962109},
        {"l1": 0.500721, "d_real": 0.613367, "d_fake": 0.490859, "g_adversarial": 1.170571},
    ]
    gan = build(train={"pretrain_steps": 1, "learning_rate": RATE})
    assert run(gan, 3) == [pytest.approx(losses, rel=1e-4) for losses in golden]
