# SPDX-License-Identifier: BSD-3-Clause
"""How long who is told to end may take."""

import signal
import subprocess
import sys

import pytest
from conftest import TOP

SUPERVISE = """
import sys
sys.path.insert(0, sys.argv[1])
from antifreeze import world
world.GRACE, world._START = 1, 0
sys.exit(world._supervise([sys.executable, "-c", sys.argv[3]], int(sys.argv[2])))
"""
INNER = """
import os, signal, time

def report(*_):
    time.sleep(2)
    print("report", flush=True)
    os._exit(0)

signal.signal(signal.SIGINT, %s)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
print("begun", flush=True)
while True:
    signal.pause()
"""
REPORTS, NEVER = INNER % "report", INNER % "signal.SIG_IGN"


@pytest.mark.parametrize("grace,program,signals,said,status", [
    (30, REPORTS, 1, "report", 0),  # longer than GRACE
    (1, REPORTS, 1, "killed", 130),
    (30, NEVER, 2, "killed", 130),  # GRACE from the second one
], ids=["longer", "too long", "twice"])  # fmt: skip
def test_who_needs_longer_to_end_in_order_is_given_it(grace, program, signals, said, status):
    words = [sys.executable, "-c", SUPERVISE, TOP / "tools/lib", str(grace), program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tool:
        assert tool.stdout.readline() == "begun\n"
        for _ in range(signals):
            tool.send_signal(signal.SIGINT)
            if signals > 1:  # the next one would be the same one
                try:
                    tool.wait(0.3)
                except subprocess.TimeoutExpired:
                    pass
        rest = tool.communicate(timeout=20)[0]
    assert said in rest and tool.returncode == status, rest
