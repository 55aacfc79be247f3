"""Records of `bench profile` as tables: what was measured, on which machine, against what."""

from __future__ import annotations

from typing import Any

from bench.measure import PEAK_VERSION
from bench.report.tables.numbers import number
from bench.report.tables.text_table import TextTable, code, escape_markdown, titled
from bench.study.labels import MISSING

PARTS = {"data": "data", "discriminator": "D", "generator": "G", "optimiser": "optimiser", "rest": "rest"}
Record = dict[str, Any]
Row = dict[str, Any]


def speed_text(records: list[Record]) -> str:
    """speed.md: a section a record. Records are one machine's each, and nothing is compared across them."""
    parts = [HEAD]
    for record in records:
        parts.append(f"# {escape_markdown(record['title'])}\n")
        parts.append(f"{escape_markdown(machine_words(record))}\n\n{code(record['command'])}\n")
        parts += [titled(table) for table in tables_of(record)]
    return "\n".join([*parts, HOW])


HEAD = """\
# Speed

Written by `bench profile` and `bench report` from the records in `speed/`; do not edit. Every section is of one machine
and one command, and nothing is compared across sections: a ratio is of two rows that were measured in turn, round by
round.
"""
HOW = """\
# How it is measured

- Every row is a process of its own, with a ring of 8 batches of real data on the device. It warms up for at least 10
  calls and 2 seconds (3 calls where one takes more than a second), then until three windows agree within 1%, or the
  patience of the command is spent; then the row says *not steady*.
- Images/s is the median over rounds of calls that are timed together (CUDA events with one synchronisation at the
  end, or the wall clock); the rows of a table take turns, round by round. IQR is the interquartile range over the
  median, above 10% the row says *noisy*. × is the median over rounds of the ratio to the first row, with the least
  and the greatest.
- A row has at least 100 calls and 5 seconds, or as many calls as the seconds of the command allow (`--seconds`, 30
  unless given); the table says how many.
- Latency is of single synchronised calls at batch 1; p99 wants 1,000 of them.
- GFLOPs are an image's share of one whole call, forward and backward, all networks, 2 a multiply-accumulate, as
  torch's counter has them. The floor is the time that convolutions, matrix products and Adam have to take for what
  they compute and move, at rates that were measured on the machine in the same precision: of a matrix product or a
  convolution, whichever is faster, and of a copy. *Of the floor* is the share of that speed that was reached. What
  fits into a cache moves faster than the floor knows.
- The time of a step by part: data is the drawing of a batch (which the ring of the other columns leaves out), D and G
  hold their losses and gradients, optimiser the steps of all.
- Memory is the peak of all tensors in one call, with one batch (on CUDA as its allocator says), and in brackets what
  that allocator reserved, or the peak of the whole process, both with the whole ring.
- A GPU's clock, power, temperature and reasons for a lower clock are read 5 times a second. A round in which it was
  held back, or its clock drifted by more than 2%, is taken again, three times at the most. No setting is changed.
"""


def machine_words(record: Record) -> str:
    """The machine, its software, threads, data; and of a record of before, what its memory means."""
    machine = record["machine"]
    threads = "" if record["settings"]["device"].startswith("cuda") else f", {record['settings']['threads']} thread"
    plural = "s" if threads and record["settings"]["threads"] > 1 else ""
    older = "" if record.get("peak_version") == PEAK_VERSION else " Memory counts all batches of the ring."
    return (
        f"{machine['device']}{threads}{plural}; torch {machine['torch']}, Python {machine['python']}; "
        f"data: {record['data']}; code {machine['code']}.{older}"
    )


def tables_of(record: Record) -> list[TextTable]:
    """All tables of a record, in reading order; what is not in it has none."""
    found = [_speeds(table) for table in record["tables"]]
    counted = [row for table in record["tables"] for row in table["rows"] if row.get("costs")]
    if counted:
        found.append(_costs(counted))
    steps = [row for table in record["tables"] for row in table["rows"] if row.get("split")]
    if steps:
        found.append(_splits("Where a training step's time goes", steps))
    if record.get("waiting"):
        found.append(_splits("Time for data, by scale", record["waiting"]))
    if record.get("latency"):
        found.append(_latencies(record["latency"]))
    if record.get("sweeps"):
        found.append(_sweeps(record["sweeps"]))
    if record.get("packing"):
        found.append(_packing(record["packing"]))
    return found


