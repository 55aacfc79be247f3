"""The config of one run: typed, frozen and checked. Its defaults are the paper's model at scale `paper`.

Section and equation numbers refer to Zhang & Zhou, "A Generative Adversarial Network Model For Different Image
generation Tasks".
"""

from bench.config.data import DataConfig, TaskConfig
from bench.config.model import DiscriminatorConfig, GeneratorConfig, TilingConfig
from bench.config.run import BUDGETS, LossConfig, RunConfig, ScheduleConfig, TrainConfig
from bench.config.section import Section

__all__ = [
    "BUDGETS",
    "DataConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "LossConfig",
    "RunConfig",
    "ScheduleConfig",
    "Section",
    "TaskConfig",
    "TilingConfig",
    "TrainConfig",
]
