# SPDX-License-Identifier: BSD-3-Clause
"""Frames of 60 bytes received and accounted for one by one: by our guest's analyser, which gets test frames; by Linux as UDP
datagrams of the same size, for iperf3."""

import time

from . import linux, load, udp

PAYLOAD = 18


class Search(udp.Search):
    """For a row, as its base: thousands of frames per second of which at most 0.1 % are lost."""

    def __init__(self):
        super().__init__(PAYLOAD)

    def trial(self, guest, seconds, pps):
        if isinstance(guest, linux.LinuxGuest):
            return super().trial(guest, seconds, pps)
        while any(not run["over"] for run in _runs(guest)):  # it has places for few
            time.sleep(0.1)
        sent, took, number = load.paced_test_frames(guest, seconds, pps)
        received = sum(run["received"] for run in _runs(guest) if run["run"] == number)
        return arrived(sent, received), received / took


def _runs(guest):
    return guest.stats()["services"]["sink"]["runs"]


def arrived(sent, received):
    """True if enough of them did."""
    return sent > 0 and sent - received <= udp.LOSS_MAX * sent
