# SPDX-License-Identifier: BSD-3-Clause
"""The programs at the other end: what each path carries in a phase, and what of it arrived in each second.

A mix is one word of the plan (plan.MIXES; up is what the guest sends). Datagrams are sent at a rate, whatever comes back,
by build/datagrams, which counts each of them; TCP is the real iperf3 as fast as it goes, whose tenths of a second are
read; connections are curl's, one after the other at a rate; and with datagrams of mixed sizes a second guest floods the
first one's sink. A probe asks each path all the time how long an answer takes.

Every running source writes a record each second, also when nothing moved: that is what a freeze looks like. One whose
program ended too early is started again.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

from .. import BUILD, Error, iperf
from . import kinds

DATAGRAMS = BUILD / "datagrams"

PROBE_PPS = 50
PROBE_BYTES = 18

# Payloads: frames of 60, 590 and 1514 bytes. QEMU's user network carries no datagram that is larger than 1448.
SIZES = {
    "udp_64": (18,),
    "udp_imix": (18, 548, 18, 18, 548, 18, 1472, 18, 548, 18, 18, 548),
    "udp_1472": (1472,),
}
USER_BYTES = 1448

# Datagrams a second. Few enough that a host which is busy for 50 ms still has room for all in its queues: on
# QEMU's user network those are a socket's, of a few dozen.
PPS = {kinds.TAP: 2000, kinds.PLAIN: 2000, kinds.USER: 400}
FLOOD_PPS = 2000

CONNECTIONS_PER_SECOND = 50
CONNECTION_BYTES = 4000
CONNECTION_SECONDS = 10  # that one may take

LONGEST = "86400"  # seconds that an iperf3 runs if nobody stops it: its own limit

STARTING_SECONDS = 2  # in which a program that has not said anything is still on its way
ENDING_SECONDS = 5  # that a program may take to end


class Source:
    """One program, or more of the same, for one path. tick() is called each second until ended()."""

    proto, way = "tcp", "both"

    def __init__(self, rig, kind, path):
        self.name, self.kind, self.path = f"{kind}@{path}", kind, path
        self.rig = rig
        self.process, self.stopping = None, None
        self._lock = threading.Lock()
        self._begun = time.monotonic()

    def start(self):
        self._begin(self.command())

    def _begin(self, words, stream="stdout"):
        """Starts the program; take(line) is called for each of its lines."""
        self._begun = time.monotonic()
        self.process = _spawn(words, stream)
        threading.Thread(target=self._read, args=(self.process, getattr(self.process, stream)), daemon=True).start()

    def _read(self, process, stream):
        with contextlib.suppress(ValueError):  # closed meanwhile
            for line in stream:
                with self._lock:
                    self.take(line)
        process.wait()

    def address(self, service):
        return self.rig.paths[self.path].address(service)

    def record(self, **fields):
        self.rig.log.write("traffic", name=self.name, path=self.path, proto=self.proto, dir=self.way, **fields)

    def stop(self):
        """Asks it to end, without waiting."""
        if self.stopping is None:
            self.stopping = time.monotonic()
            self.process.terminate()

    def ended(self):
        """True when it has; one that was asked and does not is killed."""
        if self.process.poll() is None:
            if self.stopping and time.monotonic() - self.stopping > ENDING_SECONDS:
                self.process.kill()
            return False
        return True

    def close(self):
        self.process.kill()
        self.process.wait()


def _spawn(words, stream):
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: subprocess.PIPE}
    try:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, words)],
            stdin=subprocess.DEVNULL, text=True, errors="replace", process_group=0, **pipes,
        )  # fmt: skip
    except OSError as error:
        raise Error(f"{words[0]} cannot be run ({error}): run `make deps`") from None


class Datagrams(Source):
    """Its own lines are the records: they have exact times."""

    proto = "udp"

    def command(self):
        sizes = (min(size, USER_BYTES) if self.path == kinds.USER else size for size in SIZES[self.kind])
        return [DATAGRAMS, *self.address("echo"), PPS[self.path], ",".join(map(str, sizes))]

    def take(self, line):
        said = json.loads(line)
        said["gap_at"] = round(self.rig.log.at(said["gap_at"]), 4)
        del said["end"]
        said["lost"] = max(0, said["lost"] - said["here"])
        self.tell(said)

    def tell(self, said):
        self.record(**said)

    def tick(self, now):
        if self.ended() and self.stopping is None:
            self.start()


class Probe(Datagrams):
    """The same, seldom and with every time."""

    def command(self):
        return [DATAGRAMS, *self.address("echo"), PROBE_PPS, PROBE_BYTES, "times"]

    def tell(self, said):
        self.rig.log.write("probe", path=self.path, **said)


class Tcp(Source):
    """iperf3's lines, ten a second, summed up. Times of silence are by its own clock."""

    OPTIONS = {"tcp_up": ["-R"], "tcp_down": [], "tcp_both": ["--bidir"]}
    WAYS = {"tcp_up": ("tx",), "tcp_down": ("rx",), "tcp_both": ("rx", "tx")}

    def __init__(self, *words):
        super().__init__(*words)
        self._ways = {way: _Way() for way in self.WAYS[self.kind]}

    def start(self):
        host, port = self.address("iperf3")
        self._begun = time.monotonic()
        self._zero = None
        self._said = ""
        for way in self._ways.values():
            way.begin()
        self.process = iperf.start(["iperf3", "-c", host, "-p", str(port), "-t", LONGEST, *self.OPTIONS[self.kind]], 0.1)
        threading.Thread(target=self._read, args=(self.process, self.process.stdout), daemon=True).start()

    def take(self, line):
        if "error" in line:
            self._said = line.strip()
        found = iperf.interval(line)
        if found:
            start, end, bps, role = found
            zero = time.monotonic() - end
            self._zero = zero if self._zero is None else min(zero, self._zero)
            way = {"TX": "rx", "RX": "tx"}.get(role) or self.WAYS[self.kind][0]
            self._ways[way].take(start, end, bps)

    def tick(self, now):
        over = self.ended()
        with self._lock:
            for name, way in self._ways.items():
                self._write(name, way, now, over)
        if over and self.stopping is None:
            self.start()

    def _write(self, name, way, now, over):
        waiting = self._zero is None and now - self._begun < STARTING_SECONDS
        bytes_, gap, at = way.second(None if self._zero is None or over else now - self._zero)
        if self._zero is None and not over:  # it does not get through
            gap, at = now - self._begun, 0
        since = self._begun if self._zero is None else self._zero
        extra = {"error": self._said} if over and self._said else {}
        self.rig.log.write(
            "traffic", name=self.name if len(self._ways) == 1 else f"{self.name}.{name}", path=self.path, proto="tcp", dir=name,
            seconds=1.0, bytes=bytes_, gap_ms=round(gap * 1000, 1), gap_at=round(self.rig.log.at(since + at), 4),
            answering=not (waiting or over or self.stopping is not None), **extra,
        )  # fmt: skip


