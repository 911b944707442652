# SPDX-License-Identifier: BSD-3-Clause
"""tests/run-tests: what runs in which company, and how it is counted. In a tree whose tests need no guest."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import TOP

from antifreeze import qemu, world

HEAD = """import os, pathlib, pytest, signal, time
MEET = pathlib.Path(os.environ["MEET"])
"""
PASSES = "def test_it(): pass\n"
FAILS = "def test_it(): assert False, 'on purpose'\n"
SKIPS = "def test_it(): pytest.skip('the reason')\n"
IS_ALONE = "@pytest.mark.alone\ndef test_it(): assert not list(MEET.iterdir())\n"
# Alone it would never end.
MEETS = """def test_it():
    (MEET / pathlib.Path(__file__).stem).touch()
    while len(list(MEET.iterdir())) < 2: time.sleep(0.01)
"""
NAMES_ITS_WORLD = "def test_it(): (MEET / os.readlink('/proc/self/ns/net')).touch()\n"
NEVER_ENDS = """def test_it():
    (MEET / "fifo").write_text("here\\n")
    signal.pause()
"""


@pytest.fixture
def meet(tmp_path):
    folder = tmp_path / "meet"
    folder.mkdir()
    return folder


@pytest.fixture
def start(tmp_path, meet):
    """start({file: its tests}, …) -> the process of tests/run-tests; `make` does nothing."""
    (tmp_path / "tests/system").mkdir(parents=True)
    (tmp_path / "build").mkdir()
    (tmp_path / "tools").symlink_to(TOP / "tools")
    (tmp_path / "build/antifreeze.elf").symlink_to(qemu.image_path())
    shutil.copy(TOP / "tests/run-tests", tmp_path / "tests")
    shutil.copy(TOP / "tests/system/pytest.ini", tmp_path / "tests/system")

    def begin(files, *words, **environment):
        for name, text in files.items():
            (tmp_path / "tests/system" / f"test_{name}.py").write_text(HEAD + text)
        inherited = {k: v for k, v in os.environ.items() if k != "ANTIFREEZE_WORLD"}
        own = {"BUILD_DIR": str(tmp_path / "build"), "ACCEL": qemu.accelerator().name, "MAKE": "true", "MEET": str(meet)}
        return subprocess.Popen(
            [sys.executable, str(tmp_path / "tests/run-tests"), *words], env=inherited | own | environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    return begin


def finish(process):
    """(status, its last line, all that it said)"""
    try:
        said = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    return process.returncode, said.splitlines()[-1], said


def test_what_every_file_counts_is_added_up(start):
    status, last, said = finish(start({"a": PASSES, "b": SKIPS, "c": PASSES}))
    assert (status, last) == (0, "2 passed, 0 failed, 1 skipped"), said
    assert "the reason" in said


def test_one_failure_in_any_file_fails_the_run_and_is_shown(start):
    status, last, said = finish(start({"a": PASSES, "b": FAILS, "c": PASSES}))
    assert (status, last) == (1, "2 passed, 1 failed"), said
    assert "on purpose" in said


def test_file_that_cannot_be_read_fails_the_run(start):
    status, last, said = finish(start({"a": PASSES, "b": "no python\n"}))
    assert status == 1 and last.startswith("1 passed, ") and "SyntaxError" in said, said


def test_what_fails_on_the_host_fails_the_run(start):
    status, last, said = finish(start({"a": PASSES}, MAKE="false"))
    assert (status, last) == (1, "1 passed, 1 failed"), said


def test_words_choose_and_leave_the_rest(start):
    status, last, said = finish(start({"a": PASSES, "b": FAILS}, "test_a.py", MAKE="false"))
    assert (status, last) == (0, "1 passed, 0 failed"), said


def test_those_that_want_to_be_alone_come_first_and_once(start):
    status, last, said = finish(start({"a": MEETS, "b": MEETS, "c": IS_ALONE}) if two_cpus() else start({"c": IS_ALONE}))
    assert status == 0 and last.endswith(" passed, 0 failed"), said
    assert last.startswith("3" if two_cpus() else "1"), said


def two_cpus():
    return len(os.sched_getaffinity(0)) > 1


def test_each_file_has_a_network_of_its_own(start, meet):
    if world.why_no_taps():
        pytest.skip(f"no private networks: {world.why_no_taps()}")
    status, _, said = finish(start({"a": NAMES_ITS_WORLD, "b": NAMES_ITS_WORLD}))
    assert status == 0, said
    worlds = {path.name for path in meet.iterdir()}
    assert len(worlds) == 2 and os.readlink("/proc/self/ns/net") not in worlds


def test_interrupt_ends_all_of_it(start, meet):
    os.mkfifo(meet / "fifo")
    process = start({"a": NEVER_ENDS, "b": NEVER_ENDS, "c": NEVER_ENDS})
    assert (meet / "fifo").read_text().startswith("here\n")
    process.send_signal(signal.SIGINT)
    status, last, said = finish(process)
    assert (status, last) == (130, "run-tests: interrupted"), said
    assert not descendants_of(meet)


def descendants_of(meet):
    """Processes that still have this folder in their environment."""
    found = []
    for pid in (path.name for path in os.scandir("/proc") if path.name.isdigit() and path.name != str(os.getpid())):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"MEET={meet}".encode() in file.read().split(b"\0"):
                    found.append(pid)
        except OSError:
            pass  # it has just ended
    return found
