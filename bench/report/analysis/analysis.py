"""All that a report knows of a study, computed once: `Analysis` is the list, `analyse` the order of computation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.report.analysis.columns import Column, columns_of
from bench.report.analysis.curves import validation_curves
from bench.report.analysis.effects import effects_frame
from bench.report.analysis.frames import Results
from bench.report.analysis.image_ranking import ImageRanking, rank_images
from bench.report.analysis.measurements import read_measurements
from bench.report.analysis.methods import Method, read_methods
from bench.report.analysis.pareto import pareto_front
from bench.report.analysis.scaling import scaling_frame
from bench.report.analysis.setting import Environments, Setting, read_environments, read_setting
from bench.report.analysis.summary import best_values, summarise, wide_table
from bench.report.analysis.time_to_quality import reached_at_once, time_frame
from bench.report.analysis.verdicts import Answer, answer_hypotheses, conjunction, fewest_seeds, hypotheses_frame

LEVEL_COLUMNS = ["metric", "level", "label", "reached", "runs", "steps", "images", "seconds"]


@dataclass(frozen=True, eq=False)  # data frames have no single answer to ==
class Analysis:
    """The numbers and verdicts of one report, in the order in which they are computed. Tables, figures and pages format
    these fields and compute nothing."""

    results: Results
    """The records that all of it is computed from."""
    setting: Setting
    environments: Environments
    methods: list[Method]
    columns: list[Column]
    """The study's scores, then the costs."""
    truth: dict[str, float]
    """Metric -> mean score of the ground truth itself, for metrics without a better end."""
    has_nan_scores: bool
    """Whether a run has a NaN mean score."""
    summary: pd.DataFrame
    """Mean, spread and difference from the control of each label and column; see `summarise`."""
    table: pd.DataFrame
    """The summary with a row a variant: table.csv; see `wide_table`."""
    best: set[tuple[str, str]]
    """(label, column) of the best means."""
    answers: list[Answer]
    """The answer to each hypothesis."""
    verdict: str
    """On the claim: supported, refuted, inconclusive, or no hypothesis."""
    fewest_seeds: int
    """The smallest number of seeds behind any answer."""
    hypotheses: pd.DataFrame
    """The answers in numbers: hypotheses.csv; see `hypotheses_frame`."""
    effects: pd.DataFrame
    """The points and intervals of the figure of hypotheses; see `effects_frame`."""
    curves: pd.DataFrame
    """Validation scores over training; see `validation_curves`."""
    thresholds: dict[str, float]
    """Metric -> the score that time to quality asks for."""
    times: pd.DataFrame
    """Time to quality of each metric and label; see `time_frame`."""
    levels: pd.DataFrame
    """Those columns of `times` that the learning curves mark."""
    reached_at_once: list[str]
    """Metrics whose threshold all variants reach at the first validation."""
    pareto: pd.DataFrame
    """Quality against cost; see `pareto_front`."""
    scaling: pd.DataFrame
    """Scores against the number of training images; see `scaling_frame`."""
    ranking: ImageRanking
    """The images, ranked for the choice of pictures."""

    @property
    def study(self) -> dict[str, Any]:
        return self.results.study

    @property
    def runs(self) -> list[dict[str, Any]]:
        return self.results.runs

    @property
    def labels(self) -> list[str]:
        return self.results.labels

    @property
    def control(self) -> str:
        return self.results.control


def analyse(results: Results) -> Analysis:
    """Compute all numbers of a report."""
    measured = read_measurements(results)
    summary = summarise(measured)
    answers = answer_hypotheses(measured)
    times = time_frame(measured)
    return Analysis(
        results=results,
        setting=read_setting(results),
        environments=read_environments(results),
        methods=read_methods(results),
        columns=columns_of(results.study["metrics"]),
        truth=measured.truth,
        has_nan_scores=any(math.isnan(value) for seeds in measured.means.values() for value in seeds.values()),
        summary=summary,
        table=wide_table(results, summary),
        best=best_values(measured, summary),
        answers=answers,
        verdict=conjunction(answers),
        fewest_seeds=fewest_seeds(answers, results.study["seeds"]),
        hypotheses=hypotheses_frame(answers),
        effects=effects_frame(answers),
        curves=validation_curves(results),
        thresholds=measured.thresholds,
        times=times,
        levels=times[LEVEL_COLUMNS],
        reached_at_once=reached_at_once(measured, times),
        pareto=pareto_front(measured),
        scaling=scaling_frame(measured),
        ranking=rank_images(measured),
    )
