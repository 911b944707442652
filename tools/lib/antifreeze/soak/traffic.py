# SPDX-License-Identifier: BSD-3-Clause
"""The programs at the other end: what each path carries in a phase, and what of it arrived in each second.

A kind is one word of the plan (plan.MIXES; up is to the guest). Datagrams are sent at a rate, whatever comes back,
by build/datagrams, which counts each of them; TCP and udp_down are the real iperf3, whose tenths of a second are
read; connections are curl's, one after the other at a rate; and in a flood a second guest fills the first one's sink. A probe asks each path all the time how long an answer takes.

Every running source writes a record each second, also when nothing moved: that is what a freeze looks like. One whose
program ended too early or says nothing any more says that it has `failed`, and is started again. A second guest that ended is `gone`.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

from .. import BUILD, Error, iperf
from ..bench import meter
from . import kinds, load

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

CONNECTIONS_PER_SECOND = 100
CONNECTION_BYTES = 4000
CONNECTION_SECONDS = 10  # that one may take

LONGEST = "86400"  # seconds that an iperf3 runs if nobody stops it: its own limit

STARTING_SECONDS = 2  # in which a program that has not said anything is still on its way
BOOTING_SECONDS = 20  # the same of a guest
ENDING_SECONDS = 5  # that a program may take to end
MUTE_TICKS = 10  # without a line of a program that says one each second: it hangs
LEAST_SECONDS = 0.001  # of a record: a program may end right after its last one, and rates are by time


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
        self._follow(getattr(self.process, stream))

    def _follow(self, stream):
        self._reader = threading.Thread(target=self._read, args=(self.process, stream), daemon=True)
        self._reader.start()

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

    def tasks(self):
        """Folders in /proc of the threads that do its work, and of that which reads what it says."""
        return [f"/proc/{self.process.pid}", f"/proc/self/task/{self._reader.native_id}"]

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
    _mute = 0  # ticks since its last line

    def command(self):
        sizes = (min(size, USER_BYTES) if self.path == kinds.USER else size for size in SIZES[self.kind])
        return [DATAGRAMS, *self.address("echo"), PPS[self.path], ",".join(map(str, sizes))]

    def take(self, line):
        self._mute = 0
        said = json.loads(line)
        said["gap_at"] = round(self.rig.log.at(said["gap_at"]), 4)
        del said["end"]
        said["seconds"] = max(said["seconds"], LEAST_SECONDS)
        said["lost"] = max(0, said["lost"] - said["here"])
        self.tell(said)

    def tell(self, said):
        self.record(**said)

    def tick(self, now):
        over = self.ended()
        if self.stopping is not None:
            return
        with self._lock:
            self._mute += 1
            mute = self._mute > MUTE_TICKS
        if over or mute:
            self.tell({"seconds": 1.0, "answering": False, "failed": 1, "error": "it has ended" if over else "it says nothing"})
            self.close()
            self._mute = 0
            self.start()


class Probe(Datagrams):
    """The same, seldom and with every time."""

    def command(self):
        return [DATAGRAMS, *self.address("echo"), PROBE_PPS, PROBE_BYTES, "times"]

    def tell(self, said):
        self.rig.log.write("probe", path=self.path, **said)


class Iperf3(Source):
    """iperf3's lines, ten a second, summed up. Times of silence are by its own clock."""

    WAYS = {"tcp_up": ("rx",), "tcp_down": ("tx",), "tcp_both": ("rx", "tx"), "udp_down": ("tx",)}

    def __init__(self, *words):
        super().__init__(*words)
        self.proto = self.kind[:3]
        self._ways = {way: _Way() for way in self.WAYS[self.kind]}

    def options(self):
        words = {("rx",): [], ("tx",): ["-R"], ("rx", "tx"): ["--bidir"]}[self.WAYS[self.kind]]
        if self.proto == "udp":
            size = USER_BYTES if self.path == kinds.USER else 1472
            words += ["-u", "-l", str(size), "-b", str(8 * size * PPS[self.path])]
        return words

    def start(self):
        host, port = self.address("iperf3")
        self._begun = time.monotonic()
        self._zero = None  # when its clock began
        self._said = ""
        for way in self._ways.values():
            way.begin()
        self.process = iperf.start(["iperf3", "-c", host, "-p", str(port), "-t", LONGEST, *self.options()], 0.1)
        self._follow(self.process.stdout)

    def take(self, line):
        if "error" in line:
            self._said = line.strip()
        found = iperf.interval(line)
        if found:
            zero = time.monotonic() - found.end
            self._zero = zero if self._zero is None else min(zero, self._zero)
            way = {"TX": "rx", "RX": "tx"}.get(found.role) or self.WAYS[self.kind][0]
            self._ways[way].take(found)

    def tick(self, now):
        over = self.ended()
        with self._lock:
            for name, way in self._ways.items():
                self._write(name, way, now, over)
        if over and self.stopping is None:
            self.start()

    def _write(self, name, way, now, over):
        waiting = self._zero is None and now - self._begun < STARTING_SECONDS
        fields, gap, at = way.second(None if self._zero is None or over else now - self._zero)
        if self._zero is None and not over:  # it does not get through
            gap, at = now - self._begun, 0
        since = self._begun if self._zero is None else self._zero
        if over and self.stopping is None:
            fields |= {"failed": 1, "error": self._said or "it has ended"}
        self.rig.log.write(
            "traffic", name=self.name if len(self._ways) == 1 else f"{self.name}.{name}", path=self.path, proto=self.proto, dir=name,
            seconds=1.0, gap_ms=round(gap * 1000, 1), gap_at=round(self.rig.log.at(since + at), 4),
            answering=not (waiting or over or self.stopping is not None), **fields,
        )  # fmt: skip


