"""The registry of metrics: what each score is and where to load it from; importing it does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

ALL_IMAGES = "all images"
"""What a score of the whole set, such as FID, has in place of an image and a photograph."""
Needs = Literal["images", "mask", "grid", "set", "distribution"]


@dataclass(frozen=True)
class Metric:
    """A named score: what a table needs to print it, what it is worked out from, and where to load it from."""

    name: str
    title: str
    unit: str  # "" is dimensionless
    direction: Literal["higher", "lower", "neutral"]  # which is better; neutral: as close to the targets' own as can be
    source: str
    version: int  # raise it whenever the numbers change: stored scores are keyed by it
    target: str  # "module:function", the function takes a device and returns what `needs` says
    has_curve: bool  # is scored at every validation of a run too, not at its end alone
    decimals: int
    min_side: int = 1  # the smallest height and width that it can score, in pixels
    needs: Needs = "images"
    """images: a function of (prediction, target), image by image. mask, grid: also of the hole, of the tiling's grid.
    set: of (prediction, target) again, but all images at once, since they are compared with each other. distribution:
    the same, and there is one score for all of them."""

    @property
    def records(self) -> str:
        """Where a run keeps this metric's records: a new version is a new file, and trains nothing."""
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
    source="Wang et al. 2004, Gaussian 11x11, sigma 1.5, per image (torchmetrics)",
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
    source="Zhang et al. 2018, v0.1, AlexNet (lpips)",
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
    ),
    Metric(
        name="ab_l1",
        title="ab L1",
        unit="Lab units",
        direction="lower",
        source="mean |difference| of CIE a and b, D65 (kornia)",
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
        source="Sharma et al. 2005, mean colour difference of the pixels, D65 (scikit-image)",
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
        source="RMS gradient of CIE Lab lightness over the ground truth's: 1 is as sharp, below is blurred",
        version=1,
        target="bench.measure.metrics.edges:load_sharpness",
        has_curve=True,
        decimals=3,
        min_side=2,
    ),
    Metric(
        name="color_sharpness",
        title="colour edge sharpness",
        unit="",
        direction="neutral",
        source="RMS gradient of CIE a and b over the ground truth's: 1 is as sharp, below is blurred or pale",
        version=1,
        target="bench.measure.metrics.edges:load_color_sharpness",
        has_curve=True,
        decimals=3,
        min_side=2,
    ),
    Metric(
        name="seam_error",
        title="seam error",
        unit="",
        direction="lower",
        source="mean jump of the Lab error across tile borders over that elsewhere: 1 is no seam; "
        "an image that was not cut is measured along the lines of a 2x2 grid",
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
    source="mean |difference| of CIE a and b between outputs for different inputs over that between the targets: "
    "0 is one colouring for all (collapse)",
    version=1,
    target="bench.measure.metrics.diversity:load_diversity",
    has_curve=True,
    decimals=3,
    needs="set",
)
DISTRIBUTION = (
    Metric(
        name="fid",
        title="FID",
        unit="",
        direction="lower",
        source="Heusel et al. 2017, one value for all images, Inception-v3 at 299 px (torchmetrics, torch-fidelity's "
        "weights); biased upwards at few images: compare at an equal number only",
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
        source="Binkowski et al. 2018, one value for all images, FID's features, subsets of 50 at most (torchmetrics); "
        "unbiased for independent sets, low by O(1/n) here, where every output's own target is in the other set: "
        "compare at an equal number only",
        version=1,
        target="bench.measure.metrics.distribution:load_kid",
        has_curve=False,
        decimals=4,
        needs="distribution",
    ),
)


def _by_region(whole: Metric, source: str) -> list[Metric]:
    """The same score in the hole and outside it; {} in `source` becomes the pixels that it is about."""
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
    *_by_region(SSIM, "mean of the map over the {} pixels, whose windows reach 5 pixels further"),
    *_by_region(LPIPS, "the {} pixels as predicted, the rest from the target"),
    *_by_region(ST_LPIPS, "the {} pixels as predicted, the rest from the target"),
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (PSNR, SSIM, MS_SSIM, LPIPS, ST_LPIPS, *COLOUR, *EDGES, DIVERSITY, *DISTRIBUTION, *REGIONS)
}
