"""The tables of `bench profile` records: speeds, costs, latencies, and the machine that they were measured on."""

from __future__ import annotations

from typing import Any

from bench.report.tables.numbers import number
from bench.report.tables.text_table import TextTable, code, escape_markdown, titled
from bench.study.labels import MISSING

PARTS = {"data": "data", "discriminator": "D", "generator": "G", "optimiser": "optimiser", "rest": "rest"}
Record = dict[str, Any]
Row = dict[str, Any]


def speed_text(records: list[Record]) -> str:
    """speed.md: a section a record. Each record is of one machine, and records are not compared."""
    parts = [HEAD]
    for record in records:
        parts.append(f"# {escape_markdown(record['title'])}\n")
        parts.append(f"{escape_markdown(machine_words(record))}\n\n{code(record['command'])}\n")
        parts += [titled(table) for table in tables_of(record)]
    return "\n".join([*parts, HOW])


HEAD = """\
# Speed

`bench profile` and `bench report` write this file from the records in `speed/`; do not edit it. Each section is one
command on one machine. Ratios compare rows of one table only, which were measured in turn, round by round; sections are
not compared with each other.
"""
HOW = """\
# How it is measured

- Each row is measured in a process of its own, with a ring of 8 batches of real data on the device. The process warms
  up for at least 10 calls and 2 seconds (3 calls where one takes more than a second), then until three windows agree
  within 1%. If they do not agree before the command's time limit for warm-up, the row says *not steady*.
- Images/s is the median over rounds. The calls of a round are timed together (with CUDA events and one synchronisation
  at the end, or with the wall clock), and the rows of a table take turns, round by round. IQR is the interquartile
  range divided by the median; above 10% the row says *noisy*. × is the median over rounds of the ratio to the first
  row, with the smallest and the largest ratio.
- A row has at least 100 calls and 5 seconds, or as many calls as fit into the seconds of the command (`--seconds`, 30
  by default); the table says how many.
- Latency is measured on single synchronised calls at batch 1; p99 needs 1,000 of them.
- GFLOPs are one image's share of a whole call, forward and backward, over all networks, with 2 operations a
  multiply-accumulate, as counted by torch. The floor is the time that convolutions, matrix products and Adam need at
  least for their operations and memory traffic, at rates measured on the same machine in the same precision: the faster
  one of a matrix product and a convolution, and a copy. *Of the floor* is the share of that speed that was reached. The
  floor does not know about caches, in which data moves faster.
- The time of a step is split into parts. data is the drawing of a batch, which the other columns leave out because they
  use the ring; D and G include their losses and gradients; optimiser includes the steps of all networks.
- Memory is the peak of all tensors in one call with one batch (on CUDA, as the allocator reports it). In brackets
  stands the memory that the allocator reserved, or the peak of the whole process, both with the whole ring.
- A GPU's clock, power, temperature and reasons for a lower clock are read 5 times a second. A round is repeated, at
  most three times, if the GPU was throttled or its clock drifted by more than 2%. No setting of the GPU is changed.
"""


def machine_words(record: Record) -> str:
    """The machine, its software and threads, and the data."""
    machine = record["machine"]
    threads = "" if record["settings"]["device"].startswith("cuda") else f", {record['settings']['threads']} thread"
    plural = "s" if threads and record["settings"]["threads"] > 1 else ""
    return (
        f"{machine['device']}{threads}{plural}; torch {machine['torch']}, Python {machine['python']}; "
        f"data: {record['data']}; code {machine['code']}."
    )


def tables_of(record: Record) -> list[TextTable]:
    """All tables of a record, in reading order; a part that was not measured has none."""
    tables = [_speeds(table) for table in record["tables"]]
    counted = [row for table in record["tables"] for row in table["rows"] if row.get("costs")]
    if counted:
        tables.append(_costs(counted))
    steps = [row for table in record["tables"] for row in table["rows"] if row.get("split")]
    if steps:
        tables.append(_splits("Where a training step's time goes", steps))
    if record.get("waiting"):
        tables.append(_splits("Time for data, by scale", record["waiting"]))
    if record.get("latency"):
        tables.append(_latencies(record["latency"]))
    if record.get("sweeps"):
        tables.append(_sweeps(record["sweeps"]))
    if record.get("packing"):
        tables.append(_packing(record["packing"]))
    return tables