def _speeds(table: dict[str, Any]) -> TextTable:
    rows, notes = [], []
    for row in table["rows"]:
        name = f"{row['label']} [{row['precision']}, batch {row['batch_size']}]" if _plain_label(row) else row["label"]
        if "missing" in row:
            notes.append(f"{row['label']}: not measured: {row['missing']}")
            rows.append([name, *[MISSING] * 9])
            continue
        rows.append([name, *_speed_cells(row)])
        notes += [f"{row['label']}: {what} not known: {why}" for what, why in row.get("unknown", {}).items()]
    first = table["rows"][0]["label"]
    notes.insert(0, f"× is to {first}, round by round, with the least and the greatest of {_rounds(table)} rounds.")
    notes += _sensor_notes(table["rows"])
    headings = ["", "images/s", "IQR", "×", "calls, seconds", "GFLOPs/image", "FLOP/byte", "of the floor", "memory", ""]
    return TextTable(table["title"], headings, rows, notes)


def _plain_label(row: Row) -> bool:
    """Whether the label does not say the batch already."""
    return row["work"] != "scoring" and "batch" not in row["label"]


def _rounds(table: dict[str, Any]) -> int:
    return max((len(row.get("rounds", [])) for row in table["rows"]), default=0)


def _speed_cells(row: Row) -> list[str]:
    ratio, roof, costs = row.get("ratio"), row.get("roofline"), row.get("costs")
    flops = costs["call_flops"] / costs["images"] / 1e9 if costs else 0
    return [
        _figures(row["images_per_second"]),
        f"{row['spread']:.1%}",
        f"{_figures(ratio['median'])} [{_figures(ratio['low'])}, {_figures(ratio['high'])}]" if ratio else MISSING,
        f"{row['calls']:,}, {row['seconds']:.0f}",
        _figures(flops) if flops else MISSING,
        _figures(roof["intensity"]) if roof else MISSING,
        f"{roof['share']:.0%}" if roof else MISSING,
        _memory(row.get("memory")),
        _flags(row),
    ]


def _flags(row: Row) -> str:
    warm = row["warm_up"]
    flags = [] if warm["steady"] else ["not steady"]
    if row["noisy"]:
        flags.append("noisy")
    if row["loop"] == "compiled":
        flags.append(f"first call {warm['first_call_seconds']:.0f} s")
    return "; ".join(flags)


def _sensor_notes(rows: list[Row]) -> list[str]:
    notes = []
    for row in rows:
        seen = row.get("sensors", {})
        if seen.get("readings"):
            notes.append(
                f"{row['label']}: SM clock {seen['sm_clock_mhz']:.0f} MHz (drift {seen['clock_drift']:.1%}), "
                f"{seen['power_w']:.0f} W, {seen['temperature_c']:.0f} °C"
            )
    reasons = {row.get("sensors", {}).get("missing") for row in rows} - {None, "not a GPU"}
    return notes + [f"The GPU's clock was not read: {reason}" for reason in sorted(map(str, reasons))]


def _costs(rows: list[Row]) -> TextTable:
    """A row for all rows that cost the same."""
    labels: dict[tuple[str, ...], dict[str, None]] = {}
    for row in rows:
        costs = row["costs"]
        counts = [f"{costs[name]:,}" for name in ("parameters_generator", "parameters_total")]
        operations = [_figures(costs[name] / 1e6) if costs["macs"] else MISSING for name in ("macs", "flops")]
        labels.setdefault((f"{row['image_size']} px", *counts, *operations), {})[row["label"]] = None
    cells = [["\n".join(names), *shown] for shown, names in labels.items()]
    notes = [
        "Trainable parameters of the generator and of all networks. MACs are of predicting one image, as fvcore counts "
        "them; FLOPs are 2 x MACs."
    ]
    return TextTable("What it costs", ["", "image", "params G", "params all", "MACs (M)", "FLOPs (M)"], cells, notes)


