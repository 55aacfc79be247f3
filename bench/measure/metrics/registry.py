"""The registry of metrics: the definition of every score and its loader. Importing it does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

ALL_IMAGES = "all images"
"""Stands in place of an image and a photograph in a score of the whole set, such as FID."""
Needs = Literal["images", "mask", "grid", "set", "distribution"]


@dataclass(frozen=True)
class Metric:
    """A named score: how tables print it, what it is computed from, and its loader."""

    name: str
    title: str
    unit: str  # "" is dimensionless
    direction: Literal["higher", "lower", "neutral"]  # the better one; neutral: the closer to the targets' value
    source: str
    version: int  # the key of stored scores; raise it whenever the numbers change
    target: str  # "module:function"; the function takes a device and returns the score
    has_curve: bool  # whether it is also scored at every validation, not only at the end of a run
    decimals: int
    min_side: int = 1  # smallest height and width, in pixels
    needs: Needs = "images"
    """images: (prediction, target), image by image. mask, grid: also the hole, or the tiling's grid. set: (prediction,
    target) of all images at once, since they are compared with each other. distribution: as set, with one score for
    all images."""
    ranks: bool = True
    """Whether the score puts the truth before pale colours, and pale colours before another photograph's, and noise
    never improves it. A score that does not rank describes the outputs: wrong colours can do well on it."""

    @property
    def records(self) -> str:
        """File of this metric's records in a run. A new version is a new file, so that scoring again trains nothing."""
        return f"scores/{self.name}.v{self.version}"


