# SPDX-License-Identifier: BSD-3-Clause
"""Instructions of our guest for each packet and each MiB, by the path that the traffic takes.

A plugin (tests/bench/insn_plugin.c) counts them inside QEMU's emulator, packets and bytes are those of the tap. Neither
asks anything of the guest, and the CPU's instructions are the same however busy the host is. So a figure
can be held against a committed one, tests/bench/icount.json, and a change that costs more is seen at once.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import struct
import subprocess
import tempfile

from .. import BUILD, TOP, Error, net, qemu, world
from . import iperf, load, pairs, raw

PLUGIN = BUILD / "bench" / "insn_plugin.so"
BASELINE = TOP / "tests" / "bench" / "icount.json"
TOLERANCE = 0.05
# Where the guest is faster than what feeds it, the host decides how many frames each turn of its loop finds, and so how
# many share what a turn costs.
FED = 0.2
MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Path:
    """`checked` is what is held against the baseline: per_packet, per_mib, or nothing."""

    name: str
    drive: object  # drive(guest, seconds) has the traffic flow
    checked: str = "per_packet"
    offloads: bool = True
    words: str = ""  # for the command line of a guest of its own
    tolerance: float = TOLERANCE


def _iperf3(*words):
    return lambda guest, seconds: iperf.run(guest, seconds, *words)


def _trips(kind):
    return lambda guest, seconds: load.round_trips(kind, guest, seconds)


def _flooding(guest, seconds):
    guest.console.wait_closed(seconds)


_FLOOD = f"run=flood target=10.99.99.99 dst_mac={raw.FOREIGN_MAC} time=0 interval=0"

PATHS = (
    # Frames of many sizes, more or fewer acknowledgements: a MiB is what compares. Not checked: one packet at a time,
    # since going to sleep in between costs more or less, as the host's answers come sooner or later.
    Path("tcp-in", _iperf3(), "per_mib", tolerance=FED),
    Path("tcp-out", _iperf3("-R"), "per_mib"),
    Path("udp-in-18", _iperf3("-u", "-b", "0", "-l", "18"), tolerance=FED),
    Path("udp-out-18", _iperf3("-u", "-b", "0", "-l", "18", "-R"), tolerance=FED),
    Path("raw-in", load.raw_frames, tolerance=FED),
    Path("raw-out", _flooding, words=_FLOOD),
    Path("sink-60", load.test_frames, tolerance=FED),
    Path("ping", _trips("ping"), ""),
    Path("tcp-rr", _trips("tcp"), ""),
    Path("udp-rr", _trips("udp"), ""),
    Path("tcp-in", _iperf3(), "per_mib", offloads=False),
    Path("tcp-out", _iperf3("-R"), offloads=False),
)

CHECKED = tuple(path for path in PATHS if path.checked)


def title(path):
    return path.name if path.offloads else f"{path.name}, offloads off"


def measure(seconds, progress, paths=PATHS):
    """{title: {"per_packet", "per_mib"}}; a guest for each kind that the paths want."""
    found = {}
    for kind in dict.fromkeys((path.offloads, path.words) for path in paths):
        with _guest(*kind) as (guest, count):
            for path in paths:
                if (path.offloads, path.words) == kind:
                    found[title(path)] = _cost(guest, count, path, seconds)
                    progress(path, found[title(path)])
    return found


@contextlib.contextmanager
def _guest(offloads, words=""):
    """(a ready guest, a function that says how many instructions it has run)."""
    if not PLUGIN.is_file():
        raise Error(f"{PLUGIN} is missing: start this with `make bench-icount`")
    options = {} if offloads else pairs.OFFLOADS_OFF
    with tempfile.NamedTemporaryFile() as counter, net.Tap() as tap:
        counter.write(bytes(8))
        counter.flush()
        machine = {"plugin": f"{PLUGIN},count={counter.name}", "accel": "tcg"}
        with pairs.OurGuest(tap, pairs.LOGS / "icount", words, options, **machine) as guest:
            guest.wait("ready", 60)
            yield guest, lambda: struct.unpack("Q", os.pread(counter.fileno(), 8, 0))[0]


def _cost(guest, count, path, seconds):
    path.drive(guest, 1)  # addresses are known, windows open
    before, traffic_before = count(), raw.traffic(guest.net.name)
    path.drive(guest, seconds)
    instructions = count() - before
    packets, octets = (now - then for now, then in zip(raw.traffic(guest.net.name), traffic_before))
    return {"per_packet": round(instructions / packets), "per_mib": round(instructions / octets * MIB)}


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
    for path in CHECKED:
        name = title(path)
        if name not in paths_known:
            worse.append(f"{name}: the baseline does not have it")
            continue
        now, then = found[name][path.checked], paths_known[name][path.checked]
        unit = path.checked.replace("_", " ")
        said = f"{name}: {now} instructions {unit}, the baseline has {then} ({now / then - 1:+.1%})"
        if now > then * (1 + path.tolerance):
            worse.append(said)
        elif now < then * (1 - path.tolerance):
            better.append(said)
    return worse, better