def _splits(title: str, rows: list[Row]) -> TextTable:
    cells = []
    for row in rows:
        batch = "" if "batch" in row["label"] else f", batch {row['batch_size']}"
        name = f"{row['label']} [{row['image_size']} px{batch}]"
        if "split" not in row:
            cells.append([name, *[MISSING] * (len(PARTS) + 1)])
            continue
        whole = sum(row["split"].values())
        shares = [row["split"].get(part, 0.0) / whole for part in PARTS]
        cells.append([name, f"{whole * 1e3:.1f}", *(f"{share:.1%}" for share in shares)])
    notes = ["Parts are those of one step with the drawing of its batch, as shares of both together."]
    return TextTable(title, ["", "ms a step", *PARTS.values()], cells, notes)


def _latencies(rows: list[Row]) -> TextTable:
    cells = []
    for row in rows:
        found = row.get("latency")
        values = [found[name] for name in ("p50", "p90", "p99")] if found else [None] * 3
        shown = [MISSING if value is None else number(value * 1e3, 2 if value > 1e-4 else 5) for value in values]
        cells.append([row["label"], *shown, f"{found['samples']:,}" if found else row.get("missing", MISSING)])
    return TextTable("Latency at batch 1", ["", "p50 (ms)", "p90 (ms)", "p99 (ms)", "samples"], cells)


def _sweeps(sweeps: list[dict[str, Any]]) -> TextTable:
    cells = []
    for found in sweeps:
        best = found["best"]
        name = f"{found['label']}, {found['work']}"
        curve = ", ".join(f"{p['batch_size']}: {_figures(p['images_per_second'])}" for p in found["points"])
        shown = [str(best["batch_size"]), _figures(best["images_per_second"])] if best else [MISSING, MISSING]
        cells.append([name, *shown, _memory(best["memory"]) if best else MISSING, curve, found["ended"]])
    headings = ["", "best batch", "images/s", "memory", "images/s by batch", "ended because"]
    return TextTable("Batch sizes", headings, cells)


def _packing(found: dict[str, Any]) -> TextTable:
    cells = [
        [
            str(point["runs"]),
            _figures(point["images_per_second"]),
            f"{point['spread']:.1%}",
            f"{_figures(point['ratio']['median'])} [{_figures(point['ratio']['low'])}, "
            f"{_figures(point['ratio']['high'])}]",
        ]
        for point in found["points"]
    ]
    notes = [
        f"{found['label']}: training in so many processes at the same time, with equal work; images/s of all together "
        "until the last is done."
    ]
    if "missing" in found:
        notes.append(f"Not measured: {found['missing']}")
    return TextTable("Runs at once", ["runs", "images/s", "IQR", "×"], cells, notes)


def _memory(found: Row | None) -> str:
    if not found:
        return MISSING
    beside = found["resident"] if found["reserved"] is None else found["reserved"]
    return f"{found['allocated'] / 2**20:,.0f} ({beside / 2**20:,.0f}) MiB"


def _figures(value: float) -> str:
    """Three significant figures at the least."""
    return number(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def speed_rows(record: Record) -> list[dict[str, Any]]:
    """The rows of all speed tables, flat, for a CSV."""
    return [
        {
            "record": record["name"],
            "device": record["machine"]["device"],
            "threads": record["settings"]["threads"],
            "torch": record["machine"]["torch"],
            "table": table["title"],
            **{key: row[key] for key in ("label", "method", "work", "loop", "precision", "image_size", "batch_size")},
            **{key: row.get(key) for key in ("images_per_second", "spread", "noisy", "calls", "seconds", "missing")},
            **{f"ratio_{key}": (row.get("ratio") or {}).get(key) for key in ("to", "median", "low", "high")},
            **{f"{key}_bytes": (row.get("memory") or {}).get(key) for key in ("allocated", "reserved", "resident")},
            **{key: (row.get("costs") or {}).get(key) for key in COUNTED},
            **{key: (row.get("roofline") or {}).get(key) for key in ROOF},
            **{f"{part}_seconds": (row.get("split") or {}).get(part) for part in PARTS},
        }
        for table in record["tables"]
        for row in table["rows"]
    ]


COUNTED = ("parameters_generator", "parameters_total", "macs", "flops", "call_flops", "call_bytes")
ROOF = ("matmul", "copy", "intensity", "floor_seconds_per_image", "share")