def _speeds(table: dict[str, Any]) -> TextTable:
    rows, notes = [], []
    for row in table["rows"]:
        name = f"{row['label']} [{row['precision']}, batch {row['batch_size']}]" if _lacks_batch(row) else row["label"]
        if "missing" in row:
            notes.append(f"{row['label']}: not measured: {row['missing']}")
            rows.append([name, *[MISSING] * 9])
            continue
        rows.append([name, *_speed_cells(row)])
        notes += [
            f"{row['label']}: {quantity} is unknown: {reason}" for quantity, reason in row.get("unknown", {}).items()
        ]
    first = table["rows"][0]["label"]
    notes.insert(
        0, f"× is the ratio to {first}, round by round, with the smallest and the largest of {_rounds(table)} rounds."
    )
    notes += _sensor_notes(table["rows"])
    headings = ["", "images/s", "IQR", "×", "calls, seconds", "GFLOPs/image", "FLOP/byte", "of the floor", "memory", ""]
    return TextTable(table["title"], headings, rows, notes)


def _lacks_batch(row: Row) -> bool:
    """Whether the label does not name the batch size yet."""
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
        sensors = row.get("sensors", {})
        if sensors.get("readings"):
            notes.append(
                f"{row['label']}: SM clock {sensors['sm_clock_mhz']:.0f} MHz (drift {sensors['clock_drift']:.1%}), "
                f"{sensors['power_w']:.0f} W, {sensors['temperature_c']:.0f} °C"
            )
    reasons = {row.get("sensors", {}).get("missing") for row in rows} - {None, "not a GPU"}
    return notes + [f"The GPU's clock was not read: {reason}" for reason in sorted(map(str, reasons))]


def _costs(rows: list[Row]) -> TextTable:
    """Costs; rows with equal costs are merged into one."""
    labels: dict[tuple[str, ...], dict[str, None]] = {}
    for row in rows:
        costs = row["costs"]
        counts = [f"{costs[name]:,}" for name in ("parameters_generator", "parameters_total")]
        operations = [_figures(costs[name] / 1e6) if costs["macs"] else MISSING for name in ("macs", "flops")]
        labels.setdefault((f"{row['image_size']} px", *counts, *operations), {})[row["label"]] = None
    cells = [["\n".join(names), *shown] for shown, names in labels.items()]
    notes = [
        "params are the trainable parameters of the generator and of all networks. MACs, counted by fvcore, are for "
        "the prediction of one image; FLOPs are 2 x MACs."
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
    notes = ["The parts are shares of the time of one step, including the drawing of its batch."]
    return TextTable(title, ["", "ms a step", *PARTS.values()], cells, notes)


def _latencies(rows: list[Row]) -> TextTable:
    cells = []
    for row in rows:
        latency = row.get("latency")
        values = [latency[name] for name in ("p50", "p90", "p99")] if latency else [None] * 3
        shown = [MISSING if value is None else number(value * 1e3, 2 if value > 1e-4 else 5) for value in values]
        cells.append([row["label"], *shown, f"{latency['samples']:,}" if latency else row.get("missing", MISSING)])
    return TextTable("Latency at batch 1", ["", "p50 (ms)", "p90 (ms)", "p99 (ms)", "samples"], cells)


def _sweeps(sweeps: list[dict[str, Any]]) -> TextTable:
    cells = []
    for sweep in sweeps:
        best = sweep["best"]
        name = f"{sweep['label']}, {sweep['work']}"
        curve = ", ".join(f"{p['batch_size']}: {_figures(p['images_per_second'])}" for p in sweep["points"])
        shown = [str(best["batch_size"]), _figures(best["images_per_second"])] if best else [MISSING, MISSING]
        cells.append([name, *shown, _memory(best["memory"]) if best else MISSING, curve, sweep["ended"]])
    headings = ["", "best batch", "images/s", "memory", "images/s by batch", "ended because"]
    return TextTable("Batch sizes", headings, cells)


def _packing(packing: dict[str, Any]) -> TextTable:
    cells = [
        [
            str(point["runs"]),
            _figures(point["images_per_second"]),
            f"{point['spread']:.1%}",
            f"{_figures(point['ratio']['median'])} [{_figures(point['ratio']['low'])}, "
            f"{_figures(point['ratio']['high'])}]",
        ]
        for point in packing["points"]
    ]
    notes = [
        f"{packing['label']}: this many processes train at the same time, with equal work each. images/s is their "
        "total until the last one is done."
    ]
    if "missing" in packing:
        notes.append(f"Not measured: {packing['missing']}")
    return TextTable("Runs at once", ["runs", "images/s", "IQR", "×"], cells, notes)


def _memory(memory: Row | None) -> str:
    """Tensors, and in brackets what the allocator or the process held."""
    if not memory:
        return MISSING
    held = memory["resident"] if memory["reserved"] is None else memory["reserved"]
    return f"{memory['allocated'] / 2**20:,.0f} ({held / 2**20:,.0f}) MiB"


def _figures(value: float) -> str:
    """At least three significant figures."""
    return number(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def speed_rows(record: Record) -> list[dict[str, Any]]:
    """The rows of all speed tables, flattened for a CSV file."""
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
