# SPDX-License-Identifier: BSD-3-Clause
"""`make run` itself: its verdict, its ways to fail, and that it leaves nothing behind."""

import json
import os
import re
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


class Interrupted:
    """tools/run in a process group of its own, until it is told to end."""

    def __init__(self, environment, on_int=signal.SIG_DFL):
        self.process = subprocess.Popen(
            [sys.executable, str(TOP / "tools/run")],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, process_group=0, preexec_fn=lambda: signal.signal(signal.SIGINT, on_int),
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()

    def until_it_says(self, text):
        for line in self.process.stdout:
            if text in line:
                return
        pytest.fail(f"it never said {text!r}")

    def until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline

    def until_descendant(self, name):
        """Until a process below the first is this program."""
        self.until(lambda: any(program(pid) == name for pid in descendants(self.process.pid)))

    def end(self, send, number, seconds):
        """Sends the signal; (status, what was still said). Nobody below may be left in the end."""
        alive = {pid: os.pidfd_open(pid) for pid in descendants(self.process.pid)}
        send(self.process.pid, number)
        deadline = time.monotonic() + seconds
        for pid, descriptor in alive.items():
            left = deadline - time.monotonic()
            assert select.select([descriptor], [], [], max(left, 0))[0], f"{pid} still runs"
            os.close(descriptor)
        rest = self.process.stdout.read()
        return self.process.wait(max(deadline - time.monotonic(), 1)), rest


def test_run_that_cannot_write_says_so(tmp_path):
    (tmp_path / "run").write_text("a file where the folder has to be\n")
    status, out, err = finish(start(**link_build(tmp_path)))
    assert status == 2, out
    assert err.startswith(f"run: {tmp_path}/run cannot be written to (File exists): remove it")
    assert err.count("\n") == 1


def test_second_run_leaves_the_first_ones_report_alone(tmp_path):
    environment = link_build(tmp_path)
    with Interrupted(os.environ | environment) as first:
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
    with Interrupted(environment, on_int) as run:
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
    with Interrupted(environment) as run:
        if point in ("Python starts", "unshare starts"):
            run.until(lambda: (tmp_path / "started").exists())
        else:
            run.until_descendant("unshare" if point == "probing for a world" else "ip")
        status, rest = run.end(os.killpg, signal.SIGINT, 14)  # before the supervisor loses its patience
    assert "Traceback" not in rest
    assert status == 130, rest
    assert rest.splitlines()[-1] == "run: interrupted"


def descendants(pid):
    """Process ids of all children and children's children."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                for child in map(int, file.read().split()):
                    found += [child, *descendants(child)]
    except FileNotFoundError:
        pass  # it ended meanwhile
    return found


def program(pid):
    """First word of a process's command line."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return file.read().split("\0")[0]
    except OSError:
        return ""
