"""The card of each method: its paper, settings, needs, published weights and figures. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A figure that the authors published; it was not measured here."""

    score: str
    value: str
    data: str
    """Data set and protocol of the figure."""
    source: str
    """Table or section of the paper."""


@dataclass(frozen=True)
class Weights:
    """A file of weights that the authors published."""

    url: str
    file: str
    sha256: str
    """The first hex digits of the file's sha256, as many as the authors gave."""


@dataclass(frozen=True)
class Card:
    """Facts about a method, shown in tables."""

    title: str
    authors: str
    year: int | None
    venue: str
    settings: str
    """Published losses and optimiser, which training here follows; empty for a method that is not trained."""
    needs_mask: bool = False
    """Whether the method is told where the hole is."""
    weights: Weights | None = None
    no_weights: str = ""
    """The reason why no authors' weights can be loaded."""
    published: tuple[Published, ...] = ()

    @property
    def citation(self) -> str:
        """Zhang et al. 2016"""
        return f"{self.authors} {self.year}" if self.year else self.authors


THIS_PAPER = "A Generative Adversarial Network Model For Different Image generation Tasks"

CARDS: dict[str, Card] = {
    "gan": Card(
        THIS_PAPER,
        "Zhang & Zhou",
        None,
        "",
        "BCE or L2 GAN + lambda L1, L1 pretraining; Adam 2e-4, betas 0.5, 0.999 (not stated; DCGAN's)",
        no_weights="none published",
    ),
    "l1_unet": Card(
        THIS_PAPER + " (section 4.1.2: L1 alone)",
        "Zhang & Zhou",
        None,
        "",
        "L1; Adam 2e-4, betas 0.5, 0.999",
        no_weights="none published",
    ),
    "zhang2016": Card(
        "Colorful Image Colorization",
        "Zhang et al.",
        2016,
        "ECCV",
        "rebalanced cross-entropy over 313 ab bins, soft-encoded; Adam 3e-5, 1e-5, 3e-6, betas 0.9, 0.99, decay 1e-3",
        weights=Weights(
            "https://colorizers.s3.us-east-2.amazonaws.com/colorization_release_v2-9b330a0b.pth",
            "colorization_release_v2-9b330a0b.pth",
            "9b330a0b",
        ),
        published=(
            Published("per-pixel AuC (%)", "89.5", "ImageNet, 10,000 validation images", "table 1, Ours (full)"),
            Published("AuC, rebalanced (%)", "67.3", "ImageNet, 10,000 validation images", "table 1, Ours (full)"),
            Published("VGG top-1 accuracy (%)", "56.0", "ImageNet, 10,000 validation images", "table 1, Ours (full)"),
            Published("people fooled (%)", "32.3 ± 2.2", "ImageNet, Mechanical Turk", "table 1, Ours (full)"),
        ),
    ),
    "zhang2017": Card(
        "Real-Time User-Guided Image Colorization with Learned Deep Priors (automatic: no hints)",
        "Zhang et al.",
        2017,
        "SIGGRAPH",
        "classification, then Huber (delta 1); Adam 1e-4, 1e-5, 1e-6, betas 0.9, 0.999",
        weights=Weights(
            "https://colorizers.s3.us-east-2.amazonaws.com/siggraph17-df00044c.pth",
            "siggraph17-df00044c.pth",
            "df00044c",
        ),
    ),
    "nazeri2018": Card(
        "Image Colorization Using Generative Adversarial Networks (Places365 model)",
        "Nazeri et al.",
        2018,
        "AMDO",
        "-log D + 100 L1, real label 0.9; Adam 3e-4 (D a tenth), betas 0, 0.999, exponential decay",
        no_weights="published for TensorFlow only",
    ),
    "pix2pix": Card(
        "Image-to-Image Translation with Conditional Adversarial Networks",
        "Isola et al.",
        2017,
        "CVPR",
        "BCE GAN (D halved) + 100 L1; Adam 2e-4, betas 0.5, 0.999, linearly to 0 over the second half",
        no_weights="published for other tasks only (edges2shoes, sat2map, ...)",
    ),
    "iizuka2017": Card(
        "Globally and Locally Consistent Image Completion",
        "Iizuka et al.",
        2017,
        "SIGGRAPH",
        "MSE in the hole, then D alone, then both with 0.0004 log(1 - D), at 18% and 20% of the budget; Adadelta 1",
        needs_mask=True,
        no_weights="published for Torch7 only",
    ),
    "yu2018": Card(
        "Generative Image Inpainting with Contextual Attention",
        "Yu et al.",
        2018,
        "CVPR",
        "discounted L1 + 0.001 WGAN-GP, 5 critic updates; Adam 1e-4, betas 0.5, 0.9",
        needs_mask=True,
        no_weights="published for TensorFlow only",
        published=(
            Published("L1 (%)", "8.6", "Places2, validation, 256x256", "table 1"),
            Published("L2 (%)", "2.1", "Places2, validation, 256x256", "table 1"),
            Published("PSNR (dB)", "18.91", "Places2, validation, 256x256", "table 1"),
            Published("TV (%)", "25.3", "Places2, validation, 256x256", "table 1"),
        ),
    ),
    "yu2019": Card(
        "Free-Form Image Inpainting with Gated Convolution",
        "Yu et al.",
        2019,
        "ICCV",
        "L1 + SN-PatchGAN (hinge); Adam 1e-4, betas 0.5, 0.999",
        needs_mask=True,
        no_weights="published for TensorFlow only",
        published=(
            Published("L1 (%), rectangular mask", "8.6", "Places2, validation", "table 1"),
            Published("L2 (%), rectangular mask", "2.0", "Places2, validation", "table 1"),
            Published("L1 (%), free-form mask", "9.1", "Places2, validation", "table 1"),
            Published("L2 (%), free-form mask", "1.6", "Places2, validation", "table 1"),
        ),
    ),
    "identity": Card("The input unchanged", "—", None, "", ""),
    "gray": Card("No colour", "—", None, "", ""),
    "mean_color": Card("The training set's mean colour", "—", None, "", ""),
    "mean_fill": Card("The mean colour around the hole", "—", None, "", "", needs_mask=True),
    "telea": Card(
        "An Image Inpainting Technique Based on the Fast Marching Method (OpenCV)",
        "Telea",
        2004,
        "Journal of Graphics Tools",
        "",
        needs_mask=True,
    ),
    "navier_stokes": Card(
        "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting (OpenCV)",
        "Bertalmio et al.",
        2001,
        "CVPR",
        "",
        needs_mask=True,
    ),
    "biharmonic": Card(
        "On surface completion and image inpainting by biharmonic functions (scikit-image)",
        "Damelin & Hoang",
        2018,
        "International Journal of Mathematics and Mathematical Sciences",
        "",
        needs_mask=True,
    ),
    "patchmatch": Card(
        "PatchMatch: A Randomized Correspondence Algorithm for Structural Image Editing (PyPatchMatch)",
        "Barnes et al.",
        2009,
        "SIGGRAPH",
        "",
        needs_mask=True,
    ),
}
