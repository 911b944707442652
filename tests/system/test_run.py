# SPDX-License-Identifier: BSD-3-Clause
"""`make run` itself: its verdict, its ways to fail, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from antifreeze import qemu
from conftest import TOP
from interrupted import Interrupted, descendants

RUN = str(TOP / "tools/run")

# These depend on how busy this machine is; whether they hold is for who runs `make run` to see.
MACHINE_DEPENDENT = {"longest gap", "UDP loss", "seconds without a byte"}


def start(*words, **environment):
    return subprocess.Popen(
        [sys.executable, RUN, *words],
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
    assert network in ("private", *re.findall(r"on QEMU's user network \((.*)\)$", out, re.M))


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


# How it is told to end: the signal, who gets it, and what SIGINT was when it was started.
INTERRUPTS = {
    "Ctrl-C": (signal.SIGINT, os.killpg, signal.SIG_DFL),
    "SIGINT": (signal.SIGINT, os.kill, signal.SIG_DFL),
    "SIGINT, in a shell's background": (signal.SIGINT, os.killpg, signal.SIG_IGN),
    "SIGTERM": (signal.SIGTERM, os.kill, signal.SIG_DFL),
    "SIGKILL": (signal.SIGKILL, os.kill, signal.SIG_DFL),
}


def test_run_that_cannot_write_says_so(tmp_path):
    (tmp_path / "run").write_text("a file where the folder has to be\n")
    status, out, err = finish(start(**link_build(tmp_path)))
    assert status == 2, out
    assert err.startswith(f"run: {tmp_path}/run cannot be written to (File exists): remove it")
    assert err.count("\n") == 1


@pytest.mark.parametrize("read", ["", "booting", "1 s"])
def test_run_whose_reader_has_gone_ends_without_a_word(tmp_path, read):
    """At once, while the guest boots, and while traffic flows."""
    process = start("--seconds", "2", **link_build(tmp_path))
    try:
        while read and read not in process.stdout.readline():
            assert process.poll() is None
        begun = descendants(process.pid)
        process.stdout.close()
        assert process.wait(100) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
        assert not [pid for pid in begun if os.path.exists(f"/proc/{pid}")]
    finally:
        process.kill()


def test_second_run_leaves_the_first_ones_report_alone(tmp_path):
    environment = link_build(tmp_path)
    with Interrupted([RUN], os.environ | environment) as first:
        first.until_it_says("booting")
        status, out, err = finish(start(**environment))
        assert status == 2, out
        assert err == f"run: another `make run` is using {tmp_path}/run: wait for its end\n"
        first.until_it_says("ready")
        first.end(os.kill, signal.SIGTERM, 30)
    assert (tmp_path / "run/console.log").stat().st_size > 0


@pytest.mark.parametrize("network", ["private", "refused"])
@pytest.mark.parametrize("how", INTERRUPTS)
def test_run_that_is_interrupted_leaves_nothing_behind(tmp_path, how, network):
    number, send, on_int = INTERRUPTS[how]
    environment = os.environ | link_build(tmp_path) | {"ANTIFREEZE_WORLD": "refused by this test"}
    if network == "private":
        del environment["ANTIFREEZE_WORLD"]  # with a private world of its own, as a user has it
    with Interrupted([RUN], environment, on_int) as run:
        run.until_it_says("1 s")  # traffic flows
        run.until_descendant("iperf3")
        status, rest = run.end(send, number, 30)
    assert "Traceback" not in rest
    if number == signal.SIGKILL:
        assert status == -number
    else:
        assert status == 130, rest
        assert rest.splitlines()[-1] == "run: interrupted"


# Python reads this before the script: the first process of the world waits in it until it is signalled.
WAIT_FOR_SIGNAL = """
import os, signal
if os.getpid() == 1:
    open(os.environ["STARTED"], "w").close()
    while not signal.sigpending():
        pass
"""


# Instead of unshare, when it is to begin the world: lets a signal come first, if one does.
SLOW_UNSHARE = """#!/usr/bin/python3
import os, signal, sys, time
if "run" in sys.argv[-1]:
    open(os.environ["STARTED"], "w").close()
    end = time.monotonic() + 1
    while not signal.sigpending() and time.monotonic() < end:
        pass
os.execv("/usr/bin/unshare", ["unshare", *sys.argv[1:]])
"""


@pytest.mark.parametrize("point", ["probing for a world", "unshare starts", "Python starts", "the network is made"])
def test_run_can_be_interrupted_while_it_starts(tmp_path, point):
    environment = os.environ | link_build(tmp_path) | {"STARTED": str(tmp_path / "started")}
    environment.pop("ANTIFREEZE_WORLD", None)
    if point == "Python starts":
        (tmp_path / "sitecustomize.py").write_text(WAIT_FOR_SIGNAL)
        environment["PYTHONPATH"] = str(tmp_path)
    if point == "unshare starts":
        slow = tmp_path / "bin" / "unshare"
        slow.parent.mkdir()
        slow.write_text(SLOW_UNSHARE)
        slow.chmod(0o755)
        environment["PATH"] = f"{slow.parent}:{environment['PATH']}"
    with Interrupted([RUN], environment) as run:
        if point in ("Python starts", "unshare starts"):
            run.until(lambda: (tmp_path / "started").exists())
        else:
            run.until_descendant("unshare" if point == "probing for a world" else "ip")
        status, rest = run.end(os.killpg, signal.SIGINT, 14)  # before the supervisor loses its patience
    assert "Traceback" not in rest
    assert status == 130, rest
    assert rest.splitlines()[-1] == "run: interrupted"
