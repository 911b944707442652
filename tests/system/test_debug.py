# SPDX-License-Identifier: BSD-3-Clause
"""`make debug`: the line that it prints leads gdb into the guest."""

import shlex
import socket
import subprocess
import sys

import pytest
from conftest import TOP


@pytest.fixture
def debug():
    """debug(words…) -> the running tools/debug"""
    started = []

    def start(*words):
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, str(TOP / "tools/debug"), *words], cwd=TOP,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines_until(process, text):
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return said
    pytest.fail(f"no {text!r}: {''.join(said)}")


def test_printed_line_leads_gdb_to_a_breakpoint_in_the_guest(debug):
    process = debug("ip=off", "seed=7")
    said = lines_until(process, "in another terminal:")
    base = int(said[0].split()[2], 16)
    gdb = shlex.split(said[-1].split(":", 1)[1])
    more = ["continue", "info symbol $pc", "p/x $pc", "delete", "detach"]
    done = subprocess.run(
        [gdb[0], "-nx", "-batch", *gdb[1:], *(word for command in more for word in ("-ex", command))],
        cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "kernel_main" in done.stdout, done.stdout + done.stderr
    address = int(next(line for line in done.stdout.splitlines() if line.startswith("$1 = "))[5:], 16)
    assert base <= address < base + (1 << 24)
    lines_until(process, '"cmdline":"ip=off seed=7"')  # it runs on, on this terminal


def test_port_that_is_taken_is_named(debug):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = str(sock.getsockname()[1])
        process = debug("--port", port)
        assert process.wait(20) == 2
        assert process.stdout.read().startswith(f"debug: port {port} for gdb: Address already in use; ")