class _Way:
    """What went one way of a TCP test, whose own clock starts with it."""

    OVERDUE = 0.3  # a line of a tenth of a second that is so late is silence, too

    def __init__(self):
        self.begin()

    def begin(self):
        self._bytes, self._gap, self._gap_at, self._moved = 0, 0.0, 0.0, 0.0

    def take(self, start, end, bps):
        if bps > 0:
            self._see(start)
            self._bytes += int(bps * (end - start) / 8)
            self._moved = end
        else:
            self._see(end)

    def _see(self, until):
        if until - self._moved > self._gap:
            self._gap, self._gap_at = until - self._moved, self._moved

    def second(self, now):
        """(bytes, longest gap, when it began) since the last call; `now` while it runs."""
        if now is not None and now - self._moved > self.OVERDUE:
            self._see(now)
        said = self._bytes, self._gap, self._gap_at
        self._bytes, self._gap, self._gap_at = 0, 0.0, 0.0
        return said


class Connections(Source):
    """One curl, which opens a connection for each answer."""

    way = "tx"

    def __init__(self, *words):
        super().__init__(*words)
        self._served = self._failed = self._bytes = 0
        self._slowest = 0.0

    def start(self):
        host, port = self.address("http")
        self._last = None
        self._begin(
            ["curl", "-s", "--rate", f"{CONNECTIONS_PER_SECOND}/s", "--max-time", CONNECTION_SECONDS, "-H", "Connection: close",
             "-o", os.devnull, "-w", "%{stderr}%{http_code} %{size_download} %{time_total}\n",
             f"http://{host}:{port}/data?bytes={CONNECTION_BYTES}#[1-99999999]"], "stderr",
        )  # fmt: skip

    def take(self, line):
        status, size, took = line.split()
        if status == "200" and int(size) == CONNECTION_BYTES:
            self._served += 1
            self._bytes += int(size)
        else:
            self._failed += 1
        self._last = time.monotonic()
        self._slowest = max(self._slowest, float(took))

    def tick(self, now):
        over = self.ended()
        with self._lock:
            open_since = self._last or self._begun
            gap = max(self._slowest, now - open_since - 1 / CONNECTIONS_PER_SECOND)
            self.record(
                seconds=1.0, bytes=self._bytes, packets=self._served, failed=self._failed, gap_ms=round(gap * 1000, 1),
                gap_at=round(self.rig.log.at((self._last or now) - gap), 4), answering=not over and self.stopping is None,
            )  # fmt: skip
            self._served = self._failed = self._bytes = 0
            self._slowest = 0.0
        if over and self.stopping is None:
            self.start()


