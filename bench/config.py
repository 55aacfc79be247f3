"""The config of one run: typed, frozen, checked when built; its defaults are the paper's model at scale `paper`.

Section and equation numbers refer to Zhang & Zhou, "A Generative Adversarial Network Model For Different Image
generation Tasks".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bench.errors import InputError as InputError

BUDGETS = ("steps", "images", "seconds", "flops")
"""What a run's length can be given in."""
LATER = (
    ("data", "score_on"),
    ("data", "skip_gray"),
    ("generator", "norm_first"),
    ("discriminator", "norm_first"),
    ("generator", "init"),
    ("discriminator", "init"),
    ("train", "flops"),
    ("train", "discriminator_learning_rate"),
    ("train", "learning_rate_decay"),
    ("train", "decay_after"),
    ("train", "fresh_batches"),
)
"""Fields that came after the first runs were stored."""


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that a field's annotation is made of."""
    yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


class Section(BaseModel):
    """A frozen group of fields that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_is_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """pydantic would take true, which yes and on are in YAML too, for 1."""
        given = value if isinstance(value, list | tuple) else [value]
        if info.field_name and any(isinstance(one, bool) for one in given):
            kinds = set(_kinds(cls.model_fields[info.field_name].annotation))
            if kinds & {int, float} and bool not in kinds:
                wanted = "integer" if int in kinds else "number"
                raise ValueError(
                    f"input should be a valid {wanted}, not {value!r}; yes, no, on and off are booleans in YAML"
                )
        return value


class TaskConfig(Section):
    """What is turned into what."""

    name: Literal["colorization", "inpainting"] = "colorization"
    """colorization: L in, ab out (section 4.1). inpainting: RGB with a square hole in, RGB out (section 4.2)."""
    hole: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """inpainting: side of the square, as a share of the image's side."""
    mask_known: bool = False
    """inpainting: whether the mask is a fourth input channel; the paper's model is not told where the hole is."""
    mask_seed: Annotated[int, Field(ge=0)] = 0
    """inpainting: with the crop's content it places the holes of validation, which so are the same for every run."""

    @model_validator(mode="after")
    def _fields_fit(self) -> TaskConfig:
        if self.name == "colorization":
            for field in ("hole", "mask_known", "mask_seed"):
                if getattr(self, field) != type(self).model_fields[field].default:
                    raise ValueError(f"task.{field} belongs to inpainting; colorization has no hole")
        return self


class DataConfig(Section):
    """Which photographs, at which size, and how they are cropped."""

    name: Literal["photos", "folder", "places365"] = "photos"
    """photos: the colour photographs that ship inside scikit-image, scikit-learn and matplotlib; folder: any
    directory of images; places365: the paper's data set (section 4.1.1), through torchvision."""
    path: str | None = None
    """Root folder of `folder` and `places365`. Not part of a run's id: the images' content is."""
    image_size: Annotated[int, Field(ge=8)] = 256
    """Side of the square crops, in pixels."""
    train_images: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    """Train on this many images, or on this share of them (below 1), a subset drawn with `subset_seed`; null takes all
    (the paper used about 8,000)."""
    val_images: Annotated[int, Field(ge=1)] | None = 64
    """Score at most this many validation crops; null takes all."""
    subset_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the subset that `train_images` draws."""
    score_on: Literal["all", "validation", "test"] = "all"
    """Which of the photographs that are not trained on are scored: all, or one half of them. A search chooses on
    `validation` and confirms on `test`."""
    scales: tuple[Annotated[float, Field(ge=1)], ...] = Field(default=(1.0, 1.5, 2.0), min_length=1)
    """A crop comes from the photograph resized so that its short side is image_size times one of these."""
    skip_gray: bool = False
    """Leave gray images out of training, as the makers of zhang2017 and nazeri2018 did; they are still scored."""
    flip: bool = True
    """Mirror half of the training crops left to right."""

    @model_validator(mode="after")
    def _path_is_of_a_folder(self) -> DataConfig:
        if self.name == "photos" and self.path is not None:
            raise ValueError("data.path belongs to data.name folder and places365; give your folder with --data PATH")
        return self


class GeneratorConfig(Section):
    """The U-Net (section 3.1)."""

    downsample: Literal["strided_conv", "max_pool"] = "strided_conv"
    """How a layer halves its input: a stride of 2, or the same convolution at stride 1 and a 2x2 max pooling."""
    norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation after every convolution but the last, and the first without `norm_first`."""
    norm_first: bool = False
    """Whether the first down-sampling layer is normalised too. Section 3.1 says that each one is; with it the paper's
    model would have 128 parameters more, and not the total of table 1."""
    init: Literal["normal", "he"] = "normal"
    """First weights of the convolutions. normal: N(0, 0.02), as DCGAN and pix2pix; he: N(0, sqrt(2 / fan-in)), which
    keeps the signal's variance without a norm (He et al. 2015)."""
    depth: Annotated[int, Field(ge=1, le=10)] = 3
    """Number of down-sampling layers."""
    width: Annotated[int, Field(ge=1)] = 64
    """Channels of the first layer."""
    max_multiplier: Annotated[int, Field(ge=1)] = 2
    """Channels double a layer until they reach this multiple of `width`."""
    extra_convs: Annotated[int, Field(ge=0)] = 0
    """Shape-holding 3x3 convolutions after each down-sampling layer (section 3.1: "more shape-holding convolution
    layers" would make the model stronger)."""


