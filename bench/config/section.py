"""The base of all sections of YAML files: frozen, strict, and documented by the docstrings of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A frozen group of fields, in which unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean_for_number(cls, value: Any, info: ValidationInfo) -> Any:
        """pydantic would read true as 1, and yes and on are true in YAML."""
        items = value if isinstance(value, list | tuple) else [value]
        if info.field_name and any(isinstance(item, bool) for item in items):
            types = set(_types_in(cls.model_fields[info.field_name].annotation))
            if types & {int, float} and bool not in types:
                wanted = "integer" if int in types else "number"
                raise ValueError(
                    f"input should be a valid {wanted}, not {value!r}; yes, no, on and off are booleans in YAML"
                )
        return value


def _types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types_in(inner)
