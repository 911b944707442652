# SPDX-License-Identifier: BSD-3-Clause
"""The README's section about performance: made from the JSON of a run, which is kept in docs/."""

import json
import shutil

from .. import TOP, Error
from . import report

BEGIN, END = "<!-- performance: made by `tools/bench readme` -->", "<!-- performance: end -->"
KEPT = TOP / "docs" / "bench.json"
PICTURE = TOP / "docs" / "bench.svg"
README = TOP / "README.md"


def keep(folder):
    """Makes the run in that folder the one that the README shows."""
    shutil.copyfile(folder / "bench.json", KEPT)
    shutil.copyfile(folder / "bench.svg", PICTURE)
    README.write_text(with_section(README.read_text(), json.loads(KEPT.read_text())))


def with_section(readme, run):
    """The README with the section of this run in the place of the old one."""
    head, found, rest = readme.partition(BEGIN)
    _, found_end, tail = rest.partition(END)
    if not found or not found_end:
        raise Error(f"README.md has no place for it: {BEGIN}")
    return f"{head}{BEGIN}\n{section(run)}\n{END}{tail}"


def section(run):
    about = run["about"]
    host = about["host"]
    packages_text = ", ".join(f"{name} {version}" for name, version in about["linux"].items() if "lib" not in name)
    intro = f"""
{about["date"]}, {host["cpus"]} CPUs {host["cpu"]}, Linux {host["kernel"]}, load {host["load_before"]:.1f} before
the run; {about["qemu"]}, {about["why"]};
`-cpu {about["cpu_model"]}`, 1 vCPU, {about["memory_mib"]} MiB. The Linux guest: {packages_text}.
`{about["command"]}`, {about["pairs"]} pairs of {about["seconds"]} s, {about["minutes"]} minutes.

![How many times as good as Linux, row by row](docs/bench.svg)
"""
    return intro + "\n" + report.table(run) + "\n"
