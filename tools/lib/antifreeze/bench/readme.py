# SPDX-License-Identifier: BSD-3-Clause
"""The README's section about performance: made from the JSON of a run, which is kept in docs/, and from
docs/bench-notes.md, which says of a row why it missed its bar."""

import json
import shutil

from .. import TOP, Error
from . import boot, ceiling, report
from .rows import ROWS

BEGIN, END = "<!-- performance: made by `tools/bench readme` -->", "<!-- performance: end -->"
KEPT = TOP / "docs" / "bench.json"
PICTURE = TOP / "docs" / "bench.svg"
NOTES = TOP / "docs" / "bench-notes.md"
README = TOP / "README.md"
_OFF = ", offloads off"


def keep(folder):
    """Makes the run in that folder the one that the README shows."""
    shutil.copyfile(folder / "bench.json", KEPT)
    shutil.copyfile(folder / "bench.svg", PICTURE)
    README.write_text(with_section(README.read_text(), json.loads(KEPT.read_text()), NOTES.read_text()))


def with_section(readme, run, notes):
    """The README with the section of this run in the place of the old one."""
    head, found, rest = readme.partition(BEGIN)
    _, found_end, tail = rest.partition(END)
    if not found or not found_end:
        raise Error(f"README.md has no place for it: {BEGIN}")
    return f"{head}{BEGIN}\n{section(run, notes)}\n{END}{tail}"


def _name(row, offloads):
    return row + (_OFF if offloads == "off" else "")


def _all_rows():
    """{name: title} of all that a whole run measures."""
    rows = {_name(row.name, mode): _name(row.title, mode) for mode in ("on", "off") for row in ROWS if mode == "on" or row.both_modes}
    return rows | {row.name: row.title for row in boot.ROWS}


def missing(run):
    """Titles of what a whole run measures and this one did not."""
    measured = {_name(row["row"], row["offloads"]) for row in run["rows"]}
    modes = {entry["mode"] for entry in run.get("ceiling", [])}
    rows = [title for name, title in _all_rows().items() if name not in measured]
    return rows + [f"{title} by a guest that does only ring work" for mode, title, _ in ceiling.MODES if mode not in modes]


def explanations(notes):
    """{name of a row: paragraph}: each stands below a heading that is the row's name."""
    found = {}
    for part in notes.split("\n## ")[1:]:
        name, _, text = part.partition("\n")
        if name not in _all_rows() or not text.strip():
            raise Error(f"{NOTES.name}: {name}: no such row, or nothing said of it")
        found[name] = " ".join(text.split())
    return found


def _why_missed(run, notes):
    """A paragraph for each row that missed its bar and has an explanation."""
    known = explanations(notes)
    for row in run["rows"]:
        name = _name(row["row"], row["offloads"])
        if report.met(row) is False and name in known:
            yield f"\n**{_name(row['title'], row['offloads'])}**: {known[name]}\n"


def _guest(about):
    """What was measured, in words."""
    guest = about.get("guest", {})
    return (guest.get("commit") or "of a commit that was not recorded") + (", with changes" if guest.get("dirty") else "")


def section(run, notes):
    about = run["about"]
    host = about["host"]
    packages_text = ", ".join(f"{name} {version}" for name, version in about["linux"].items() if "lib" not in name)
    intro = f"""
Antifreeze {_guest(about)}; {about["date"]}, {host["cpus"]} CPUs {host["cpu"]}, Linux {host["kernel"]}, load {host["load_before"]:.1f} before
the run; {about["qemu"]}, {about["why"]};
`-cpu {about["cpu_model"]}`, 1 vCPU, {about["memory_mib"]} MiB. The Linux guest: {packages_text}.
`{about["command"]}`, {about["pairs"]} pairs of {about["seconds"]} s, {about["minutes"]} minutes.

![How many times as good as Linux, row by row](docs/bench.svg)
"""
    absent = missing(run)
    said = f"\nNot measured in this run: {'; '.join(absent)}.\n" if absent else ""
    return intro + "\n" + report.table(run) + "\n" + said + "".join(_why_missed(run, notes))