PSNR = Metric(
    name="psnr",
    title="PSNR",
    unit="dB",
    direction="higher",
    source="10 log10(1 / MSE) per image (torchmetrics)",
    version=1,
    target="bench.measure.metrics.fidelity:load_psnr",
    has_curve=True,
    decimals=2,
)
SSIM = Metric(
    name="ssim",
    title="SSIM",
    unit="",
    direction="higher",
    source="Wang et al. 2004, Gaussian 11x11, sigma 1.5, per image (equal to torchmetrics')",
    version=1,
    target="bench.measure.metrics.fidelity:load_ssim",
    has_curve=True,
    decimals=4,
    min_side=6,
)
MS_SSIM = Metric(
    name="ms_ssim",
    title="MS-SSIM",
    unit="",
    direction="higher",
    source="Wang et al. 2003, five scales, Gaussian 11x11, sigma 1.5, per image (torchmetrics)",
    version=1,
    target="bench.measure.metrics.fidelity:load_ms_ssim",
    has_curve=False,
    decimals=4,
    min_side=176,
)
LPIPS = Metric(
    name="lpips",
    title="LPIPS",
    unit="",
    direction="lower",
    source="Zhang et al. 2018, v0.1, AlexNet (torchmetrics)",
    version=1,
    target="bench.measure.metrics.perceptual:load_lpips",
    has_curve=False,
    decimals=4,
    min_side=31,
)
ST_LPIPS = Metric(
    name="st_lpips",
    title="ST-LPIPS",
    unit="",
    direction="lower",
    source="Ghildyal & Liu 2022, AlexNet, weights of stlpips_pytorch",
    version=1,
    target="bench.measure.metrics.st_lpips:load_st_lpips",
    has_curve=True,
    decimals=4,
    min_side=21,
)
COLOUR = (
    Metric(
        name="colorfulness",
        title="colorfulness",
        unit="",
        direction="neutral",
        source="Hasler & Suesstrunk 2003, M(3) of the prediction, sRGB in 0..255",
        version=1,
        target="bench.measure.metrics.colorfulness:load_colorfulness",
        has_curve=True,
        decimals=2,
        ranks=False,
    ),
    Metric(
        name="delta_colorfulness",
        title="delta colorfulness",
        unit="",
        direction="lower",
        source="|M(3) - ground truth's M(3)| per image, Hasler & Suesstrunk 2003; blind to wrong colours",
        version=1,
        target="bench.measure.metrics.palette:load_delta_colorfulness",
        has_curve=True,
        decimals=2,
        ranks=False,
    ),
    Metric(
        name="ab_histogram",
        title="ab histogram distance",
        unit="Lab units",
        direction="lower",
        source="sliced Wasserstein distance of the 2-D histograms of CIE a and b, per image (Bonneel et al. 2015)",
        version=1,
        target="bench.measure.metrics.palette:load_ab_histogram",
        has_curve=True,
        decimals=2,
        ranks=False,
    ),
    Metric(
        name="hue_bias",
        title="green and blue bias",
        unit="",
        direction="neutral",
        source="share of hues from green to blue in the chroma less the ground truth's share: 0 is no bias",
        version=1,
        target="bench.measure.metrics.palette:load_hue_bias",
        has_curve=True,
        decimals=3,
        ranks=False,
    ),
    Metric(
        name="ab_l1",
        title="ab L1",
        unit="Lab units",
        direction="lower",
        source="mean absolute difference of CIE a and b, D65 (kornia)",
        version=1,
        target="bench.measure.metrics.colour:load_ab_l1",
        has_curve=True,
        decimals=2,
    ),
    Metric(
        name="ciede2000",
        title="CIEDE2000",
        unit="",
        direction="lower",
        source="Sharma et al. 2005, mean colour difference over the pixels, D65 (scikit-image)",
        version=1,
        target="bench.measure.metrics.colour:load_ciede2000",
        has_curve=False,
        decimals=2,
    ),
)
EDGES = (
    Metric(
        name="sharpness",
        title="edge sharpness",
        unit="",
        direction="neutral",
        source="RMS gradient of CIE Lab lightness, divided by the ground truth's: 1 is as sharp, less is blurred",
        version=1,
        target="bench.measure.metrics.edges:load_sharpness",
        has_curve=True,
        decimals=3,
        min_side=2,
        ranks=False,
    ),
    Metric(
        name="color_sharpness",
        title="colour edge sharpness",
        unit="",
        direction="neutral",
        source="RMS gradient of CIE a and b, divided by the ground truth's: 1 is as sharp, less is blurred or pale",
        version=1,
        target="bench.measure.metrics.edges:load_color_sharpness",
        has_curve=True,
        decimals=3,
        min_side=2,
        ranks=False,
    ),
    Metric(
        name="chroma_edges",
        title="chroma edge agreement",
        unit="",
        direction="higher",
        source="correlation of the gradients of CIE a and b with the ground truth's: 1 is the same edges, 0 is none",
        version=1,
        target="bench.measure.metrics.edges:load_chroma_edges",
        has_curve=True,
        decimals=3,
        min_side=2,
    ),
    Metric(
        name="seam_error",
        title="seam error",
        unit="",
        direction="lower",
        source="mean jump of the Lab error across tile borders over the mean jump elsewhere: 1 is no seam; "
        "an untiled image is measured along the lines of a 2x2 grid",
        version=1,
        target="bench.measure.metrics.edges:load_seam_error",
        has_curve=True,
        decimals=3,
        min_side=4,
        needs="grid",
    ),
)
DIVERSITY = Metric(
    name="diversity",
    title="diversity",
    unit="",
    direction="neutral",
    source="mean absolute difference of CIE a and b between outputs for different inputs, divided by the difference "
    "between their targets: 0 is one colouring for all inputs (collapse)",
    version=1,
    target="bench.measure.metrics.diversity:load_diversity",
    has_curve=True,
    decimals=3,
    needs="set",
    ranks=False,
)
DISTRIBUTION = (
    Metric(
        name="fid",
        title="FID",
        unit="",
        direction="lower",
        source="Heusel et al. 2017, one value for all images, Inception-v3 at 299 px (torchmetrics, torch-fidelity's "
        "weights); biased upwards for few images: compare equal numbers of images only",
        version=1,
        target="bench.measure.metrics.distribution:load_fid",
        has_curve=False,
        decimals=2,
        needs="distribution",
    ),
    Metric(
        name="kid",
        title="KID",
        unit="",
        direction="lower",
        source="Binkowski et al. 2018, one value for all images, FID's features, subsets of at most 50 (torchmetrics); "
        "unbiased for independent sets, but O(1/n) too low here, since every output's own target is in the other set: "
        "compare equal numbers of images only",
        version=1,
        target="bench.measure.metrics.distribution:load_kid",
        has_curve=False,
        decimals=4,
        needs="distribution",
    ),
)


def _by_region(whole: Metric, source: str) -> list[Metric]:
    """The same score in the hole and outside it; {} in `source` becomes the name of the region's pixels."""
    return [
        replace(
            whole,
            name=f"{whole.name}_{region}",
            title=f"{whole.title} {words}",
            source=f"{whole.source}; {source.format(pixels)}",
            target=f"bench.measure.metrics.regions:load_{whole.name}_{region}",
            has_curve=whole is PSNR,
            needs="mask",
            version=2 if whole is PSNR else 1,
        )
        for region, words, pixels in (("hole", "in hole", "missing"), ("outside", "outside hole", "known"))
    ]


REGIONS = (
    *_by_region(PSNR, "MSE over the {} pixels"),
    *_by_region(SSIM, "mean of the map over the {} pixels, whose windows reach 5 pixels beyond them"),
    *_by_region(LPIPS, "the {} pixels as predicted, all others from the target"),
    *_by_region(ST_LPIPS, "the {} pixels as predicted, all others from the target"),
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (PSNR, SSIM, MS_SSIM, LPIPS, ST_LPIPS, *COLOUR, *EDGES, DIVERSITY, *DISTRIBUTION, *REGIONS)
}
