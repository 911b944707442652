# SPDX-License-Identifier: BSD-3-Clause
"""What docs/soak.md says of faults and of CI is what the soak does."""

import re
import subprocess

from antifreeze.soak import criteria, kinds
from conftest import TOP
from soakdocs import PAGE, workflow

CRITERION = {kinds.REPAIR: "recovery_s", kinds.RESET: "recovery_reset_s"}


def listed(names):
    return ", ".join(f"`{name}`" for name in names)


def lasts(kind):
    """In short soaks and in long ones."""
    both = [f"{seconds} + {rest}" if rest else f"{seconds}" for seconds, rest in (kind.length(True), kind.length(False))]
    return both[0] if both[0] == both[1] else " / ".join(both)


def lingers(kind):
    return f"{kind.lingers}, on `user` {kind.lingers_user}" if kind.lingers_user else f"{kind.lingers}"


def row(kind):
    where = listed(kind.paths) or "the guest"
    return f"| `{kind.name}` | {kind.help} | {where} | {lasts(kind)} | {kind.settle}: `{CRITERION[kind.settle]}` | {listed(kind.causes) or '–'} | {lingers(kind)} |"


def test_table_of_faults_is_that_of_the_registry():
    section = PAGE.split("\n## Faults\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(kind) for kind in kinds.KINDS.values()]


def test_criteria_that_the_page_names_are_there():
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", PAGE.split("\n## Faults\n")[1].split("\n## ")[0]))
    known = set(criteria.load()) | set(kinds.KINDS) | {cause for kind in kinds.KINDS.values() for cause in kind.causes}
    assert named <= known, named - known


def test_recovery_times_are_the_limits_of_their_criteria():
    limits = criteria.load()
    assert all(limits[name].limit == settle for settle, name in CRITERION.items())


def test_workflow_builds_with_targets_that_there_are():
    [make] = [words for words in workflow() if words[0] == "make"]
    done = subprocess.run([make[0], "-n", *make[1:]], cwd=TOP, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_workflow_has_ten_lines():
    lines = PAGE.split("\n## In CI\n")[1].split("\n## ")[0]
    assert len([line for line in lines.splitlines() if line.startswith("    ")]) <= 10
