# SPDX-License-Identifier: BSD-3-Clause
"""The long run's table: build/test-long/summary.json and summary.md.

A row for each test that was chosen, written anew after each of them, so that a run which is interrupted leaves
what it knows. A run of some tests only replaces their rows and keeps the others'; --resume leaves out what has
passed with the same image.
"""

import hashlib
import json
import platform
import time

import pytest

from antifreeze import own_folder, qemu

UNKNOWN = "not run"


class Summary:
    """A plugin of pytest. Tests put their figures into the fixture of that name."""

    def __init__(self, folder, fresh, resume):
        self.folder = own_folder(folder)
        self.resume = resume
        self.image = hashlib.sha256(qemu.image_path().read_bytes()).hexdigest()[:12]
        self.rows = {} if fresh else self._load()
        self.started = {}

    def _load(self):
        try:
            rows = json.loads((self.folder / "summary.json").read_text())["tests"]
            return {row["test"]: row for row in rows}
        except (OSError, ValueError, KeyError):
            return {}

    def _passed(self, name):
        row = self.rows.get(name, {})
        return row.get("outcome") == "passed" and row.get("image") == self.image

    @pytest.hookimpl(trylast=True)  # what -m and -k left
    def pytest_collection_modifyitems(self, config, items):
        if self.resume:
            left_out = [item for item in items if self._passed(item.nodeid)]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not self._passed(item.nodeid)]
        for item in items:
            self.rows[item.nodeid] = {"test": item.nodeid, "outcome": UNKNOWN}
        self.write()

    def pytest_runtest_setup(self, item):
        self.started[item.nodeid] = time.monotonic()

    def take(self, item, report):
        """A test has one outcome, the worst of its set-up, call and teardown."""
        row = self.rows[item.nodeid]
        worse = report.failed or (report.skipped and row["outcome"] != "failed")
        if worse or (report.when == "call" and row["outcome"] == UNKNOWN):
            row["outcome"] = report.outcome
        if report.failed:
            row["why"] = reason(report.longrepr)
        row["seconds"] = round(time.monotonic() - self.started[item.nodeid], 1)
        row["image"] = self.image
        row["figures"] = getattr(item, "figures", {})
        if report.when == "teardown":
            self.write()

    def write(self):
        rows = list(self.rows.values())
        counts = {}
        for row in rows:
            counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
        head = {
            "written": time.strftime("%Y-%m-%d %H:%M:%S"),
            "image": self.image,
            "host": f"{platform.system()} {platform.release()}, {qemu.accelerator().why}",
            "outcomes": counts,
        }
        (self.folder / "summary.json").write_text(json.dumps(head | {"tests": rows}, indent=1) + "\n")
        (self.folder / "summary.md").write_text(markdown(head, rows))


def reason(longrepr):
    """One line of what pytest has to say."""
    crash = getattr(longrepr, "reprcrash", None)
    return str(crash.message if crash else longrepr).strip().partition("\n")[0][:300]


def markdown(head, rows):
    """A section for each test function, a line for each of its cases."""
    counts = ", ".join(f"{n} {outcome}" for outcome, n in head["outcomes"].items())
    text = f"# The long run\n\n{counts}. Image {head['image']}, {head['host']}, {head['written']}.\n"
    sections = {}
    for row in rows:
        name, _, case = row["test"].rstrip("]").partition("[")
        if "fault" in row.get("figures", {}):
            name, case = "Faults", row["figures"]["fault"]
        sections.setdefault(name, []).append((case or "-", row))
    for name, cases in sections.items():
        columns = dict.fromkeys(key for _, row in cases for key in row.get("figures", {}) if key != "fault")
        text += f"\n## {name}\n\n" + line(["case", "outcome", "s", *columns])
        text += line(["---"] * (3 + len(columns)))
        for case, row in cases:
            outcome = row["outcome"]
            if row.get("image", head["image"]) != head["image"]:
                outcome += f" with image {row['image']}"
            figures = row.get("figures", {})
            text += line([case, outcome, row.get("seconds", ""), *(figures.get(key, "") for key in columns)])
        for case, row in cases:
            if "why" in row:
                text += f"\n{case}: `{row['why']}`\n"
    return text


def line(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"
