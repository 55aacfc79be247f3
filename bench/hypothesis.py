"""What a study expects, written down before it is run: `quantity: variant > variant`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.measure.metrics import METRICS
from bench.study_file import StudyFile
from bench.yaml_lines import Key, Located, nearest

COSTS = (
    "parameters_generator", "parameters_total", "macs", "flops", "training_images_per_second",
    "inference_images_per_second", "training_peak_bytes", "training_seconds",
)  # fmt: skip
"""What a run costs, by the names that tables have for it."""
TIME_TO = re.compile(r"(steps|images|seconds)_to_(\w+)")
"""Time to quality: where a validation curve first reaches the control's median final score; of a score without a better
end, where it is first as near to the ground truth's."""
AT_SHARE = re.compile(r"(\w+)@(\d{1,3})%")
"""A validation score at a share of the run's steps."""


@dataclass(frozen=True)
class Hypothesis:
    """`quantity: left > right`, or `quantity: left = right within margin`."""

    quantity: str
    left: str
    relation: str
    right: str
    margin: float | None = None

    def __str__(self) -> str:
        within = "" if self.margin is None else f" within {self.margin:g}"
        return f"{self.quantity}: {self.left} {self.relation} {self.right}{within}"


def parse_hypotheses(file: StudyFile, located: Located, labels: list[str]) -> list[Hypothesis]:
    """The file's hypotheses; `labels` are the variants' and baselines'. Raises InputError."""
    found = []
    for index, item in enumerate(file.hypotheses):
        at: Key = ("hypotheses", index)
        if len(item) != 1:
            raise located.error(at, "a hypothesis has one quantity, as in `colorfulness: strided_conv > max_pool`")
        quantity, text = next(iter(item.items()))
        here = (*at, quantity)
        if problem := _problem(quantity, file.metrics):
            raise located.error(here, problem)
        left, relation, right, margin = _split(text, here, located)
        for side in (left, right):
            if side not in labels:
                raise located.error(here, f"{side!r} is not a variant; {nearest(side, labels)}")
        if left == right:
            raise located.error(here, f"{left!r} is compared with itself")
        if margin is not None and quantity not in file.metrics and not AT_SHARE.fullmatch(quantity):
            raise located.error(here, "equivalence is tested on scores; for a cost or a time write > or <")
        found.append(Hypothesis(quantity, left, relation, right, margin))
    return found


def _problem(quantity: str, metrics: list[str]) -> str | None:
    """What is wrong with a quantity's name, if anything."""
    cheap = [m.name for m in METRICS.values() if m.cheap]
    timed = TIME_TO.fullmatch(quantity)
    if timed:
        return None if timed[2] in cheap else f"there is no curve of {timed[2]!r}; {nearest(timed[2], cheap)}"
    if share := AT_SHARE.fullmatch(quantity):
        if not 0 < int(share[2]) <= 100:
            return "a share lies between 1% and 100%"
        return None if share[1] in cheap else f"there is no curve of {share[1]!r}; {nearest(share[1], cheap)}"
    known = [*metrics, *COSTS]
    return None if quantity in known else f"is not a metric of this study, nor a cost; {nearest(quantity, known)}"


def _split(text: str, at: Key, located: Located) -> tuple[str, str, str, float | None]:
    """left, relation, right, margin"""
    if equal := re.fullmatch(r"(.+?)\s+=\s+(.+?)(?:\s+within\s+(\S+))?", text):
        margin = _positive(equal[3] or "")
        if margin is None:
            raise located.error(at, f"{text!r}: equality needs a margin above 0; write `variant = variant within 0.02`")
        return equal[1].strip(), "=", equal[2].strip(), margin
    if compared := re.fullmatch(r"(.+?)\s*([<>])\s*(.+)", text):
        return compared[1].strip(), compared[2], compared[3].strip(), None
    raise located.error(
        at, f"{text!r} compares nothing; write `variant > variant`, `<`, or `variant = variant within margin`"
    )


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
