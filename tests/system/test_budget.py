# SPDX-License-Identifier: BSD-3-Clause
"""The ledger: `make budget` balances, agrees with the guest, and sees when it does not."""

import os
import re
import shlex
import subprocess

import pytest
from conftest import TOP
from antifreeze import BUILD, qemu

PROFILES = {"full": (BUILD, []), "lean": (BUILD / "lean", ["LEAN=1"])}


def command(profile):
    """What `make budget` runs, as words: made here without running make's other rules."""
    environment = {k: v for k, v in os.environ.items() if k not in ("LEAN", "MAKEFLAGS", "V")}
    output = subprocess.run(
        ["make", "-n", "--no-print-directory", "budget", *PROFILES[profile][1]],
        cwd=TOP, env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    lines = [line for line in output.splitlines() if line.startswith("tools/budget ")]
    assert len(lines) == 1, output
    return shlex.split(lines[0])


def run(words):
    return subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("profile", PROFILES)
def test_budget_balances_and_is_what_the_guest_says(profile, boot):
    done = run(command(profile))
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\w+) +(\S.*?) {2,}(?:(\d+) +(\d+) +)?(\d+)(?:  |$)", done.stdout, re.M)
    total = int(re.search(r"^ +total +(\d+) ", done.stdout, re.M)[1])
    assert sum(int(size) for *_, size in rows) == total
    for name in ("receive buffers", "TCP_SEG", "PBUF_POOL", "POOL_STACK_SMALL_BYTES", "streams", "console ring"):
        assert any(name == row[1] for row in rows), f"no line for {name}"
    guest = boot(image=qemu.image_path("pvh", PROFILES[profile][0]))
    assert guest.find("boot")[0]["static_kb"] == total // 1024
    sizes = {pool["name"].removeprefix("lwip."): pool["size"] for pool in guest.stats()["pools"]}
    counts = {name: int(count) for part, name, _, count, _ in rows if part == "lwip"}
    both = counts.keys() & sizes.keys()  # a few of lwIP's pools go by a longer name
    assert len(both) >= 7
    assert {name: counts[name] for name in both} == {name: sizes[name] for name in both}


def test_budget_sees_a_formula_that_is_not_the_images():
    done = run(command("full") + ["-DLEAN"])
    assert done.returncode == 1
    assert "receive buffers" in done.stderr
    assert "TCP_SEG" in done.stderr
