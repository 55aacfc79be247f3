"""What pyproject.toml cannot say: the studies lie at the top of the repository, and travel inside the package."""

from setuptools import find_packages, setup

STUDIES = ["bench.ablations", "bench.ablations.search"]
setup(
    packages=[*find_packages(include=["bench*", "baselines*"]), *STUDIES], package_dir={"bench.ablations": "ablations"}
)
