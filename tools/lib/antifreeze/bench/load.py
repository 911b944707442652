# SPDX-License-Identifier: BSD-3-Clause
"""Runs the host's load generator, tests/bench/load.c: round trips, and raw frames at the pace of the guest."""

import subprocess

from .. import BUILD, Error
from . import figures

PROGRAM = BUILD / "bench" / "load"


def round_trips(kind, guest, seconds, pause_us=0):
    """Microseconds of each of the round trips of `ping`, `tcp` or `udp`, one after the other."""
    return [int(line) for line in _run(kind, guest.net.guest4, seconds, pause_us).split()]


def raw_frames(guest, seconds, kind="raw"):
    """(frames of 60 bytes that the guest's device took, seconds that this lasted)."""
    frames, took = _run(kind, guest.net.name, guest.net.mac, seconds).split()
    return int(frames), float(took)


def test_frames(guest, seconds):
    """The same with test frames, which the guest's analyser takes."""
    return raw_frames(guest, seconds, "test")


def paced_test_frames(guest, seconds, pps):
    """(test frames of 60 bytes that were sent at this rate, whoever took them, seconds that this lasted, number of the run)."""
    sent, took, run = _run("test", guest.net.name, guest.net.mac, seconds, pps).split()
    return int(sent), float(took), int(run)


def rate(kind):
    """For a row: round trips per second."""
    return lambda guest, seconds: len(round_trips(kind, guest, seconds)) / seconds


def ping_ms(per_cent, pause_us=5000):
    """For a row: the round trip that so many per cent of the pings do not exceed, in ms. The guest goes idle
    between them, as between those of a person."""
    return lambda guest, seconds: figures.percentile(round_trips("ping", guest, seconds, pause_us), per_cent) / 1000


def _run(*words):
    seconds = float(words[3] if words[0] in ("raw", "test") else words[2])
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", PROGRAM, *map(str, words)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 30,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Error(f"load {words[0]}: had not ended half a minute after its time") from None
    if done.returncode:
        raise Error(done.stderr.strip() or f"load {words[0]}: status {done.returncode}; start this with `make bench`")
    return done.stdout
