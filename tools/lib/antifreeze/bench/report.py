# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the benchmark leaves behind: JSON; a Markdown table and a picture, made from the JSON alone."""

import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess

from .. import TOP, own_folder, qemu
from . import linux, packages, pairs, plot

PAIRS_MIN = 3  # that must have a ratio for a bar to be judged; all of them where there are not so many

_LEGEND = """Medians (min–max); the ratio is that of the pairs in which Linux had a figure. CPU: vCPU thread / main loop of
QEMU / the host's peer, in per cent of one CPU. Per CPU: the ratio of what each moved per second of CPU that these three had,
which other work on the host disturbs less."""


def about(count, seconds, command):
    """Where and with what the run was made."""
    version = subprocess.run([*qemu.program(), "--version"], capture_output=True, text=True, check=True)
    return {
        "command": command,
        "guest": guest_version(),
        "pairs": count,
        "date": datetime.date.today().isoformat(),
        "seconds": seconds,
        "host": {
            "cpu": _cpu_name(),
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "load_before": os.getloadavg()[0],
        },
        "qemu": version.stdout.splitlines()[0],
        "accelerator": qemu.accelerator().name,
        "why": qemu.accelerator().why,
        "cpu_model": qemu.CPU_MODEL,
        "memory_mib": pairs.MEMORY_MIB,
        "linux": packages.versions(),
        "linux_settings": linux.SETTINGS,
    }


def guest_version(tree=TOP):
    """{"commit", "dirty"} of the tree that our guest was built from: None where git does not know."""

    def said(*words):
        git = ["git", "-c", "safe.directory=*", "-C", str(tree), *words]
        try:
            return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    commit = said("describe", "--always", "--tags")
    changes = said("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit or None, "dirty": None if changes is None else bool(changes)}


def _cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write(report, folder):
    """bench.json, bench.md and, where there are ratios, bench.svg."""
    own_folder(folder)
    (folder / "bench.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "bench.md").write_text(table(report) + "\n")
    plot.draw(report, folder / "bench.svg")


def table(report):
    """The rows as Markdown tables."""
    lines = []
    if report["rows"]:
        lines += [
            "| row | offloads | Antifreeze | Linux | ratio | per CPU | bar | CPU: ours | CPU: Linux | |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        lines += ["| " + " | ".join(_cells(row)) + " |" for row in report["rows"]]
    if "ceiling" in report:
        lines += ["", *_ceiling(report["ceiling"])]
    lines += ["", _LEGEND, *_promises(report), _busy(report)]
    return "\n".join(lines)


def _promises(report):
    """What our guest promises under any load, over all the rows of iperf3."""
    gaps = [row["gap_max_us"] for row in report["rows"] if "gap_max_us" in row]
    if not gaps:
        return []
    failures = report["alloc_failures"]
    return [f"Our guest's longest gap in any iperf3 test: {max(gaps) / 1000:.1f} ms. Allocation failures: {failures}."]


def _busy(report):
    """How far other work on the host is to blame."""
    sides = [row[name] for row in report["rows"] for name in pairs.GUESTS] + report.get("ceiling", [])
    waited = statistics.median(side["cost"]["waited"] for side in sides)
    return f"Either of QEMU's two threads had work and no CPU for it for {100 * waited:.0f} % of the time (median)."


def _ceiling(entries):
    """The upper limit, in a table of its own."""
    lines = ["| a guest that does only ring work | kpps | CPU | |", "|---|---|---|---|"]
    for entry in entries:
        bounded = "bounded by QEMU" if entry["cost"]["bounded_by_qemu"] else ""
        lines.append(f"| {entry['title']} | {_figure(entry)} | {_shares(entry)} | {bounded} |")
    return lines


def _cells(row):
    ours, theirs = row[pairs.OURS], row[pairs.THEIRS]
    return [
        f"{row['title']}, {row['unit']}", row["offloads"], _figure(ours), _figure(theirs),
        _figure(row["ratio"]) if "ratio" in row else "–", _per_cpu(row), _bar(row), _shares(ours), _shares(theirs), _remark(row),
    ]  # fmt: skip


def number(value):
    """Three digits are enough."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _figure(spread):
    return f"{number(spread['median'])} ({number(spread['min'])}–{number(spread['max'])})"


def _per_cpu(row):
    return number(row["ratio_per_cpu"]["median"]) if "ratio_per_cpu" in row else "–"


def _bar(row):
    if row["bar"] is None:
        return "–"
    sign = "≥" if row["more_is_better"] else "≤"
    return f"{sign} {row['bar']:g}: " + {True: "met", False: "missed", None: "not judged"}[met(row)]


def met(row):
    """True if the median ratio keeps the bar; None if there is no bar, or too few pairs have a ratio to say so."""
    if row["bar"] is None or "ratio" not in row or row["ratio"]["n"] < min(PAIRS_MIN, len(row["ratio"]["pairs"])):
        return None
    ratio = row["ratio"]["median"]
    return ratio >= row["bar"] if row["more_is_better"] else ratio <= row["bar"]


def _shares(side):
    cost = side["cost"]
    return " / ".join(f"{100 * cost[field]:.0f}" for field in ("vcpu", "main_loop", "peer"))


def _without_figure(row):
    """Where a search found no rate at all, or a test had not ended a minute after its time."""
    for name in pairs.GUESTS:
        hung, tried = row[name].get("hung", 0), len(row[name]["values"])
        nothing = row[name]["values"].count(0) - hung
        if hung:
            yield f"{name}: {hung} of {tried} hung"
        if nothing:
            yield f"{name}: {nothing} of {tried} found no rate"


def _of_ceiling(row):
    """How near ours came to the guest that does only ring work, measured in the same turns."""
    if "of_ceiling" not in row:
        return ""
    share, bar = row["of_ceiling"]["median"], row["bar_ceiling"]
    verdict = "met" if share >= bar else "missed"
    return f"{share:.0%} of the ceiling's {_figure(row[pairs.CEILING])}, ≥ {bar:.0%}: {verdict}"


def _remark(row):
    bounded = [name for name in pairs.GUESTS if row[name]["cost"]["bounded_by_qemu"]]
    said = [
        _of_ceiling(row), row["note"], *_without_figure(row),
        f"{' and '.join(bounded)}: bounded by QEMU" if bounded else "",
    ]  # fmt: skip
    return "; ".join(text for text in said if text)
