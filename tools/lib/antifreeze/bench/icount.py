# SPDX-License-Identifier: BSD-3-Clause
"""Instructions of our guest for each packet and each MiB, by the path that the traffic takes.

A plugin (tests/bench/insn_plugin.c) counts them inside QEMU's emulator, packets and bytes are those of the tap. Neither
asks anything of the guest, and the CPU's instructions are the same however busy the host is. So a figure
can be held against a committed one, tests/bench/icount.json, and a change that costs more is seen at once.

What the host does decide is how many turns the guest's loop takes: how many find nothing to do, and how many packets share
one that does. So turns are counted as well, and what a turn costs that finds nothing, in the same seconds, is taken off
every turn that finds something: what is left is the packets', whoever else was run meanwhile. The cost of a turn is a figure
of its own.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import typing

from .. import BUILD, TOP, Error, net, qemu, world
from . import iperf, load, pairs, raw

IMAGE = BUILD / "antifreeze.sym.elf"
PLUGIN = BUILD / "bench" / "insn_plugin.so"
BASELINE = TOP / "tests" / "bench" / "icount.json"
TOLERANCE = 0.05
MIB = 1 << 20

# The guest's functions that tell the plugin what each turn of its loop was.
TURN, IDLE = "netport_poll", "apps_deadline"
_COUNTS = struct.Struct("5Q")


class Counts(typing.NamedTuple):
    """As in the plugin."""

    all: int
    busy: int
    busy_turns: int
    idle: int
    idle_turns: int



@dataclasses.dataclass(frozen=True)
class Path:
    """`checked` is what is held against the baseline: per_packet or per_mib, and turn. `weight` is how much of a packet one
    to the guest counts as."""

    name: str
    drive: object  # drive(guest, seconds) has the traffic flow
    checked: tuple = ("per_packet",)
    offloads: bool = True
    words: str = ""  # for the command line of a guest of its own
    weight: float = 1.0

    def packets(self, sent, received):
        """What so many from the guest and to it count as."""
        return sent + self.weight * received


def _iperf3(*words):
    return lambda guest, seconds: iperf.run(guest, seconds, *words)


def _trips(kind):
    return lambda guest, seconds: load.round_trips(kind, guest, seconds)


def _flooding(guest, seconds):
    guest.console.wait_closed(seconds)


_FLOOD = f"run=flood target=10.99.99.99 dst_mac={raw.FOREIGN_MAC} time=0 interval=0"

PATHS = (
    Path("tcp-in", _iperf3()),
    # How many acknowledgements there are for a segment is the host's choice, and one costs half of what a segment does.
    Path("tcp-out", _iperf3("-R"), weight=0.5),
    Path("udp-in-18", _iperf3("-u", "-b", "0", "-l", "18")),
    Path("udp-out-18", _iperf3("-u", "-b", "0", "-l", "18", "-R")),
    Path("raw-in", load.raw_frames),
    # Without a rate it waits for room by looking for it, and how few frames a look finds is the host's choice: not checked.
    Path("raw-out", _flooding, (), words=_FLOOD),
    Path("raw-out-paced", _flooding, words=_FLOOD + " rate=100kpps gap=burst:128"),
    Path("sink-60", load.test_frames),
    Path("ping", _trips("ping"), ("per_packet", "turn")),
    Path("tcp-rr", _trips("tcp")),
    Path("udp-rr", _trips("udp")),
    Path("tcp-in", _iperf3(), offloads=False),
    Path("tcp-out", _iperf3("-R"), offloads=False),
)


def title(path):
    return path.name if path.offloads else f"{path.name}, offloads off"


def measure(seconds, progress, paths=PATHS):
    """{title: as of cost()}; a guest for each kind that the paths want."""
    found = {}
    for kind in dict.fromkeys((path.offloads, path.words) for path in paths):
        with _guest(*kind) as (guest, count):
            for path in paths:
                if (path.offloads, path.words) == kind:
                    found[title(path)] = _measured(guest, count, path, seconds)
                    progress(path, found[title(path)])
    return found


@contextlib.contextmanager
def _guest(offloads, words=""):
    """(a ready guest, a function that says how many instructions it has run)."""
    if not PLUGIN.is_file():
        raise Error(f"{PLUGIN} is missing: start this with `make bench-icount`")
    options = {} if offloads else pairs.OFFLOADS_OFF
    with tempfile.NamedTemporaryFile() as counter, net.Tap() as tap:
        counter.write(bytes(_COUNTS.size))
        counter.flush()
        turn, idle = (_address(function) for function in (TURN, IDLE))
        machine = {"plugin": f"{PLUGIN},count={counter.name},turn={turn:x},idle={idle:x}", "accel": "tcg"}
        with pairs.OurGuest(tap, pairs.LOGS / "icount", words, options, **machine) as guest:
            guest.wait("ready", 60)
            yield guest, lambda: Counts(*_COUNTS.unpack(os.pread(counter.fileno(), _COUNTS.size, 0)))


def _address(function):
    """Of a function of the guest's, in its image."""
    said = subprocess.run(["nm", IMAGE], capture_output=True, text=True, check=True).stdout
    found = re.search(rf"^([0-9a-f]+) \w {function}$", said, re.M)
    if not found:
        raise Error(f"{IMAGE} has no {function}()")
    return int(found[1], 16)


def _measured(guest, count, path, seconds):
    path.drive(guest, 1)  # addresses are known, windows open
    before, traffic_before = count(), raw.traffic(guest.net.name)
    path.drive(guest, seconds)
    n = Counts(*(now - then for now, then in zip(count(), before)))
    sent, received, octets = (now - then for now, then in zip(raw.traffic(guest.net.name), traffic_before))
    return cost(n, path.packets(sent, received), octets)


def cost(n, packets, octets):
    """`turn` is what one costs that finds nothing; `per_packet` and `per_mib` are without that, `with_turns` is a packet with
    its share of a turn."""
    turn = n.idle / n.idle_turns if n.idle_turns else 0
    theirs = n.busy - n.busy_turns * turn
    return {
        "per_packet": round(theirs / packets),
        "per_mib": round(theirs / octets * MIB),
        "turn": round(turn),
        "with_turns": round(n.busy / packets),
    }


def why_not():
    """Empty where this can be measured, else the reason."""
    said = subprocess.run([*qemu.program(), "--help"], capture_output=True, text=True, check=False).stdout
    return world.why_no_taps() or ("" if "-plugin" in said else "this QEMU takes no plugins")


def compiler():
    """The image's instructions are its compiler's choice: figures of another one do not compare."""
    return subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def baseline(path=BASELINE):
    return json.loads(pathlib.Path(path).read_text())


def record(found, path=BASELINE):
    path.write_text(json.dumps({"compiler": compiler(), "paths": found}, indent=1) + "\n")


def judge(found, paths_known):
    """(what costs more than the baseline allows, what costs so much less that the baseline should be lowered):
    lists of sentences."""
    worse, better = [], []
    for path in PATHS:
        name = title(path)
        for unit in path.checked:
            if unit not in paths_known.get(name, {}):
                worse.append(f"{name}: the baseline does not have it")
                continue
            now, then = found[name][unit], paths_known[name][unit]
            what = "a turn" if unit == "turn" else unit.replace("_", " ")
            said = f"{name}: {now} instructions {what}, the baseline has {then} ({now / then - 1:+.1%})"
            if now > then * (1 + TOLERANCE):
                worse.append(said)
            elif now < then * (1 - TOLERANCE):
                better.append(said)
    return worse, better
