# SPDX-License-Identifier: BSD-3-Clause
"""Runs the real iperf3 and takes what the receiving end counted from its JSON: any number of streams, both ways."""

import dataclasses
import json
import subprocess

from .. import Error


class Hung(Error):
    """A test that had not ended long after its time: nothing moved any more."""


@dataclasses.dataclass
class Flow:
    """What one direction carried."""

    bps: float = 0.0  # as the receiver counted it
    packets: int = 0  # UDP: datagrams that were sent
    lost: int = 0
    pps: float = 0.0  # UDP: datagrams that arrived


def run(guest, seconds, *words):
    """One iperf3 test against the guest's server: its Flow, or [to the guest, from the guest] with --bidir."""
    command = guest.iperf3("-J", "-t", seconds, *words)
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Hung(str(guest.error(f"iperf3 had not ended a minute after its time: {' '.join(command)}"))) from None
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise Error(f"iperf3 said no JSON: {done.stderr.strip() or done.stdout[:200]}") from None
    if "error" in said:
        raise guest.error(f"{' '.join(command)}: {said['error']}")
    return flows(said["end"], "--bidir" in words)


def flows(end, both):
    """The same from the `end` object of iperf3's JSON."""
    to_guest = _flow(end["sum_received"])
    return [to_guest, _flow(end["sum_received_bidir_reverse"])] if both else to_guest


def _flow(received):
    packets, lost = received.get("packets", 0), received.get("lost_packets", 0)
    return Flow(received["bits_per_second"], packets, lost, (packets - lost) / received["seconds"])
