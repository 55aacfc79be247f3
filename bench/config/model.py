"""The sections `generator`, `tiling` and `discriminator`: the paper's model (section 3)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bench.config.section import Section


class GeneratorConfig(Section):
    """The generator, a U-Net (section 3.1)."""

    downsample: Literal["strided_conv", "max_pool"] = "strided_conv"
    """How a layer halves its input: `strided_conv`, a convolution with stride 2; or `max_pool`, the same convolution
    with stride 1 and 2x2 max pooling."""
    norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation after every convolution but the last; the first one has it only with `norm_first`."""
    norm_first: bool = False
    """Whether the first down-sampling layer is normalised too. Section 3.1 normalises every layer, but then the model
    has 128 parameters more than table 1 states."""
    init: Literal["normal", "he"] = "normal"
    """First weights of the convolutions: `normal`, N(0, 0.02), as DCGAN and pix2pix; or `he`, N(0, sqrt(2 / fan-in)),
    which keeps the signal's variance without a norm (He et al. 2015)."""
    depth: Annotated[int, Field(ge=1, le=10)] = 3
    """Number of down-sampling layers, 1 to 10."""
    width: Annotated[int, Field(ge=1)] = 64
    """Channels of the first layer."""
    max_multiplier: Annotated[int, Field(ge=1)] = 2
    """Channels double a layer until they reach this multiple of `width`."""
    extra_convs: Annotated[int, Field(ge=0)] = 0
    """Number of shape-holding 3x3 convolutions after each down-sampling layer (section 3.1: "more shape-holding
    convolution layers" would make the model stronger)."""


class TilingConfig(Section):
    """The partition of an image into sub-images (section 3.3)."""

    grid: Annotated[int, Field(ge=1)] = 4
    """Sub-images along each side: the image is cut into grid x grid; 1 is the whole image."""
    context: Literal["none", "channel", "vector"] = "vector"
    """What the generator sees of the whole image beside a sub-image: `none`; `channel`, the shrunk image as further
    input channels; or `vector`, the shrunk image's latent, concatenated before the decoder."""
    merge: Literal["stitch", "learned"] = "stitch"
    """How the outputs become one image: `stitch` puts them side by side; `learned` adds a convolution over them."""


class DiscriminatorConfig(Section):
    """The discriminator, stacked convolutions over pairs (x, y) of input and image (section 3.1)."""

    depth: Literal["full"] | Annotated[int, Field(ge=1, le=10)] = "full"
    """Number of down-sampling layers before the last convolution, 1 to 10; their outputs are averaged. `full`: as many
    as lead to a single output."""
    width: Annotated[int, Field(ge=1)] = 64
    """Channels of the first layer."""
    max_multiplier: Annotated[int, Field(ge=1)] = 8
    """Channels double a layer until they reach this multiple of `width`."""
    activation: Literal["leaky_relu", "relu"] = "leaky_relu"
    """Activation after every convolution but the last; `leaky_relu` has slope 0.2."""
    norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation after every convolution but the last; the first one has it only with `norm_first`."""
    norm_first: bool = False
    """Whether the first layer is normalised too, as in the generator."""
    init: Literal["normal", "he"] = "normal"
    """First weights of the convolutions: `normal`, N(0, 0.02), as DCGAN and pix2pix; or `he`, N(0, sqrt(2 / fan-in)),
    which keeps the signal's variance without a norm (He et al. 2015)."""
    context: bool = True
    """Whether the discriminator sees the shrunk whole image beside each sub-image, whatever the generator sees. Without
    effect where `tiling.grid` is 1."""
