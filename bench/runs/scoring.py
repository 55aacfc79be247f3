"""Scores one run: its predictions of the validation images, and every metric's values of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data.batches import validation_batches, validation_crops
from bench.data.tasks import Batch
from bench.measure.metrics import METRICS, Unavailable, load
from bench.measure.metrics.registry import ALL_IMAGES
from bench.runs.context import RunContext
from bench.runs.status import unscored


class Scorer:
    """Scores what `predict` makes of a batch: RGB (B, 3, H, W) in [0, 1]."""

    def __init__(self, context: RunContext, device: torch.device, predict: Callable[[Batch], Tensor]) -> None:
        self.context, self.device, self.predict = context, device, predict

    @cached_property
    def validation(self) -> list[tuple[Batch, Tensor]]:
        """Batches with their images: (B, 3, H, W) in [0, 1]. Raises DataChanged."""
        self.context.open_data()
        config = self.context.run.config
        return validation_batches(config.data, config.task, self.device)

    def validate(self) -> dict[str, float]:
        """Means of the metrics with a curve, named val_METRIC. Raises Interrupted when told to stop."""
        predictions = self._predictions()
        means = {}
        for metric in METRICS.values():
            if metric.has_curve:
                # A score may need a hole, or several images: a task or data set without them has no such curve.
                with suppress(Unavailable):
                    means[f"val_{metric.name}"] = float(np.mean(self._values(metric.name, predictions)))
        return means

    def score(self, metrics: Sequence[str]) -> None:
        """Score what has no records yet. An unavailable metric is recorded with its reason. Raises Interrupted when
        told to stop, FloatingPointError for predictions that are not finite."""
        missing = unscored(self.context.store, self.context.run.id, metrics)
        predictions: list[Tensor] = []
        for index, metric in enumerate(missing):
            self.context.tell(f"score {metric}", index / len(missing))
            try:
                # Load the metric before predicting: often the only metrics left are unavailable ones.
                load(metric, self.context.machine.device)
                predictions = predictions or self._predictions()
                if not all(bool(prediction.isfinite().all()) for prediction in predictions):
                    raise FloatingPointError("the predictions are not finite")
                rows = self._rows(metric, predictions)
            except Unavailable as error:
                self._write(f"{METRICS[metric].records}.missing", {"reason": str(error)})
                continue
            self.context.store.write_rows(self.context.run.id, METRICS[metric].records, rows)

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.context.store.write(self.context.run.id, name, content)

    def _predictions(self) -> list[Tensor]:
        """Raises Interrupted when told to stop."""
        predictions = []
        for batch, _ in self.validation:
            self.context.stop_if_told()
            predictions.append(self.predict(batch))
        return predictions

    def _rows(self, metric: str, predictions: list[Tensor]) -> list[dict[str, Any]]:
        """A metric's records: one row a crop, or one for all images together."""
        all_images = [{"image": ALL_IMAGES, "photograph": ALL_IMAGES}]
        is_of_all = METRICS[metric].needs == "distribution"
        crops = all_images if is_of_all else validation_crops(self.context.run.config.data)
        values = self._values(metric, predictions)
        rows: list[dict[str, Any]] = [crop | {"value": value} for crop, value in zip(crops, values, strict=True)]
        if METRICS[metric].direction == "neutral":
            # More is not better here, so only the score of the ground truth tells which value is good.
            truth = self._values(metric, [rgb for _, rgb in self.validation])
            rows = [row | {"reference": value} for row, value in zip(rows, truth, strict=True)]
        return rows

    def _values(self, metric: str, predictions: list[Tensor]) -> list[float]:
        """One value a crop, or one for all. Raises Interrupted when told to stop, Unavailable."""
        score, grid = load(metric, self.context.machine.device), self.context.run.config.tiling.grid
        if METRICS[metric].needs in ("set", "distribution"):
            return score(torch.cat(predictions), torch.cat([rgb for _, rgb in self.validation])).tolist()
        values: list[float] = []
        for prediction, (batch, rgb) in zip(predictions, self.validation, strict=True):
            self.context.stop_if_told()
            values += score(prediction, rgb, batch.mask, grid).tolist()
        return values
