"""The registry of methods that a study can name, imported lazily; one paper a file."""

METHODS: dict[str, str] = {
    "gan": "bench.training.gan:GAN",
    "l1_unet": "baselines.l1_unet:L1UNet",
    "zhang2016": "baselines.zhang2016:Zhang2016",
    "zhang2017": "baselines.zhang2017:Zhang2017",
    "zhang2016_published": "baselines.published:Published",
    "zhang2017_published": "baselines.published:Published",
    "nazeri2018": "baselines.nazeri2018:Nazeri2018",
    "pix2pix": "baselines.pix2pix:Pix2Pix",
    "iizuka2017": "baselines.iizuka2017:Iizuka2017",
    "yu2018": "baselines.yu2018:Yu2018",
    "yu2019": "baselines.yu2019:Yu2019",
    "identity": "baselines.trivial:Identity",
    "gray": "baselines.trivial:Gray",
    "mean_color": "baselines.trivial:MeanColor",
    "mean_fill": "baselines.classical:MeanFill",
    "telea": "baselines.classical:Telea",
    "navier_stokes": "baselines.classical:NavierStokes",
    "biharmonic": "baselines.classical:Biharmonic",
    "patchmatch": "baselines.classical:PatchMatch",
}

CODE_VERSIONS: dict[str, int] = {"zhang2016": 2}
"""Version of a method's code, 1 if missing. It is part of the ids of the method's runs: raise it when the same config
gives other numbers. zhang2016: version 2 sums the loss over pixels, version 1 averaged it."""

PARAMETER_FREE = frozenset(
    {"identity", "gray", "mean_color", "mean_fill", "telea", "navier_stokes", "biharmonic", "patchmatch"}
)
"""Methods without parameters; there is nothing to train or to count."""

UNTRAINED = PARAMETER_FREE | {"zhang2016_published", "zhang2017_published"}
"""Methods that are not trained here; a study runs them once, not once a seed."""

ONLY_FOR: dict[str, tuple[str, ...]] = {
    "zhang2016": ("colorization",),
    "zhang2017": ("colorization",),
    "zhang2016_published": ("colorization",),
    "zhang2017_published": ("colorization",),
    "nazeri2018": ("colorization",),
    "iizuka2017": ("inpainting",),
    "yu2018": ("inpainting",),
    "yu2019": ("inpainting",),
    "gray": ("colorization",),
    "mean_color": ("colorization",),
    "mean_fill": ("inpainting",),
    "telea": ("inpainting",),
    "navier_stokes": ("inpainting",),
    "biharmonic": ("inpainting",),
    "patchmatch": ("inpainting",),
}
"""The tasks that a method can do; a method that is missing here can do all tasks."""
