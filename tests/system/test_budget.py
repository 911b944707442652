# SPDX-License-Identifier: BSD-3-Clause
"""The ledger: `make budget` balances, agrees with the guest, and sees when it does not."""

import json
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


def widest(value):
    """With every number as long as a counter can become."""
    if isinstance(value, dict):
        return {key: widest(member) for key, member in value.items()}
    if isinstance(value, list):
        return [widest(member) for member in value]
    return 2**64 - 1 if isinstance(value, int) else value


def of_all_nics(members, nics):
    """What is there once for each NIC, so often."""
    each = [member for member in members if "nic" in member or member["name"].startswith("net0.")]
    return [member for member in members if member not in each] + each * nics


@pytest.mark.parametrize("profile", PROFILES)
def test_statistics_fit_a_record_at_their_largest(profile, boot):
    constants = {k: int(v) for k, v in re.findall(r"^(CONFIG_\w+) +(\d+)", run(command(profile)).stdout, re.M)}
    nics, kinds = constants["CONFIG_NICS"], constants["CONFIG_REFUSAL_KINDS"] + 1
    stats = widest(boot(image=qemu.image_path("pvh", PROFILES[profile][0])).stats())
    stats["pools"] = of_all_nics(stats["pools"], nics)
    stats["queues"] = of_all_nics(stats["queues"], nics)
    stats["lwip"]["interfaces"] = of_all_nics(stats["lwip"]["interfaces"], nics)
    stats["buffers"] = {f"{name}{k}": owners for name, owners in stats["buffers"].items() for k in range(nics)}
    for queue in stats["queues"]:
        queue |= {"first_error": "x" * 64, "first_evidence": 2**64 - 1}
    stats["refused"] = [{"what": "iperf3 connection", "reason": "x" * 40, "count": 2**64 - 1}] * kinds
    stats["faults"] = [{"fault": "x" * 20, "armed": 2**64 - 1, "count": 2**64 - 1}] * 8
    size = len(json.dumps(stats, separators=(",", ":")))
    assert constants["CONFIG_RECORD_MAX"] // 2 < size < constants["CONFIG_RECORD_MAX"] - 64  # event and time


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
