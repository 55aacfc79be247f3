"""The smallest search file, for tests to change."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from searches import CONTENT, WriteSearch


@pytest.fixture
def write_search(tmp_path: Path) -> WriteSearch:
    """write_search(space=..., ...): write CONTENT with some keys replaced, or left out if None."""

    def write(name: str = "search", **changes: object) -> Path:
        path = tmp_path / f"{name}.yaml"
        content = {key: value for key, value in (CONTENT | changes).items() if value is not None}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write
