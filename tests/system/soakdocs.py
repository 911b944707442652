# SPDX-License-Identifier: BSD-3-Clause
"""docs/soak.md, as far as tests read it."""

import re
import shlex

from conftest import TOP

SEED = 4242424242  # like the number of a run

PAGE = (TOP / "docs/soak.md").read_text()


def workflow():
    """The command lines of the CI example, as lists of words, with a number for the run's id."""
    lines = PAGE.split("\n## In CI\n")[1].split("\n## ")[0]
    said = re.findall(r"^ +- run: (.*)$", lines, re.M)
    return [shlex.split(command.replace("${{ github.run_id }}", str(SEED))) for line in said for command in line.split(" && ")]
