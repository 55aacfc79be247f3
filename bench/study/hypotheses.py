"""The hypotheses of a study, `quantity: variant > variant`, which are written down before it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.measure.metrics import METRICS
from bench.study.schema import StudyFile
from bench.study.yaml_lines import MAX_LETTERS, Key, Located, suggest

COUNTS = ("parameters_generator", "parameters_total", "macs", "flops")
OF_TRAINING = ("training_images_per_second", "training_peak_bytes", "training_seconds")
COSTS = (*COUNTS, "inference_images_per_second", *OF_TRAINING)
"""The costs of a run, by their names in tables."""
TIME_TO = re.compile(r"(steps|images|seconds)_to_(\w+)")
"""Time to quality: when a validation curve first reaches the control's median final score."""
AT_SHARE = re.compile(r"(\w+)@(\d{1,3})%")
"""The validation score at a share of the run's steps."""


@dataclass(frozen=True)
class Side:
    """The properties of a variant or baseline that decide which quantities it has."""

    task: str
    is_trained: bool
    has_networks: bool


@dataclass(frozen=True)
class Hypothesis:
    """`quantity: left > right`, or `quantity: left = right within margin`."""

    quantity: str
    left: str
    relation: str
    right: str
    margin: float | None = None
    """In the quantity's unit; of a cost a share, written in per cent."""

    def __str__(self) -> str:
        return f"{self.quantity}: {self.left} {self.relation} {self.right}{within(self.margin, self.quantity in COSTS)}"


def within(margin: float | None, is_share: bool) -> str:
    """A margin as text: " within 0.02", " within 10%", or nothing."""
    if margin is None:
        return ""
    return f" within {100 * margin:g}%" if is_share else f" within {margin:g}"


def parse_hypotheses(file: StudyFile, located: Located, sides: dict[str, Side]) -> list[Hypothesis]:
    """The file's hypotheses. Raises InputError.

    sides: label -> properties of the variants, the control first, and of the baselines.
    """
    hypotheses: list[Hypothesis] = []
    for index, item in enumerate(file.hypotheses):
        at: Key = ("hypotheses", index)
        if len(item) != 1:
            raise located.error(at, "a hypothesis has one quantity, as in `colorfulness: strided_conv > max_pool`")
        quantity, text = next(iter(item.items()))
        here = (*at, quantity)
        if problem := _quantity_problem(quantity, file.metrics):
            raise located.error(here, problem)
        left, relation, right, margin = _parse(text, quantity, here, located)
        for side in (left, right):
            # A label may have such a sign in it, so the sign is the mistake only where the label is unknown.
            if side not in sides and (sign := re.search(r"[<>!=]=|[≤≥≠]", text)):
                raise located.error(here, f"{sign[0]} is no relation; write >, <, or `variant = variant within margin`")
            if side not in sides:
                raise located.error(here, f"{side!r} is not a variant; {suggest(side, list(sides))}")
            if problem := _side_problem(quantity, sides[side], next(iter(sides.values()))):
                raise located.error(here, f"{side} {problem}")
        if left == right:
            raise located.error(here, f"{left!r} is compared with itself")
        if quantity not in COSTS and (task := sides[left].task) != (other := sides[right].task):
            raise located.error(
                here, f"scores of {task} and of {other} cannot be compared; compare costs, or scores of one task"
            )
        hypothesis = Hypothesis(quantity, left, relation, right, margin)
        if hypothesis in hypotheses:
            raise located.error(here, "this hypothesis is given twice")
        hypotheses.append(hypothesis)
    return hypotheses


def _quantity_problem(quantity: str, metrics: list[str]) -> str | None:
    """The sentence about a quantity that does not exist; None if it does."""
    curves = [metric.name for metric in METRICS.values() if metric.has_curve]
    if timed := TIME_TO.fullmatch(quantity):
        directed = [name for name in curves if METRICS[name].direction != "neutral"]
        if timed[2] in curves and timed[2] not in directed:
            return f"{timed[2]} has no better direction, so no value to reach; choose from: {', '.join(directed)}"
        return None if timed[2] in directed else f"there is no curve of {timed[2]!r}; {suggest(timed[2], directed)}"
    if share := AT_SHARE.fullmatch(quantity):
        if not 0 < int(share[2]) <= 100:
            return "a share lies between 1% and 100%"
        return None if share[1] in curves else f"there is no curve of {share[1]!r}; {suggest(share[1], curves)}"
    known = [*metrics, *COSTS]
    return None if quantity in known else f"is not a metric of this study, nor a cost; {suggest(quantity, known)}"


def _side_problem(quantity: str, side: Side, control: Side) -> str | None:
    """The sentence about a variant that cannot have the quantity; None if it can."""
    timed, share = TIME_TO.fullmatch(quantity), AT_SHARE.fullmatch(quantity)
    metric = METRICS.get(timed[2] if timed else share[1] if share else quantity)
    if metric is not None and metric.needs == "mask" and side.task == "colorization":
        return f"has no hole, which {metric.name} needs"
    if not side.is_trained and (timed or share or quantity in OF_TRAINING):
        return "is not trained, so it has none"
    if timed and side.task != control.task:
        return f"does {side.task}, but the quality to reach is the control's in {control.task}"
    if quantity in ("macs", "flops") and not side.has_networks:
        return "has no networks, so its operations are not counted"
    return None


def _parse(text: str, quantity: str, at: Key, located: Located) -> tuple[str, str, str, float | None]:
    """(left, relation, right, margin). Raises InputError."""
    if len(text) > 3 * MAX_LETTERS:  # the time of the patterns below grows with the square of the length
        raise located.error(at, f"has {len(text):,} letters; two variants have {2 * MAX_LETTERS:,} at most")
    if equal := re.fullmatch(r"(.+?)\s+=\s+(.+?)(?:\s+within\s+(\S+))?", text):
        return equal[1].strip(), "=", equal[2].strip(), _margin(text, equal[3] or "", quantity, at, located)
    if compared := re.fullmatch(r"(.+?)\s*([<>])\s*(.+)", text):
        return compared[1].strip(), compared[2], compared[3].strip(), None
    raise located.error(
        at, f"{text!r} compares nothing; write `variant > variant`, `<`, or `variant = variant within margin`"
    )


def _margin(text: str, written: str, quantity: str, at: Key, located: Located) -> float:
    if TIME_TO.fullmatch(quantity):
        raise located.error(at, "a time to quality is not tested for equality; write > or <")
    example = "within 10%" if quantity in COSTS else "within 0.02"
    number, percent = written.removesuffix("%"), written.endswith("%")
    margin = _positive(number)
    if margin is None:
        raise located.error(at, f"{text!r}: equality needs a margin above 0; write `variant = variant {example}`")
    if percent != (quantity in COSTS):
        kind = "a cost is a share" if quantity in COSTS else "a score is in its own unit"
        raise located.error(at, f"{text!r}: the margin of {kind}; write `variant = variant {example}`")
    return margin / 100 if percent else margin


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
