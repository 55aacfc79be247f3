"""The part of the build that pyproject.toml cannot state: `ablations/` becomes the package `bench.ablations`."""

from setuptools import find_packages, setup

STUDIES = ["bench.ablations", "bench.ablations.search"]
setup(
    packages=[*find_packages(include=["bench*", "baselines*"]), *STUDIES],
    package_dir={"bench.ablations": "ablations"},
    py_modules=["gan_bench"],
)