class TilingConfig(Section):
    """Partitioning (section 3.3)."""

    grid: Annotated[int, Field(ge=1)] = 4
    """The image is cut into grid x grid sub-images; 1 is the whole image."""
    context: Literal["none", "channel", "vector"] = "vector"
    """What a sub-image is told of the whole: nothing; the shrunk image as more input channels; or the shrunk
    image's latent, concatenated before the decoder."""
    merge: Literal["stitch", "learned"] = "stitch"
    """How the outputs become one image: put side by side, or that and a learned convolution over the result."""


class DiscriminatorConfig(Section):
    """Stacked convolutions that judge (x, y) pairs (section 3.1)."""

    depth: Literal["full"] | Annotated[int, Field(ge=1, le=10)] = "full"
    """Down-sampling layers before the last convolution: until 1x1, or fewer with the outputs averaged."""
    width: Annotated[int, Field(ge=1)] = 64
    """Channels of the first layer."""
    max_multiplier: Annotated[int, Field(ge=1)] = 8
    """Channels double a layer until they reach this multiple of `width`."""
    activation: Literal["leaky_relu", "relu"] = "leaky_relu"
    """leaky_relu has slope 0.2."""
    norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation after every convolution but the last, and the first without `norm_first`."""
    norm_first: bool = False
    """Whether the first layer is normalised too, as section 3.1 says of each; 128 parameters, as in the generator."""
    init: Literal["normal", "he"] = "normal"
    """First weights of the convolutions. normal: N(0, 0.02), as DCGAN and pix2pix; he: N(0, sqrt(2 / fan-in)), which
    keeps the signal's variance without a norm (He et al. 2015)."""
    context: bool = True
    """Whether D sees the shrunk whole image beside each sub-image, whatever G is told; never where tiling.grid is 1."""


class ScheduleConfig(Section):
    """A value over the run's progress p in [0, 1]: the share of the whole budget, pretraining included."""

    kind: Literal["constant", "linear", "cosine", "step"] = "constant"
    """constant: start; linear and cosine: from start to end; step: start while p < at, then end."""
    start: Annotated[float, Field(ge=0)]
    """Value at p = 0."""
    end: Annotated[float, Field(ge=0)] | None = None
    """Value at p = 1; every kind but constant needs it."""
    at: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Where `step` changes; no other kind has it."""

    @model_validator(mode="after")
    def _end_is_given(self) -> ScheduleConfig:
        if self.kind == "constant" and self.end is not None:
            raise ValueError("a constant schedule has no end; remove it, or set kind: linear")
        if self.kind != "constant" and self.end is None:
            raise ValueError(f"a {self.kind} schedule needs an end")
        if (self.kind == "step") != (self.at is not None):
            raise ValueError(
                "a step schedule needs an at" if self.kind == "step" else f"a {self.kind} schedule has no at"
            )
        return self


def _number_is_constant(value: Any) -> Any:
    return {"start": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _name_is_task(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class LossConfig(Section):
    """The objective L_GAN + lambda L_L1 (section 3.2)."""

    adversarial: Literal["bce", "l2"] = "bce"
    """Binary cross-entropy or least squares, the two adversarial losses of section 3.2."""
    l1: Annotated[ScheduleConfig, BeforeValidator(_number_is_constant)] = ScheduleConfig(
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
    """Everything that decides a run's numbers, and nothing else but `data.path` and `train.validations`."""

    method: str = "gan"
    """gan is the paper's model; any name of the registry in `baselines/__init__.py`; or module:Class of your own."""
    task: Annotated[TaskConfig, BeforeValidator(_name_is_task)] = TaskConfig()
    data: DataConfig = DataConfig()
    generator: GeneratorConfig = GeneratorConfig()
    tiling: TilingConfig = TilingConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def discriminator_batches(self) -> int:
        """Batches an iteration that the discriminator alone sees."""
        return self.train.d_steps if self.method == "gan" and self.train.fresh_batches else 0

    @property
    def tile_size(self) -> int:
        """Side of a sub-image in pixels."""
        return self.data.image_size // self.tiling.grid

    @model_validator(mode="after")
    def _sizes_fit(self) -> RunConfig:
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
                f"sub-images of {self.tile_size} px are too small for D, 8 is the least; lower tiling.grid"
            )
        if self.generator.norm == "instance" and self.tile_size == 2**depth:
            raise ValueError("generator.norm = instance has nothing to normalise at 1x1; lower generator.depth")
        if self.generator.norm == "batch" and self.tile_size == 2**depth and grid == self.train.batch_size == 1:
            raise ValueError(
                "generator.norm = batch has nothing to normalise over in one latent of 1x1; "
                "lower generator.depth, or raise train.batch_size or tiling.grid"
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
        """The fields that a run's id is made of: all but where the data lies and how often it is validated. A field of
        LATER counts where it is not at its default alone, so that the ids of before it came stay."""
        fields = self.model_dump(mode="json")
        del fields["data"]["path"], fields["train"]["validations"]
        for section, name in LATER:
            if fields[section][name] == type(getattr(self, section)).model_fields[name].default:
                del fields[section][name]
        return fields
