"""The sections `task` and `data`: what is generated, and from which photographs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bench.config.section import Section


class TaskConfig(Section):
    """The task: what the model is given, and what it generates."""

    name: Literal["colorization", "inpainting"] = "colorization"
    """`colorization`: the colours ab from the lightness L (section 4.1); `inpainting`: RGB from RGB with a square hole
    (section 4.2)."""
    hole: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """Inpainting: side of the hole, as a share of the image's side."""
    mask_known: bool = False
    """Inpainting: whether the mask is a fourth input channel. The paper's model is not told where the hole is."""
    mask_seed: Annotated[int, Field(ge=0)] = 0
    """Inpainting: places the holes of validation, together with the crop's content, so that every run gets the same."""

    @model_validator(mode="after")
    def _check_task_fields(self) -> TaskConfig:
        if self.name == "colorization":
            for field in ("hole", "mask_known", "mask_seed"):
                if getattr(self, field) != type(self).model_fields[field].default:
                    raise ValueError(f"task.{field} belongs to inpainting; colorization has no hole")
        return self


class DataConfig(Section):
    """The photographs, their size and their crops."""

    name: Literal["photos", "folder", "places365"] = "photos"
    """`photos`: the colour photographs inside the packages scikit-image, scikit-learn and matplotlib; `folder`: a
    folder of images; `places365`: the paper's data set (section 4.1.1), through torchvision."""
    path: str | None = None
    """The folder of `folder` and `places365`. It is not part of a run's id, but the images' content is."""
    image_size: Annotated[int, Field(ge=8)] = 256
    """Side of the square crops in pixels, at least 8."""
    train_images: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    """Number of training images, or their share if below 1, drawn with `subset_seed`; null takes all. The paper uses
    about 8,000."""
    val_images: Annotated[int, Field(ge=1)] | None = 64
    """The most validation crops that are scored; null takes all."""
    subset_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the subset that `train_images` draws."""
    score_on: Literal["all", "validation", "test"] = "all"
    """The photographs that are scored, of those that are not trained on: all, or one of two halves. A search selects
    on `validation` and confirms on `test`."""
    scales: tuple[Annotated[float, Field(ge=1)], ...] = Field(default=(1.0, 1.5, 2.0), min_length=1)
    """Sizes that crops are cut from: the photograph's short side is `image_size` times one of these factors, each at
    least 1."""
    skip_gray: bool = False
    """Whether gray images are left out of training, as the authors of zhang2017 and nazeri2018 did; they are scored."""
    flip: bool = True
    """Whether half of the training crops are mirrored left to right."""

    @model_validator(mode="after")
    def _check_path(self) -> DataConfig:
        if self.name == "photos" and self.path is not None:
            raise ValueError("data.path belongs to data.name folder and places365; give your folder with --data PATH")
        return self
