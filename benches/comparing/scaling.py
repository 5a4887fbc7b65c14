"""Tables in Markdown, and which targets are met, from the results of `benches/scale`."""

import statistics

from . import report

AXES = {"size": "Size", "files": "Number of files"}
MEMORY_MIB, MEMORY_OF_MILLION_MIB = 128, 512
MILLION = 1_000_000
GROWTH = 1.1


def median(row):
    return statistics.median(run["seconds"] for run in row["runs"])


def peak(row):
    return max(run["memory"] for run in row["runs"])


def amount(row):
    return report.size(row["amount"]) if row["axis"] == "size" else f"{row['amount']:,} files"


def axis_table(data, axis):
    rows = []
    for row in data["rows"]:
        if row["axis"] != axis:
            continue
        time = median(row)
        speed = f"{row['bytes'] / 1e6 / time:.0f} MB/s" if axis == "size" else f"{row['files'] / time:,.0f} files/s"
        sent = statistics.median(run["sent"] for run in row["runs"])
        shown = f"{amount(row)}, {row['shape']}" if axis == "size" else amount(row)
        rows.append([shown, row["tool"], report.seconds(time), speed, f"{peak(row):.0f} MiB", report.size(sent)])
    return report.table(["directory", "tool", "time", "throughput", "peak memory", "bytes sent"], rows, left=2)


def targets(data):
    """The targets of memory and of growth: what, the target, the figure, whether met."""
    own = [row for row in data["rows"] if row["tool"].startswith("consign")]
    million = [row for row in own if row["axis"] == "files" and row["amount"] >= MILLION]
    others = [row for row in own if row not in million]
    return [
        memory_target("peak memory, fewer than a million files", others, MEMORY_MIB),
        memory_target("peak memory, a million files", million, MEMORY_OF_MILLION_MIB),
        *growth_targets(own),
    ]


def memory_target(title, rows, most):
    if not rows:
        return [title, f"≤ {most} MiB", "not measured", ""]
    worst = max(rows, key=peak)
    shown = f"{peak(worst):.0f} MiB ({worst['tool']}: {amount(worst)}, {worst['shape']})"
    return [title, f"≤ {most} MiB", shown, report.verdict(peak(worst) <= most)]


def growth_targets(rows):
    """For each tool and shape: how much longer ten times as much takes, at 1 GB and 10 GB."""
    found = []
    by_input = {(row["tool"], row["shape"], row["amount"]): row for row in rows if row["axis"] == "size"}
    for (tool, shape, size), large in by_input.items():
        small = by_input.get((tool, shape, 10**9))
        if size != 10**10 or not small:
            continue
        growth = median(large) / median(small) / (large["bytes"] / small["bytes"])
        title = f"time from 1 GB to 10 GB, {tool}, {shape}, against ten times"
        found.append([title, f"≤ {GROWTH}×", f"{growth:.3f}×", report.verdict(growth <= GROWTH)])
    return found


def conditions(data):
    where = "in memory (tmpfs)" if data["storage"] == "memory" else "on disk"
    return (
        "Each directory is generated, about a twentieth of it random bytes and the rest text, and in the kernel's "
        f"cache as far as it fits; the registry is empty before each push and its storage {where}. Medians of "
        f"{data['rounds']}; peak memory is the highest. {report.machine_sentence(data)}"
    )


def scale_tables(data):
    """Everything that docs/performance.md shows of growth."""
    parts = [conditions(data)]
    for axis, title in AXES.items():
        if any(row["axis"] == axis for row in data["rows"]):
            parts += [f"{title}:", axis_table(data, axis)]
    parts += ["Targets:", report.table(["what", "target", "measured", ""], targets(data), left=2)]
    return "\n\n".join(parts)
