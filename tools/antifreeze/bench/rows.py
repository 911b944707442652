# SPDX-License-Identifier: BSD-3-Clause
"""What is measured, each with how: a Row's measure(guest, seconds) gives one figure, whichever guest it is."""

import dataclasses

from . import iperf

GBIT = 1e9


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str
    measure: object
    bar: object = None  # our ratio to Linux that is wanted, by the median of the pairs
    bar_off: object = None  # the same with offloads off
    both_modes: bool = False  # worth measuring without offloads, too
    more_is_better: bool = True
    warm_up: float = 2.0  # seconds


def _tcp(*words):
    def measure(guest, seconds):
        flow = iperf.run(guest, seconds, *words)
        return sum(each.bps for each in flow) / GBIT if isinstance(flow, list) else flow.bps / GBIT

    return measure


def _tcp_row(name, title, *words):
    return Row(name, title, "Gbit/s", _tcp(*words), bar=3.0, bar_off=2.0, both_modes=True)


ROWS = (
    _tcp_row("tcp-out-1", "TCP guest to host, 1 stream", "-R"),
    _tcp_row("tcp-out-8", "TCP guest to host, 8 streams", "-R", "-P", "8"),
    _tcp_row("tcp-in-1", "TCP host to guest, 1 stream"),
    _tcp_row("tcp-in-8", "TCP host to guest, 8 streams", "-P", "8"),
    _tcp_row("tcp-both", "TCP both ways, sum", "--bidir"),
)
