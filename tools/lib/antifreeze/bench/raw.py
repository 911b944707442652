# SPDX-License-Identifier: BSD-3-Clause
"""Frames of 60 bytes as fast as they go: sent by the guest's own generator, and received."""

import pathlib
import re
import time

from . import linux, load

# To a station that is not there: the host drops such a frame at once, so this measures who sends it.
FOREIGN_MAC = "52:54:00:00:99:99"
BURSTS = (32, 64)  # with less, a doorbell for so few frames is most of the work
CLONES = (0, 1000)
_DIRECTORY = "/proc/net/pktgen"
_TRIAL_SECONDS = 1


class Generator:
    """For a row: thousands of frames per second that a guest sends. Linux is told to, and at the settings that turned out
    best for it; every other guest does so all the time."""

    def __init__(self):
        self._best = {}

    def __call__(self, guest, seconds):
        if not isinstance(guest, linux.LinuxGuest):
            return sent(guest, seconds)
        if guest not in self._best:
            choices = [(burst, clones) for burst in BURSTS for clones in CLONES]
            self._best[guest] = max(choices, key=lambda choice: self._send(guest, _TRIAL_SECONDS, *choice))
        return self._send(guest, seconds, *self._best[guest])

    def settings(self):
        """What turned out best, in words; "" before it has."""
        return ", ".join(f"pktgen: burst {burst}, clone_skb {clones}" for burst, clones in self._best.values())

    @staticmethod
    def _send(guest, seconds, burst, clones):
        thread, device = f"{_DIRECTORY}/kpktgend_0", f"{_DIRECTORY}/eth0"
        guest.ask(f"put {thread} rem_device_all")
        guest.ask(f"put {thread} add_device eth0")
        for setting in (
            "pkt_size 60", "count 0", "delay 0", f"clone_skb {clones}", f"burst {burst}",
            f"dst {guest.net.host4}", f"dst_mac {FOREIGN_MAC}",
        ):  # fmt: skip
            guest.ask(f"put {device} {setting}")
        before = from_guest(guest.net.name)
        guest.ask(f"pktgen {1000 * seconds}", timeout=seconds + 30)
        took_us = int(re.search(r"^Result: OK: (\d+)\(", guest.ask(f"get {device}"), re.M)[1])
        return (from_guest(guest.net.name) - before) / took_us * 1000


def sent(guest, seconds):
    """Thousands of frames per second that come out of the tap; nothing is needed to have them sent."""
    before, start = from_guest(guest.net.name), time.monotonic()
    if guest.console.wait_closed(seconds):
        raise guest.error("the guest that sends has ended")
    return (from_guest(guest.net.name) - before) / (time.monotonic() - start) / 1000


def _counters(interface):
    """The sixteen numbers that the kernel keeps of an interface: eight of what it received, eight of what it sent."""
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == interface:
            return [int(number) for number in counters.split()]
    raise ValueError(f"there is no {interface}")


def from_guest(interface):
    """Frames that came out of a tap so far."""
    return _counters(interface)[1]


def traffic(interface):
    """(frames from the guest, frames to it, bytes either way) that went through a tap so far."""
    counters = _counters(interface)
    return counters[1], counters[9], counters[0] + counters[8]


def receive(guest, seconds):
    """For a row: thousands of frames per second that the guest counts, sent no faster than it takes them."""
    before = guest.received()
    took = load.raw_frames(guest, seconds)[1]
    return (guest.received() - before) / took / 1000