class Flood(Source):
    """A second guest: what it sent is in its records, what arrived in the first one's statistics."""

    proto, way = "udp", "rx"
    COUNTS = ("received", "lost", "late", "duplicate", "corrupt")

    def start(self):
        self.peer = self.rig.generator(self.rig.paths[self.path], f"rate={FLOOD_PPS}pps len=imix seed={self.rig.seed + 1}")
        self.process = self.peer.process
        self._told = 0
        self._sums = {}

    def tick(self, now):
        intended = sent = bytes_ = gap = 0
        records = self.peer.records[self._told :]
        self._told += len(records)
        for record in records:
            self.rig.log.write("guest", guest="peer", record=record)
            if record["event"] == "interval":
                intended += self._since("intended", record)
                sent += self._since("offered", record)
                bytes_ += record["tx_bytes"]
                gap = max(gap, record["gap_max_us"] / 1000)
        if intended or self.stopping is None:
            self.record(
                seconds=1.0, intended=intended, sent=sent, bytes=bytes_, gap_ms=gap,
                answering=now - self._begun > STARTING_SECONDS and self.stopping is None and not self.ended(),
            )  # fmt: skip

    def _since(self, name, record):
        before, self._sums[name] = self._sums.get(name, 0), record[name]
        return record[name] - before

    def stop(self):
        if self.stopping is None:
            self.stopping = time.monotonic()
            with contextlib.suppress(Error):
                self.peer.qmp.command("system_powerdown")

    def close(self):
        self.peer.close()
        self.peer.net.close()


MIXES = dict.fromkeys(Tcp.OPTIONS, (Tcp,)) | dict.fromkeys(SIZES, (Datagrams,)) | {"connections": (Connections,)}


class Traffic:
    """All that runs: the probes from begin to end, the sources of each phase."""

    def __init__(self, rig):
        self.rig = rig
        self.sources = {}  # by name
        self._leaving = []
        self._probes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def probe(self):
        for path in self.rig.paths:
            self._start(Probe(self.rig, "probe", path), self._probes.append)

    def switch(self, mixes):
        """From now on each path carries this."""
        self.leave()
        for path, mix in mixes.items():
            kinds_of_it = [(mix, one) for one in MIXES[mix]]
            if mix == "udp_imix" and self.rig.paths[path].net.kind == "tap":
                kinds_of_it.append(("flood", Flood))
            for kind, one in kinds_of_it:
                source = one(self.rig, kind, path)
                self._start(source, lambda source: self.sources.update({source.name: source}))

    @staticmethod
    def _start(source, keep):
        source.start()
        keep(source)

    def leave(self):
        """Asks the sources of the phase to end."""
        for source in self.sources.values():
            source.stop()
            self._leaving.append(source)
        self.sources = {}

    def tick(self, now):
        """Once a second: each writes what it saw."""
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.tick(now)
        for source in [s for s in self._leaving if s.ended()]:
            self._leaving.remove(source)
            source.close()

    def quiet(self):
        """Asks all to end, the probes too; True when all have."""
        self.leave()
        for probe in self._probes:
            self._leaving.append(probe)
            probe.stop()
        self._probes = []
        return not self._leaving

    def pids(self):
        """Process ids of the programs."""
        return [s.process.pid for s in [*self._probes, *self.sources.values(), *self._leaving]]

    def close(self):
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.process.send_signal(signal.SIGKILL)
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.close()
        self._probes, self.sources, self._leaving = [], {}, []
