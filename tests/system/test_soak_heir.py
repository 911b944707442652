# SPDX-License-Identifier: BSD-3-Clause
"""Who writes the report of a soak that was killed, and when nobody does."""

import os
import select
import signal
import subprocess
import sys

import pytest
import soakrecords as records
from conftest import TOP
from interrupted import descendants

# Its second process holds the pipe as a world does.
HARNESS = """
import os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from antifreeze.soak import heir, report
limit, what, folder = int(sys.argv[2]), sys.argv[3], sys.argv[4]
if what == "slow":
    report.write = lambda folder: time.sleep(60)
keep = heir.start(limit)
if what != "unnamed":
    heir.name(folder)
if what == "dismissed":
    heir.dismiss()
world = subprocess.Popen(["sleep", "60"], pass_fds=keep) if what == "world" else None
assert heir.start(limit) == ()
print(world.pid if world else 0, flush=True)
sys.stdin.read()
"""


class Harness:
    def __init__(self, folder, what="", limit=60):
        words = [sys.executable, "-c", HARNESS, TOP / "tools/lib", str(limit), what, folder]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
        self.world = int(self.process.stdout.readline())
        [heir] = set(descendants(self.process.pid)) - {self.world}
        self.heir = os.pidfd_open(heir)

    def heir_ends(self, seconds):
        return bool(select.select([self.heir], [], [], seconds)[0])

    def end(self):
        if self.world:
            os.kill(self.world, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()
        os.close(self.heir)


@pytest.fixture
def harness(tmp_path):
    started = []

    def start(*words, **more):
        started.append(Harness(records.folder_with(tmp_path, records.lines_of(records.good(30))), *words, **more))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_heir_writes_the_report_of_one_that_was_killed(harness, tmp_path, number):
    one = harness()
    os.killpg(one.process.pid, number)
    assert one.heir_ends(30)
    assert (tmp_path / "verdict.json").is_file() and (tmp_path / "index.html").is_file()


def test_heir_waits_until_the_world_has_ended(harness, tmp_path):
    one = harness("world")
    one.process.kill()
    one.process.wait()
    assert not one.heir_ends(0.3) and not (tmp_path / "verdict.json").exists()
    os.kill(one.world, signal.SIGKILL)
    assert one.heir_ends(30) and (tmp_path / "index.html").is_file()


def test_heir_that_is_dismissed_ends_before_the_soak(harness, tmp_path):
    one = harness("dismissed")
    assert one.heir_ends(10) and one.process.poll() is None
    assert not (tmp_path / "verdict.json").exists()


def test_no_records_were_named_no_report(harness, tmp_path):
    one = harness("unnamed")
    one.process.kill()
    assert one.heir_ends(10) and not (tmp_path / "verdict.json").exists()


def test_heir_that_takes_too_long_is_ended(harness, tmp_path):
    one = harness("slow", limit=1)
    one.process.kill()
    assert one.heir_ends(10) and not (tmp_path / "verdict.json").exists()