class _Way:
    """What went one way of an iperf3 test, whose own clock starts with it."""

    OVERDUE = 0.3  # a line of a tenth of a second that is so late is silence, too

    def __init__(self):
        self.begin()

    def begin(self):
        self._moved = 0.0
        self._clear()

    def _clear(self):
        self._bytes, self._datagrams, self._lost, self._gap, self._gap_at = 0, 0, 0, 0.0, 0.0

    def take(self, line):
        self._datagrams += line.datagrams
        self._lost += line.lost
        if line.bps > 0:
            self._see(line.start)
            self._bytes += round(line.bps * (line.end - line.start) / 8)
            self._moved = line.end
        else:
            self._see(line.end)

    def _see(self, until):
        if until - self._moved > self._gap:
            self._gap, self._gap_at = until - self._moved, self._moved

    def second(self, now):
        """(fields of a record, longest gap, when it began) since the last call; `now` while it runs."""
        if now is not None and now - self._moved > self.OVERDUE:
            self._see(now)
        fields = {"bytes": self._bytes}
        if self._datagrams:
            fields |= {"packets": self._datagrams - self._lost, "lost": self._lost}
        said = fields, self._gap, self._gap_at
        self._clear()
        return said


class Connections(Source):
    """One curl, which opens a connection for each answer."""

    way = "tx"

    def __init__(self, *words):
        super().__init__(*words)
        self._served = self._failed = self._bytes = 0
        self._slowest = 0.0, 0.0  # how long it took, when it began

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
        self._slowest = max(self._slowest, (float(took), self._last - float(took)))

    def tick(self, now):
        over = self.ended()
        with self._lock:
            self._failed += over and self.stopping is None
            due = (self._last or self._begun) + 1 / CONNECTIONS_PER_SECOND
            gap, since = (0.0, now) if self.stopping else max(self._slowest, (now - due, due))
            self.record(
                seconds=1.0, bytes=self._bytes, packets=self._served, failed=self._failed, gap_ms=round(gap * 1000, 1),
                gap_at=round(self.rig.log.at(since), 4), answering=not over and self.stopping is None,
            )  # fmt: skip
            self._served = self._failed = self._bytes = 0
            self._slowest = 0.0, 0.0
        if over and self.stopping is None:
            self.start()


