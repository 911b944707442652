# SPDX-License-Identifier: BSD-3-Clause
"""`make run` itself: its verdict, its ways to fail, and that it leaves nothing behind."""

import json
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from antifreeze import qemu
from conftest import TOP

# These depend on how busy this machine is; whether they hold is for who runs `make run` to see.
MACHINE_DEPENDENT = {"longest gap", "UDP loss", "seconds without a byte"}


def start(*words, **environment):
    return subprocess.Popen(
        [sys.executable, str(TOP / "tools/run"), *words],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, seconds=100):
    """(status, stdout, stderr)"""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, out, err


def link_build(tmp_path):
    """A build directory of the test's own, so that reports do not mix."""
    (tmp_path / "antifreeze.elf").symlink_to(qemu.image_path())
    return {"BUILD_DIR": str(tmp_path), "ACCEL": qemu.accelerator().name}


@pytest.mark.parametrize("network", ["private", "namespaces refused by this test"])
def test_run_prints_a_table_and_a_verdict(tmp_path, network):
    status, out, err = finish(
        start("--seconds", "1", ANTIFREEZE_WORLD=network, **link_build(tmp_path))
    )
    assert status in (0, 1), out + err
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["network"] == ("tap" if network == "private" else "user")
    assert [t["name"] for t in report["transfers"]] == [
        "TCP to guest", "TCP from guest", "UDP to guest", "UDP from guest",
    ]  # fmt: skip
    assert all(t["bps"] > 0 and t["gap_max_ms"] is not None for t in report["transfers"])
    failed = {c["name"] for c in report["criteria"] if not c["ok"]}
    assert failed <= MACHINE_DEPENDENT, out
    assert report["verdict"] == ("FAIL" if failed else "PASS")
    assert out.splitlines()[-1] == report["verdict"]
    assert status == (1 if failed else 0)
    assert "alloc failures" in out and "TCP from guest" in out


@pytest.mark.parametrize(
    "environment,words",
    [
        ({"QEMU": "no-such-qemu"}, "no-such-qemu is not installed"),
        ({"QEMU": "/bin/false"}, "no `ready` record: the guest ended"),
        ({"PATH": "/nowhere"}, "run `make deps`"),
    ],
    ids=["QEMU missing", "QEMU failing", "programs missing"],
)
def test_run_says_what_is_wrong(tmp_path, environment, words):
    status, out, err = finish(start(**link_build(tmp_path) | environment))
    assert status == 2, out
    assert words in err
    assert "Traceback" not in err


def test_run_without_an_image_says_what_to_do(tmp_path):
    status, _, err = finish(start(BUILD_DIR=str(tmp_path)))
    assert status == 2
    assert err.strip() == f"run: {tmp_path}/antifreeze.elf is missing: run `make` first"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_run_that_is_interrupted_leaves_nothing_behind(tmp_path, number):
    environment = os.environ | link_build(tmp_path)
    environment.pop("ANTIFREEZE_WORLD", None)  # with a private world of its own, as a user has it
    process = subprocess.Popen(
        [sys.executable, str(TOP / "tools/run")],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if "1 s" in line:
                break  # traffic flows
        alive = {pid: os.pidfd_open(pid) for pid in descendants(process.pid)}
        assert len(alive) >= 3, "no supervisor, no QEMU, no iperf3?"
        process.send_signal(number)
        deadline = time.monotonic() + 30
        for pid, descriptor in alive.items():
            left = deadline - time.monotonic()
            assert select.select([descriptor], [], [], max(left, 0))[0], f"{pid} still runs"
            os.close(descriptor)
        rest = process.stdout.read()
        status = process.wait(30)
    finally:
        process.kill()
    assert status == (-number if number == signal.SIGKILL else 130)
    assert "Traceback" not in rest


def descendants(pid):
    """Process ids of all children and children's children."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in map(int, file.read().split()):
                found += [child, *descendants(child)]
    return found
