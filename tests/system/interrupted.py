# SPDX-License-Identifier: BSD-3-Clause
"""Tools that are told to end, and whether they leave somebody behind."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest


class Interrupted:
    """One of the tools, with these words, in a process group of its own, until it is told to end."""

    def __init__(self, words, environment, on_int=signal.SIG_DFL):
        self.process = subprocess.Popen(
            [sys.executable, *words],
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
