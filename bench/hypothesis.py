"""What a study expects, written down before it is run: `metric: variant > variant`."""

from __future__ import annotations

from dataclasses import dataclass

from bench.study_file import StudyFile
from bench.yaml_lines import Key, Located, nearest


@dataclass(frozen=True)
class Hypothesis:
    """`metric: left > right`."""

    metric: str
    left: str
    relation: str
    right: str

    def __str__(self) -> str:
        return f"{self.metric}: {self.left} {self.relation} {self.right}"


def parse_hypotheses(file: StudyFile, located: Located, labels: list[str]) -> list[Hypothesis]:
    """The file's hypotheses; `labels` are the variants' and baselines'. Raises InputError."""
    found = []
    for index, item in enumerate(file.hypotheses):
        at: Key = ("hypotheses", index)
        if len(item) != 1:
            raise located.error(at, "a hypothesis has one metric, as in `colorfulness: strided_conv > max_pool`")
        metric, text = next(iter(item.items()))
        if metric not in file.metrics:
            raise located.error((*at, metric), f"is not a metric of this study; {nearest(metric, file.metrics)}")
        relation = next((sign for sign in (">", "<") if sign in text), None)
        if relation is None:
            raise located.error((*at, metric), f"{text!r} compares nothing; write `variant > variant` or `<`")
        left, right = (side.strip() for side in text.split(relation, 1))
        for side in (left, right):
            if side not in labels:
                raise located.error((*at, metric), f"{side!r} is not a variant; {nearest(side, labels)}")
        found.append(Hypothesis(metric, left, relation, right))
    return found
