# SPDX-License-Identifier: BSD-3-Clause
"""The highest rate of UDP datagrams that arrives with at most 0.1 % lost, found by trials of iperf3.

What this host's own socket drops counts as lost: nobody has it.
"""

from . import figures, iperf

LOSS_MAX = 0.001
FIRST_GUESS_PPS = 10_000
FIRST_TRIALS, TRIALS = 10, 5
FIRST_STEP, STEP = 1.5, 1.2


class Search:
    """For a row: thousands of datagrams per second. Each guest's search begins where its last one ended."""

    def __init__(self, length, *words):
        self._words = ("-u", "-l", str(length), *words)
        self._bits = 8 * length
        self._found = {}

    def trial(self, guest, seconds, pps):
        """(True if it passed, datagrams per second that arrived)."""
        flow = iperf.run(guest, seconds, "-b", str(int(pps * self._bits)), *self._words)
        return passes(flow), flow.pps

    def __call__(self, guest, seconds):
        """`seconds` for all the trials of a search together, but a second each at least."""
        known = self._found.get(guest)
        trials, step = (TRIALS, STEP) if known else (FIRST_TRIALS, FIRST_STEP)
        each = max(1, seconds // trials)

        def trial(pps):
            guest.settle()
            return self.trial(guest, each, pps)

        best = figures.highest(trial, known or FIRST_GUESS_PPS, trials, step)
        self._found[guest] = best or known
        return best / 1000


def passes(flow):
    return flow.packets > 0 and flow.lost <= LOSS_MAX * flow.packets


def too_much_lost(result):
    """The same of a test by our guest's `result` record, whoever was the receiver."""
    lost = max(result.get("lost", 0), result.get("peer_lost", 0))
    return lost > LOSS_MAX * (result["rx_packets"] + result["tx_packets"] + lost)
