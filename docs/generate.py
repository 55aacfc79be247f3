"""A MkDocs hook: it fills the marked places of the manual from the code, so that they cannot go stale.

A page has `<!-- generated: NAME -->` where the function of that name in GENERATED puts its Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.cli
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

from bench.cli.main import app
from bench.config import RunConfig
from bench.measure.metrics.registry import METRICS
from bench.scales import SCALES, SEEDS
from bench.search.schema import SearchFile
from bench.study.schema import StudyFile

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"<!-- generated: (\w+) -->")
PICTURE = re.compile(r"\]\(\.\./(reports/[^)]+\.png)\)")
REPORT = re.compile(r"\]\((\.\./reports/[^)]*?)report\.md\)")
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

Schema = dict[str, Any]


def commands() -> str:
    """Every command with its arguments and options, as Typer writes them."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="bench", **command.context_settings)
    text = typer.cli.get_docs_for_click(obj=command, ctx=context, name="bench")
    return text[text.index("## `bench ") :]  # the page itself says what stands before


def run_fields() -> str:
    """The fields of a run's config, a table a section."""
    return _reference(RunConfig, "run: ")


def study_keys() -> str:
    """The keys of a study file."""
    return _reference(StudyFile, "study: ")


def search_keys() -> str:
    """The keys of a search file."""
    return _reference(SearchFile, "search: ")


def scales() -> str:
    """The fields that a scale sets, beside the defaults of scale `paper`."""
    defaults = dict(_leaves(RunConfig().model_dump()))
    of_scale = {name: dict(_leaves(fields)) for name, fields in SCALES.items()}
    rows = [
        [f"`{path}`", *(_value(values.get(path, defaults[path])) for values in of_scale.values())]
        for path in dict.fromkeys(path for values in of_scale.values() for path in values)
    ]
    rows.append(["seeds of a study", *(_value(SEEDS[name]) for name in SCALES)])
    return _table(["field", *(f"`{name}`" for name in SCALES)], rows)


def metrics() -> str:
    """The scores, as the registry has them."""
    ends = {"higher": "higher", "lower": "lower", "neutral": "the truth's"}
    rows = [
        [f"`{m.name}`", m.unit or "—", ends[m.direction], "yes" if m.ranks else "no", m.source]
        for m in METRICS.values()
    ]
    return _table(["name", "unit", "better", "ranks", "what it is"], rows)


GENERATED: dict[str, Callable[[], str]] = {
    make.__name__: make for make in (commands, run_fields, study_keys, search_keys, scales, metrics)
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Carry the pictures of reports that a page shows into the site."""
    text = "".join(path.read_text() for path in Path(config.docs_dir).glob("*.md"))
    for name in dict.fromkeys(PICTURE.findall(text)):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the marked places, and point at the pages of reports, which a browser shows, rather than their Markdown."""
    markdown = REPORT.sub(r"](\1index.html)", PICTURE.sub(r"](\1)", markdown))
    return MARK.sub(lambda mark: GENERATED[mark[1]](), markdown)


def _reference(model: type[BaseModel], prefix: str) -> str:
    """The fields of a model and of the sections below it, a table each."""
    schema = model.model_json_schema()
    sections: dict[str, Schema] = schema.get("$defs", {})
    parts = []
    for title, section in [("top level", schema), *((_title(name, prefix), sections[name]) for name in sections)]:
        rows = [
            [f"`{field}`", _type(node, prefix), _default(field, node, section), _meaning(node, sections)]
            for field, node in section["properties"].items()
        ]
        table = _table(["field", "value", "default", "meaning"], rows)
        parts += [f"### {prefix}{title}", section.get("description", ""), table]
    return "\n\n".join(parts)


def _title(name: str, prefix: str) -> str:
    """DataConfig -> data; SearchOverlay -> overlay, in a search."""
    own = name.removesuffix("Config").removeprefix(prefix.removesuffix(": ").capitalize())
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", own).lower()


def _meaning(node: Schema, sections: dict[str, Schema]) -> str:
    """The field's docstring, else that of the section that it holds."""
    section = sections.get(node.get("$ref", "").rsplit("/", 1)[-1], {})
    return str(node.get("description") or section.get("description", ""))


def _type(node: Schema, prefix: str) -> str:
    """The values that a field takes, in words; a section is a link to its table."""
    if "$ref" in node:
        title = _title(node["$ref"].rsplit("/", 1)[1], prefix)
        return f"[{title}](#{(prefix + title).replace(': ', '-').replace(' ', '-')})"
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type(option, prefix) for option in node["anyOf"]))
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if "prefixItems" in node:
        return f"[{', '.join(_type(item, prefix) for item in node['prefixItems'])}]"
    if node.get("type") == "array":
        return f"list of {_type(node['items'], prefix)}"
    if node.get("type") == "object":
        return "mapping"
    bounds = " and ".join(f"{sign} {node[key]:g}" for key, sign in BOUNDS.items() if key in node)
    return f"{node.get('type', 'any value')} {bounds}".strip()


def _default(field: str, node: Schema, section: Schema) -> str:
    if field in section.get("required", []):
        return "required"
    default = node.get("default")
    return "" if isinstance(default, dict) and default else _value(default)


def _value(value: Any) -> str:
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _leaves(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested fields as dotted paths."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
