# SPDX-License-Identifier: BSD-3-Clause
"""What is measured, each with how: a Row's measure(guest, seconds) gives one figure, whichever guest it is."""

import dataclasses

from . import generators, iperf, load, raw, sink, udp

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
    warm_up: int = 2  # seconds
    per_cpu: bool = True  # False where the CPU's time is for much more than the figure, as in a search
    guests: object = None  # gives a context of guests of its own, in the place of the pair's or beside them
    bar_ceiling: object = None  # the share of the ceiling guest's figure that ours is to reach
    note: object = str  # what else to say, known after the measurement: a function that gives a text


def _tcp(*words):
    def measure(guest, seconds):
        flow = iperf.run(guest, seconds, *words)
        return sum(each.bps for each in flow) / GBIT if isinstance(flow, list) else flow.bps / GBIT

    return measure


def _tcp_row(name, title, *words):
    return Row(name, title, "Gbit/s", _tcp(*words), bar=3.0, bar_off=2.0, both_modes=True)


def _udp_row(name, title, bar, *search):
    return Row(name, title, "kpps", udp.Search(*search), bar=bar, per_cpu=False)


def _raw_out_row(generator):
    return Row(
        "raw-out", "60-byte frames sent", "kpps", generator, note=generator.settings,
        guests=generators.guests, bar_ceiling=0.9,
    )  # fmt: skip


ROWS = (
    _tcp_row("tcp-out-1", "TCP guest to host, 1 stream", "-R"),
    _tcp_row("tcp-out-8", "TCP guest to host, 8 streams", "-R", "-P", "8"),
    _tcp_row("tcp-in-1", "TCP host to guest, 1 stream"),
    _tcp_row("tcp-in-8", "TCP host to guest, 8 streams", "-P", "8"),
    _tcp_row("tcp-both", "TCP both ways, sum", "--bidir"),
    _udp_row("udp-out-18", "UDP guest to host, 18 bytes", 5.0, 18, "-R"),
    _udp_row("udp-out-1472", "UDP guest to host, 1472 bytes", None, 1472, "-R"),
    _udp_row("udp-in-18", "UDP host to guest, 18 bytes", 3.0, 18),
    _udp_row("udp-in-1472", "UDP host to guest, 1472 bytes", None, 1472),
    _raw_out_row(raw.Generator()),
    Row("raw-in", "60-byte frames received", "kpps", raw.receive),
    Row("sink-60", "60-byte frames accounted for", "kpps", sink.Search(), bar=3.0, per_cpu=False),
    Row("ping", "ping, median", "ms", load.ping_ms(50), bar=0.7, more_is_better=False),
    Row("ping-p99", "ping, 99th percentile", "ms", load.ping_ms(99), more_is_better=False),
    Row("tcp-rr", "TCP requests and answers", "1/s", load.rate("tcp"), bar=2.0),
    Row("udp-rr", "UDP requests and answers", "1/s", load.rate("udp"), bar=2.0),
)
