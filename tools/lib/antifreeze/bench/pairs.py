# SPDX-License-Identifier: BSD-3-Clause
"""The two guests, each on a tap of its own, measured in turn: A B A B. Who is not measured is stopped.

Both get the same machine, CPU, memory, and device; what differs is the kernel. Figures of the two are only ever
compared within a pair, since whatever else runs on the host changes from minute to minute.
"""

import contextlib
import dataclasses

from .. import BUILD, net
from . import figures, iperf, linux, udp
from .meter import Meter

LOGS = BUILD / "bench" / "logs"
MEMORY_MIB = 256  # for both: Linux wants that much to unpack itself
BOOT_SECONDS = 180


class OurGuest(net.NetGuest):
    """With what the rows ask of either guest."""

    def settle(self):
        """Its iperf3 server listens all the time."""

    def received(self):
        """Frames that the guest's NIC has received."""
        return self.stats()["totals"]["rx_packets"]

    def alloc_failures(self):
        """Since boot; the promise is 0."""
        return self.stats()["alloc_failures"]


OURS, THEIRS = "antifreeze", "linux"
CEILING = "ceiling"  # where a row has the guest that does only ring work beside the two
GUESTS = {OURS: OurGuest, THEIRS: linux.LinuxGuest}

# What the device then offers neither to send nor to receive.
OFFLOADS_OFF = dict.fromkeys(
    ("csum", "gso", "host_tso4", "host_tso6", "host_ecn", "host_ufo",
     "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo"),
    "off",
)  # fmt: skip


@dataclasses.dataclass
class Sample:
    value: float
    cost: object  # meter.Cost
    gap_max_us: object = None  # the longest in an iperf3 test, as our guest says; None: there was none
    hung: bool = False  # nothing moved any more: no figure


class Pair:
    """Both guests, booted; a context manager."""

    def __init__(self, offloads):
        self.offloads = offloads
        self._stack = contextlib.ExitStack()
        self.guests = {}
        self._failures = 0  # of guests of ours that are gone

    def __enter__(self):
        try:
            for name, kind in GUESTS.items():
                tap = self._stack.enter_context(net.Tap())
                options = {} if self.offloads else OFFLOADS_OFF
                folder = LOGS / f"{name}-{'on' if self.offloads else 'off'}"
                guest = kind(tap, folder, options=options, memory_mib=MEMORY_MIB)
                self.guests[name] = self._stack.enter_context(guest)
                guest.wait("ready", BOOT_SECONDS)
                guest.qmp.command("stop")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    @contextlib.contextmanager
    def with_guests_of(self, row):
        """For the time of a row: its own guests, booted and stopped, in the place of those of the same name."""
        if row.guests is None:
            yield
            return
        usual = self.guests
        with row.guests() as own:
            for guest in own.values():
                guest.qmp.command("stop")
            self.guests = usual | own
            try:
                yield
                with self.only(OURS) as ours:
                    self._failures += ours.alloc_failures()
            finally:
                self.guests = usual

    @contextlib.contextmanager
    def only(self, name):
        """The guest of this name, running, while all others stand still."""
        guest = self.guests[name]
        guest.qmp.command("cont")
        try:
            yield guest
        finally:
            if guest.alive():
                guest.qmp.command("stop")

    def alloc_failures(self):
        """Of our guest, and of those that rows had of their own."""
        with self.only(OURS) as guest:
            return self._failures + guest.alloc_failures()

    def sample(self, name, row, seconds):
        with self.only(name) as guest:
            guest.settle()
            start = guest.mark()
            meter = Meter(guest)
            try:
                with meter:
                    value = row.measure(guest, seconds)
            except iperf.Hung:
                if name == OURS:
                    raise
                guest.restart(BOOT_SECONDS)
                return Sample(0.0, meter.cost, hung=True)
        return Sample(value, meter.cost, longest_gap(guest, start))


def longest_gap(guest, start):
    """As our guest's iperf3 server reported it since record number `start`; None: there was no test, or it is Linux.

    A trial that loses more than a rate may is a step of the search and no part of the row. Its gap is one of iperf3's
    own: among what the host drops is the message that the test ended, which comes again after TCP's 200 ms."""
    results = [r for r in guest.records[start:] if r["event"] == "result"]
    return max((r["gap_max_us"] for r in results if not udp.too_much_lost(r)), default=None)


def alternate(pair, row, count, seconds, progress):
    """A warm-up of each, then `count` pairs. Returns the row's figures, ready for JSON."""
    with pair.with_guests_of(row):
        samples = {name: [] for name in pair.guests}
        for name in samples:
            pair.sample(name, row, min(seconds, row.warm_up))
        for number in range(count):
            for name in samples:
                samples[name].append(pair.sample(name, row, seconds))
                progress(row.name, number, name, samples[name][-1].value, row.unit)
    return summary(row, pair.offloads, samples)


def summary(row, offloads, samples):
    report = {
        "row": row.name, "title": row.title, "unit": row.unit, "offloads": "on" if offloads else "off",
        "bar": row.bar if offloads else row.bar_off, "more_is_better": row.more_is_better,
        "note": row.note(),
    }  # fmt: skip
    for name in samples:
        ended = [sample for sample in samples[name] if not sample.hung] or samples[name]
        report[name] = figures.spread(sample.value for sample in ended) | {
            "values": [sample.value for sample in samples[name]],
            "hung": sum(sample.hung for sample in samples[name]),
            "cost": cost(ended),
        }
    report |= _ratio("ratio", *(report[name]["values"] for name in GUESTS))
    if row.more_is_better and row.per_cpu:
        report |= _ratio("ratio_per_cpu", *(_per_cpu(samples[name]) for name in GUESTS))
    if CEILING in samples:
        report |= {"bar_ceiling": row.bar_ceiling}
        report |= _ratio("of_ceiling", *(report[name]["values"] for name in (OURS, CEILING)))
    gaps = [sample.gap_max_us for sample in samples[OURS] if sample.gap_max_us is not None]
    return report | ({"gap_max_us": max(gaps)} if gaps else {})


def _ratio(name, ours, theirs):
    """{name: the spread of the pairs that have a ratio, and all the pairs}; nothing where none has."""
    by_pair = figures.ratios(ours, theirs)
    compared = [ratio for ratio in by_pair if ratio is not None]
    return {name: figures.spread(compared) | {"pairs": by_pair}} if compared else {}


def _per_cpu(samples):
    """The figure per share of a CPU that QEMU and the peer had for it."""
    return [sample.value * sample.cost.seconds / max(sample.cost.cpu_seconds, 0.01) for sample in samples]


def cost(samples):
    """The medians of the shares, and whether most of the samples had QEMU's main loop at its limit."""
    share = {
        field: figures.spread(getattr(sample.cost, field) for sample in samples)["median"]
        for field in ("vcpu", "main_loop", "peer", "waited")
    }
    return share | {"bounded_by_qemu": sum(s.cost.bounded_by_qemu for s in samples) * 2 > len(samples)}
