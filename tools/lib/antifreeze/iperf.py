# SPDX-License-Identifier: BSD-3-Clause
"""Runs the real iperf3 client and reads what it prints, line by line as it comes.

The text form, not JSON: it is live, and its exit status tells the truth (with -J, 3.12 exits 0 on every
error).
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import threading
import typing

from . import Error

# [  5]   1.00-2.00   sec   119 MBytes  998244 Kbits/sec  …
_LINE = re.compile(
    r"\[\s*\d+\](?:\[(?P<role>[RT]X)-C\])?\s+(?P<start>[\d.]+)-(?P<end>[\d.]+)\s+sec\s+"
    r"[\d.]+ \w*Bytes\s+(?P<kbits>[\d.]+) Kbits/sec\s*(?P<rest>.*)"
)
_LOSS = re.compile(r"(?P<jitter>[\d.]+) ms\s+(?P<lost>-?\d+)/(?P<total>\d+)")


@dataclasses.dataclass
class Result:
    status: int = 0
    output: str = ""
    error: str = ""  # iperf3's own words, one line; empty when all went well
    intervals: list = dataclasses.field(default_factory=list)  # (start s, end s, bit/s)
    sent_bps: float = 0.0
    received_bps: float = 0.0
    retransmits: object = None  # TCP, None if the sender does not count them
    datagrams: int = 0  # UDP
    lost: int = 0
    lost_here: int = 0  # of these, dropped at this host's own sockets, iperf3 being too slow to read

    @property
    def ok(self):
        return self.status == 0 and not self.error


def start(command, every=1):
    """Starts a client command whose lines, one each `every` seconds, come through the process's stdout."""
    words = ["setpriv", "--pdeathsig", "KILL", *command, "-f", "k", "-i", str(every), "--forceflush"]
    try:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=os.environ | {"LC_ALL": "C"},
            process_group=0,  # Ctrl-C is for us alone: the client would call it an error of its own
        )  # fmt: skip
    except OSError as error:
        raise Error(f"iperf3 cannot be run ({error}): run `make deps`") from None


class Interval(typing.NamedTuple):
    """What a line tells, times in seconds of the client."""

    start: float
    end: float
    bps: float
    role: str  # "TX" or "RX" of a --bidir client, else None
    datagrams: int  # of UDP that the client received: how many there should have been,
    lost: int  # and how many of them are missing


def interval(line):
    """The Interval of a line; None of any other, those about the whole among them."""
    found = _LINE.match(line)
    if not found or found["rest"].endswith(("sender", "receiver")):
        return None
    loss = _LOSS.search(found["rest"])
    counts = (int(loss["total"]), int(loss["lost"])) if loss else (0, 0)
    return Interval(float(found["start"]), float(found["end"]), float(found["kbits"]) * 1000, found["role"], *counts)


def run(command, timeout, on_interval=None):
    """Runs an iperf3 client command, one direction and one stream; on_interval(start, end, bps) is called
    while it runs."""
    result = Result()
    dropped_before = socket_drops()
    process = start(command)
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            result.output += line
            _take(line, result, on_interval)
        result.status = process.wait()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    result.lost_here = min(max(result.lost, 0), socket_drops() - dropped_before)
    if result.status < 0:
        result.error = f"iperf3 had not ended after {timeout} s"
    elif result.status:
        result.error = result.error or f"iperf3 ended with status {result.status}"
    return result


def socket_drops():
    """UDP datagrams that this network namespace has dropped because a socket's buffer was full."""
    lines = pathlib.Path("/proc/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    drops = int(values[names.index("RcvbufErrors")])
    snmp6 = pathlib.Path("/proc/net/snmp6")
    for line in snmp6.read_text().splitlines() if snmp6.exists() else []:
        name, value = line.split()
        if name == "Udp6RcvbufErrors":
            drops += int(value)
    return drops


def _take(line, result, on_interval):
    if "error" in line and line.startswith("iperf3:"):
        result.error = line.strip()
    found = _LINE.match(line)
    if not found:
        return
    bps = float(found["kbits"]) * 1000
    rest = found["rest"]
    loss = _LOSS.search(rest)
    if rest.endswith("sender"):
        result.sent_bps = bps
        count = rest.split()[0]
        if not loss and count.isdigit():
            result.retransmits = int(count)
    elif rest.endswith("receiver"):
        result.received_bps = bps
        if loss:
            result.lost, result.datagrams = int(loss["lost"]), int(loss["total"])
    else:
        this = interval(line)[:3]
        result.intervals.append(this)
        if on_interval:
            on_interval(*this)
