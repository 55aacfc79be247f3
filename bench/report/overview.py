"""The overview of all reports in a folder: claims.md, speed.md, and index.html with every study and search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from bench.report.analysis.analysis import Analysis, analyse
from bench.report.analysis.archive import ARCHIVE, BEST, TRIALS, load_archives
from bench.report.page.render import PAGE, render
from bench.report.page.sentence import screening, verdict_sentence
from bench.report.search.analysis import analyse_search
from bench.report.search.results import SearchResults, load_search_results
from bench.report.search.sentences import counts_text as trials_text
from bench.report.search.sentences import fresh_text, winner_sentences
from bench.report.search.write import confirmation_in
from bench.report.tables.claims import CLAIMS, claims_table, claims_text, commands, counts_text, in_order
from bench.report.tables.speed import Record, speed_text
from bench.report.tables.speed_records import PAGE as SPEED_PAGE
from bench.report.tables.speed_records import load_records
from bench.report.tables.text_table import TextTable
from bench.store.run_store import read_text, write_atomically


def write_overview(reports: Path) -> None:
    """Write the files from the archives; without archives write nothing. Raises InputError."""
    for name, text in _texts(reports).items():
        write_atomically(reports / name, text)


def check_overview(reports: Path) -> list[Path]:
    """Paths of the files that do not match the archives. Raises InputError."""
    return [reports / name for name, text in _texts(reports).items() if read_text(reports / name) != text]


def _texts(reports: Path) -> dict[str, str]:
    """File name -> content."""
    studies = [analyse(results) for results in load_archives(reports)]
    folders = sorted(path.parent for path in reports.glob(f"*/{TRIALS}"))
    searches = [(folder, load_search_results(folder)) for folder in folders]
    speeds = load_records(reports)
    texts = {CLAIMS: claims_text(studies)} if studies else {}
    if speeds:
        texts[SPEED_PAGE] = speed_text(speeds)
    if studies or searches or speeds:
        texts[PAGE] = render("index.html.j2", page=index_page(studies, searches, speeds, reports))
    return texts


@dataclass(frozen=True)
class Entry:
    """A study or a search in the list of reports."""

    title: str
    link: str
    verdict: str
    words: str
    screening: str
    more: list[tuple[str, str]]
    """Further links: text, address."""


@dataclass(frozen=True)
class IndexPage:
    """The content of the page."""

    counts: str
    studies: list[Entry]
    searches: list[Entry]
    claims: TextTable | None
    commands: list[str]
    up: tuple[str, str] | None
    """The overview of the folder above, if that holds reports too: name, address."""
    elsewhere: list[tuple[str, str]]
    """Folders below this one that hold reports: name, address."""
    speeds: list[tuple[str, str]]
    """Records of `bench profile`: title, machine."""


def index_page(
    studies: list[Analysis], searches: list[tuple[Path, SearchResults]], speeds: list[Record], reports: Path
) -> IndexPage:
    """The content of `reports`/index.html."""
    claims = claims_table(studies) if studies else None
    if claims:
        links = [f"{quote(analysis.study['name'], safe='')}/{PAGE}" for analysis in in_order(studies)]
        claims = replace(claims, links=links)
    return IndexPage(
        counts=counts_text(studies) if studies else "",
        studies=[_study(analysis) for analysis in in_order(studies)],
        searches=[_search(folder, results) for folder, results in searches],
        claims=claims,
        commands=commands(studies),
        up=("All reports", f"../{PAGE}") if _has_reports(reports.resolve().parent) else None,
        elsewhere=[(folder.name, f"{quote(folder.name)}/{PAGE}") for folder in _elsewhere(reports)],
        speeds=[(record["title"], record["machine"]["device"]) for record in speeds],
    )


def _study(analysis: Analysis) -> Entry:
    title, name = analysis.study["title"], quote(analysis.study["name"], safe="")
    links, warning = [("Markdown", f"{name}/report.md")], screening(analysis)
    return Entry(title, f"{name}/{PAGE}", analysis.verdict, verdict_sentence(analysis), warning, links)


def _search(folder: Path, results: SearchResults) -> Entry:
    """A search with its answer, and the verdict on its winner with fresh seeds."""
    confirmation = confirmation_in(results, folder)
    analysis = analyse_search(results, confirmation)
    sentences = [f"{trials_text(analysis)}.", *winner_sentences(analysis)]
    verdict = "not confirmed" if analysis.winner else "no winner"
    if confirmation and confirmation.rows:
        sentences.append(f"With fresh seeds: {fresh_text(confirmation)}.")
        verdict = confirmation.rows[0].verdict
    name = quote(folder.name)
    more = [("the winner against the default", f"{name}/{BEST}/{PAGE}")] if (folder / BEST / ARCHIVE).exists() else []
    return Entry(results.search["title"], f"{name}/report.md", verdict, " ".join(sentences), "", more)


def _elsewhere(reports: Path) -> list[Path]:
    """Folders of reports below this one. A search that holds the report of its comparison is not one, and neither is a
    folder in which a report is being written."""
    folders = {path.parent.parent for name in (ARCHIVE, TRIALS) for path in reports.glob(f"*/*/{name}")}
    folders = {folder for folder in folders if not folder.name.startswith(".")}
    return sorted(folder for folder in folders if not any((folder / name).exists() for name in (ARCHIVE, TRIALS)))


def _has_reports(folder: Path) -> bool:
    """Whether the folder holds archives, so that it has an overview."""
    return any(True for name in (ARCHIVE, TRIALS) for _ in folder.glob(f"*/{name}"))