class Flood(Source):
    """A second guest: what it sent is in its records, what arrived in the first one's statistics. Those come when they come, so
    what they tell is a record of its own, over all the time in which it may have happened. Neither tells of silence: the probe of
    that path does."""

    proto, way = "udp", "rx"
    ARRIVED = {
        "bytes": "rx_bytes", "packets": "received", "lost": "lost", "late": "late", "duplicate": "duplicate", "corrupt": "corrupt",
    }  # fmt: skip

    def start(self):
        self._begun = time.monotonic()
        self.peer = self.rig.generator(self.rig.paths[self.path], f"rate={self.rig.load.pps}pps len={load.LENGTH}")
        self.process = self.peer.process
        self._vcpu = meter.vcpu(self.peer)
        self._told, self._sums = 0, {}
        self._stats, self._asked = self.rig.stats, self._begun
        self._others = {run["run"] for run in self._runs()}  # of a flood before this one
        self._mute, self._gone = 0, False

    def tasks(self):
        return [f"/proc/{self.process.pid}/task/{thread}" for thread in (self.process.pid, self._vcpu)]

    def tick(self, now):
        sent = self._sent()
        there = self._sums.get("intended") or now - self._begun > BOOTING_SECONDS
        over = self.ended()
        running = bool(there) and self.stopping is None and not over
        self._mute = 0 if sent["intended"] else self._mute + 1
        if running and self._mute >= BOOTING_SECONDS:
            self._mute = 0
            sent |= {"failed": 1, "error": "the second guest says nothing"}
        self.record(seconds=1.0, answering=running, **sent)
        if over and self.stopping is None and not self._gone:
            self._gone = True
            self.rig.log.write("soak", what="gone", guest="peer", why=f"the flood's QEMU ended with status {self.process.returncode}")
        if self.rig.stats is not self._stats:
            self._arrived(now, running)

    def _sent(self):
        """What the second guest says since the last call."""
        fields = {"intended": 0, "sent": 0}
        records = self.peer.records[self._told :]
        self._told += len(records)
        for record in records:
            self.rig.log.write("guest", guest="peer", record={key: value for key, value in record.items() if key != "data"})
            if record["event"] == "interval":
                fields["intended"] += self._since("intended", record["intended"])
                fields["sent"] += self._since("offered", record["offered"])
        return fields

    def _arrived(self, now, running):
        """There are new statistics: they were asked for up to a second ago, and so were those before them."""
        for run in self._runs():
            if run["run"] not in self._others:
                fields = {name: self._since(counted, run[counted]) for name, counted in self.ARRIVED.items()}
                self.rig.log.write(
                    "traffic", name=f"{self.name}.sink", path=self.path, proto=self.proto, dir=self.way,
                    seconds=round(now - self._asked + 1, 3), answering=running, certified=self.rig.load.certified, **fields,
                )  # fmt: skip
        self._stats, self._asked = self.rig.stats, now

    def _runs(self):
        """What the first guest counts and is not over."""
        runs = (self.rig.stats or {}).get("services", {}).get("sink", {}).get("runs", [])
        return [run for run in runs if not run["over"] and not run["reflected"]]

    def _since(self, name, value):
        before, self._sums[name] = self._sums.get(name, 0), value
        return max(0, value - before)

    def stop(self):
        if self.stopping is None:
            self.stopping = time.monotonic()
            with contextlib.suppress(Error):
                self.peer.qmp.command("system_powerdown")

    def close(self):
        self.peer.close()
        self.peer.net.close()


KINDS = (
    dict.fromkeys(Iperf3.WAYS, Iperf3) | dict.fromkeys(SIZES, Datagrams) | {"connections": Connections, "flood": Flood}
)


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

    def switch(self, sources):
        """From now on there are these (kind, path)."""
        self.leave()
        for kind, path in sources:
            self._start(KINDS[kind](self.rig, kind, path), lambda source: self.sources.update({source.name: source}))

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

    def tasks(self):
        """{name: folders in /proc} of each program."""
        return {s.name: s.tasks() for s in [*self._leaving, *self._probes, *self.sources.values()]}

    def close(self):
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.process.send_signal(signal.SIGKILL)
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.close()
        self._probes, self.sources, self._leaving = [], {}, []
