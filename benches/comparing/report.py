"""Tables in Markdown, and which targets are met, from the results of `benches/compare` and `benches/scale`."""

import statistics

SCENARIOS = {
    "cold": "Cold",
    "unchanged": "Nothing changed",
    "changed": "One file changed",
}
CONSIGN, CACHED, ZSTD = "consign", "consign, `--cache-dir` kept", "consign, zstd"
BUILDKIT, CRANE = "BuildKit", "tar | crane append"
LINK_FACTOR = 1.1


def table(header, rows, left=1):
    """A table; the first `left` columns are text, the others numbers."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "---|" * left + "---:|" * (len(header) - left))
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def seconds(value):
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def size(value):
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.4g} {unit}"
    return f"{value:.0f} B"


def runs_of(data, tool, scenario):
    return [run for row in data["rows"] if (row["tool"], row["scenario"]) == (tool, scenario) for run in row["runs"]]


def median(data, tool, scenario, key="seconds"):
    """The median of a figure; None if the tool was not measured."""
    runs = runs_of(data, tool, scenario)
    return statistics.median(run[key] for run in runs) if runs else None


def scenario_table(data, scenario):
    rows = []
    base = median(data, CONSIGN, scenario)
    for tool in dict.fromkeys(row["tool"] for row in data["rows"]):
        runs = runs_of(data, tool, scenario)
        if not runs:
            continue
        times = [run["seconds"] for run in runs]
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        factor = f"{middle['seconds'] / base:.1f}" if base else ""
        rows.append(
            [
                f"**{tool}**" if tool.startswith("consign") else tool,
                seconds(middle["seconds"]),
                f"{min(times):.2f}–{max(times):.2f}",
                factor,
                seconds(middle["cpu"]),
                f"{max(run['memory'] for run in runs):.0f} MiB",
                size(middle["sent"]),
            ]
        )
    return table(["tool", "time", "from–to", "× consign", "CPU time", "peak memory", "bytes sent"], rows)


def faster(data, title, own, other, least, *conditions):
    """A target of the form: `own` (a tool and a scenario) takes 1/`least` of the time of `other`."""
    mine, theirs = median(data, *own), median(data, *other)
    if mine is None or theirs is None:
        return [title, f"≥ {least}×", "not measured", ""]
    ratio = theirs / mine
    notes = [text for text, _ in conditions]
    met = ratio >= least and all(holds for _, holds in conditions)
    return [title, f"≥ {least}×", "; ".join([f"{ratio:.2f}×", *notes]), verdict(met)]


def verdict(met):
    return "met" if met else "**missed**"


def byte_condition(data, own, other, most):
    """The bytes that `own` sends are at most `most` of those that `other` sends."""
    mine, theirs = median(data, *own, "sent"), median(data, *other, "sent")
    if mine is None or theirs is None:
        return ("", False)
    return (f"{mine / theirs * 100:.3g} % of the bytes (≤ {most * 100:g} %)", mine <= most * theirs)


def targets(data):
    """The targets: what, the target, the figure, whether met."""
    cold, crane = (BUILDKIT, "cold"), (CRANE, "cold")
    same, change = (BUILDKIT, "unchanged"), (BUILDKIT, "changed")
    own = (CONSIGN, "cold")
    rows = [
        faster(data, "cold, gzip, against BuildKit", own, cold, 3.3, byte_condition(data, own, cold, 1)),
        faster(data, f"cold, gzip, against `{CRANE}`", own, crane, 1.4, byte_condition(data, own, crane, 0.9)),
        faster(data, "cold, zstd, against BuildKit's gzip", (ZSTD, "cold"), cold, 6),
        faster(data, "nothing changed, empty disk, against BuildKit's state", (CONSIGN, "unchanged"), same, 1.2),
        faster(data, "nothing changed, `--cache-dir` kept, against the same", (CACHED, "unchanged"), same, 4),
        faster(
            data, "one file changed, empty disk, against BuildKit's state", (CONSIGN, "changed"), change, 13,
            byte_condition(data, (CONSIGN, "changed"), own, 0.01),
        ),
    ]  # fmt: skip
    return rows + [row for link in data.get("link", []) for row in link_targets(link)]


def link_targets(link):
    """How near a push through a limited link is to the time that its bytes need on that link."""
    middle = {key: statistics.median(run[key] for run in link["runs"]) for key in ("seconds", "wire", "blobs")}
    wire, blobs = (middle["seconds"] / (middle[kind] / link["rate"]) for kind in ("wire", "blobs"))
    title = f"link of {link['rate'] / 1e6:g} MB/s, `--transport {link['transport']}`"
    note = "base64 alone makes it 1.333×" if link["transport"] == "ecr" else verdict(blobs <= LINK_FACTOR)
    return [
        [
            f"{title}, against bytes on the wire ÷ bandwidth",
            f"≤ {LINK_FACTOR}×",
            f"{wire:.3f}×",
            verdict(wire <= LINK_FACTOR),
        ],
        [f"{title}, against bytes of the blobs ÷ bandwidth", f"≤ {LINK_FACTOR}×", f"{blobs:.3f}×", note],
    ]


def link_table(data):
    rows = []
    for link in data["link"]:
        middle = {key: statistics.median(run[key] for run in link["runs"]) for key in link["runs"][0]}
        row = [f"`{link['transport']}`", seconds(middle["seconds"])]
        for kind in ("blobs", "wire"):
            row += [size(middle[kind]), seconds(middle[kind] / link["rate"])]
        rows.append([*row, f"{max(run['memory'] for run in link['runs']):.0f} MiB"])
    header = ["transport", "time", "blobs", "÷ bandwidth", "on the wire", "÷ bandwidth", "peak memory"]
    return table(header, rows)


def machine_sentence(data):
    machine = data["machine"]
    return (
        f"The machine: {machine['cores']} cores ({machine['processor']}), {machine['memory']:.0f} GiB, "
        f"{machine['system']}; {data['date']}, load before the start {machine['load']:.1f}."
    )


def conditions(data):
    """In which circumstances the figures were taken."""
    tree = data["tree"]
    where = "in memory (tmpfs)" if data["storage"] == "memory" else "on disk"
    return (
        f"The directory: {tree['title']}, {tree['files']:,} files, {size(tree['bytes'])}, in the kernel's cache. "
        f"The registry's storage and what the tools keep are {where}. Medians of {data['rounds']}, in which the tools "
        f"take turns; peak memory is the highest. {machine_sentence(data)}"
    )


def compare_tables(data):
    """Everything that docs/performance.md shows of a comparison."""
    parts = [conditions(data)]
    for scenario, title in SCENARIOS.items():
        if any(row["scenario"] == scenario for row in data["rows"]):
            parts += [f"{title}:", scenario_table(data, scenario)]
    if data.get("link"):
        parts += ["Through a limited link:", link_table(data)]
    parts += ["Targets:", table(["what", "target", "measured", ""], targets(data), left=2)]
    parts += ["Versions:", table(["tool", "version"], data["versions"].items(), left=2)]
    if data["missing"]:
        parts += ["Not compared:", table(["tool", "why"], data["missing"].items(), left=2)]
    return "\n\n".join(parts)
