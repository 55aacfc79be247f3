"""The sections `loss` and `train`, and the config of a run, which checks that its sections fit together."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from bench.config.data import DataConfig, TaskConfig
from bench.config.model import DiscriminatorConfig, GeneratorConfig, TilingConfig
from bench.config.section import Section

BUDGETS = ("steps", "images", "seconds", "flops")
"""The fields of TrainConfig that can give a run's length; exactly one does."""


class ScheduleConfig(Section):
    """A value over the run's progress p in [0, 1], the share of the whole budget, pretraining included."""

    kind: Literal["constant", "linear", "cosine", "step"] = "constant"
    """`constant`: always `start`; `linear` and `cosine`: from `start` to `end`; `step`: `start` while p < `at`, then
    `end`."""
    start: Annotated[float, Field(ge=0)]
    """Value at p = 0."""
    end: Annotated[float, Field(ge=0)] | None = None
    """Value at p = 1, which every kind but `constant` needs."""
    at: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The progress, between 0 and 1, at which `step` changes; no other kind has it."""

    @model_validator(mode="after")
    def _check_end_and_at(self) -> ScheduleConfig:
        if self.kind == "constant" and self.end is not None:
            raise ValueError("a constant schedule has no end; remove it, or set kind: linear")
        if self.kind != "constant" and self.end is None:
            raise ValueError(f"a {self.kind} schedule needs an end; add it, or set kind: constant")
        if self.kind == "step" and self.at is None:
            raise ValueError("a step schedule needs an at; add it, or set another kind")
        if self.kind != "step" and self.at is not None:
            raise ValueError(f"a {self.kind} schedule has no at; remove it, or set kind: step")
        return self


def _number_as_schedule(value: Any) -> Any:
    return {"start": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _name_as_task(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class LossConfig(Section):
    """The objective L_GAN + lambda L_L1 (section 3.2)."""

    adversarial: Literal["bce", "l2"] = "bce"
    """Binary cross-entropy or least squares, the two adversarial losses of section 3.2."""
    l1: Annotated[ScheduleConfig, BeforeValidator(_number_as_schedule)] = ScheduleConfig(
        kind="linear", start=100.0, end=10.0
    )
    """lambda, the weight of L1; a bare number is a constant."""


class TrainConfig(Section):
    """Budget and optimisation (section 4.1.1). Exactly one of steps, images, seconds and flops is the budget."""

    steps: Annotated[int, Field(ge=1)] | None = 10_000
    """Budget in iterations."""
    images: Annotated[int, Field(ge=1)] | None = None
    """Budget in training images that the generator sees; it is rounded up to whole batches."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """Budget in seconds of training, without validation."""
    flops: Annotated[float, Field(gt=0)] | None = None
    """Budget in FLOPs of training: convolutions and matrix products of all networks, forward and backward, at 2 FLOPs a
    multiply-accumulate, as torch counts them. They are the same on every machine, so models of different size can
    train at equal cost."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Images in a batch."""
    d_steps: Annotated[int, Field(ge=1)] = 2
    """Discriminator updates an iteration (section 3.1: "more than once")."""
    fresh_batches: bool = False
    """gan: whether each discriminator update uses a batch and fakes of its own (Goodfellow et al. 2014, algorithm 1) or
    all of them share those of the generator's update. A budget in images counts the generator's only."""
    pretrain_steps: Annotated[int, Field(ge=0)] = 1_000
    """First iterations of the budget, in which the generator learns from L1 only (section 4.1.1)."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    """Adam's learning rate for the generator, and for the discriminator unless it has its own."""
    discriminator_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """gan: Adam's learning rate for the discriminator; null takes `learning_rate`."""
    learning_rate_decay: Literal["none", "linear", "cosine"] = "none"
    """gan and l1_unet: how all learning rates fall to 0 from `decay_after` to the end of the budget."""
    decay_after: Annotated[float, Field(ge=0, lt=1)] = 0
    """Share of the budget, pretraining included, after which the learning rates decay."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.5, 0.999)
    """Adam's decay rates, as in DCGAN and pix2pix."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay per step of an exponential moving average of the generator's weights; null keeps none. The averaged weights
    are scored in place of the last ones, with BatchNorm statistics that are estimated on training batches for them."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of the networks, bf16 by autocast. Colour conversion, losses and scores are always fp32. fp32 excludes
    TF32."""
    validations: Annotated[int, Field(ge=1)] = 20
    """Number of validations during training, at equal shares of the budget. Not part of a run's id."""

    @model_validator(mode="after")
    def _one_budget(self) -> TrainConfig:
        given = {k: v for k in BUDGETS if (v := getattr(self, k)) is not None}
        if len(given) != 1:
            have = " and ".join(f"{k}={v}" for k, v in given.items()) or "none of them"
            raise ValueError(f"exactly one of {', '.join(BUDGETS)} is the budget, here {have}; set the others to null")
        steps = self.steps if self.images is None else -(-self.images // self.batch_size)
        if steps is not None and self.pretrain_steps > steps:
            raise ValueError(f"pretrain_steps ({self.pretrain_steps}) is more than the budget of {steps} steps")
        if self.learning_rate_decay == "none" and self.decay_after:
            raise ValueError("decay_after has no effect where learning_rate_decay is none; remove it, or set linear")
        return self


class RunConfig(Section):
    """The config of a run: all that decides its numbers, and beside that `data.path` and `train.validations` alone."""

    method: str = "gan"
    """`gan`, the paper's model; another name that `bench baselines` lists; or module:Class of your own."""
    task: Annotated[TaskConfig, BeforeValidator(_name_as_task)] = TaskConfig()
    """The task; the name alone is enough."""
    data: DataConfig = DataConfig()
    """The photographs and their crops."""
    generator: GeneratorConfig = GeneratorConfig()
    """The generator of `gan` and `l1_unet`."""
    tiling: TilingConfig = TilingConfig()
    """The partition of images, for `gan` and `l1_unet`."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    """The discriminator of `gan`."""
    loss: LossConfig = LossConfig()
    """The objective of `gan`."""
    train: TrainConfig = TrainConfig()
    """The budget and the optimisation."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the weights, the crops and all else that is random. In a study, `seeds` sets it."""

    @property
    def discriminator_batches(self) -> int:
        """Batches an iteration that the discriminator alone sees."""
        return self.train.d_steps if self.method == "gan" and self.train.fresh_batches else 0

    @property
    def tile_size(self) -> int:
        """Side of a sub-image in pixels."""
        return self.data.image_size // self.tiling.grid

    @model_validator(mode="after")
    def _check_sizes(self) -> RunConfig:
        size, grid, depth = self.data.image_size, self.tiling.grid, self.generator.depth
        if size % grid:
            raise ValueError(f"data.image_size ({size}) is not a multiple of tiling.grid ({grid})")
        if self.tile_size % 2**depth:
            raise ValueError(
                f"a sub-image of {self.tile_size} px (data.image_size / tiling.grid) cannot be halved "
                f"generator.depth = {depth} times; it must be a multiple of {2**depth}"
            )
        if self.tile_size < 8:
            raise ValueError(
                f"a sub-image of {self.tile_size} px is too small for the discriminator, it needs 8; lower tiling.grid"
            )
        if self.generator.norm == "instance" and self.tile_size == 2**depth:
            raise ValueError(
                "generator.norm = instance has nothing to normalise in a latent of 1x1; lower generator.depth"
            )
        if self.generator.norm == "batch" and self.tile_size == 2**depth and grid == self.train.batch_size == 1:
            raise ValueError(
                "generator.norm = batch has nothing to normalise in a single latent of 1x1; lower generator.depth, or "
                "raise train.batch_size or tiling.grid"
            )
        for name in ("generator", "discriminator"):
            if getattr(self, name).norm_first and getattr(self, name).norm == "none":
                raise ValueError(f"{name}.norm_first has no effect where {name}.norm is none; remove it, or set a norm")
        down = self.discriminator.depth
        if down != "full" and self.tile_size >> down < 4:
            raise ValueError(
                f"discriminator.depth = {down} leaves less than 4x4 of a sub-image of {self.tile_size} px; "
                f"the deepest is {(self.tile_size // 4).bit_length() - 1}, or write full"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """The fields that a run's id is made of: all except where the data lies and how often it is validated."""
        fields = self.model_dump(mode="json")
        del fields["data"]["path"], fields["train"]["validations"]
        return fields
