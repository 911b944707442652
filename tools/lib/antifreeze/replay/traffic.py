# SPDX-License-Identifier: BSD-3-Clause
"""The traffic of the replay: bulk TCP into and out of the guest by rsync and by streams like FTP's, a flood of small
datagrams to a port where nobody listens, connections that never read, and a probe of the latency.

Each source is a context manager that works from its begin to its end; .report() says what it came to. None of them
gives up when the guest does: it notes that and tries again.
"""

import contextlib
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

from .. import Error, own_folder
from . import guests

SLOW = 200  # connections that never read
FLOOD_PPS = 20000
CLOSED_PORT = 4242
_CHUNK = 65536
_PATIENCE = 20  # seconds that a transfer may stand still before it is given up


class Gaps:
    """Times without progress; anybody may call moved()."""

    LONG = 0.25

    def __init__(self):
        self.start = self.last = time.monotonic()
        self.worst = 0.0
        self.long = []  # [seconds since the start, seconds]
        self._lock = threading.Lock()

    def moved(self):
        with self._lock:
            now = time.monotonic()
            gap, begun, self.last = now - self.last, self.last, now
            self.worst = max(self.worst, gap)
            if gap >= self.LONG:
                self.long.append([round(begun - self.start, 2), round(gap, 3)])

    def report(self):
        self.moved()  # the one that is still open
        return {"longest_gap_ms": round(self.worst * 1000, 1), "gaps_over_250_ms": self.long}


class Source:
    """Threads that run until .ending is set."""

    def __init__(self):
        self.ending = threading.Event()
        self._threads = []

    def go(self, function, *words):
        thread = threading.Thread(target=function, args=words, daemon=True)
        thread.start()
        self._threads.append(thread)

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.ending.set()
        for thread in self._threads:
            thread.join(_PATIENCE + 5)


class Ftp(Source):
    """Files through the relay, a connection for each, `streams` at a time; what arrives at the other end counts."""

    FILE = 8 << 20

    def __init__(self, guest, streams=4):
        super().__init__()
        self.guest, self.streams = guest, streams
        self.arrived = self.files = self.failed = 0
        self.reasons = {}
        self.gaps = None
        self._listener = socket.create_server((guest.net.host4, guests.FTP_AT), backlog=64)

    def begin(self):
        self.gaps = Gaps()
        self.go(self._accept)
        for _ in range(self.streams):
            self.go(self._send)

    def _accept(self):
        self._listener.settimeout(0.2)
        while not self.ending.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = self._listener.accept()
                self.go(self._receive, sock)
        self._listener.close()

    def _receive(self, sock):
        with sock, contextlib.suppress(OSError):
            sock.settimeout(_PATIENCE)
            while chunk := sock.recv(_CHUNK):
                self.arrived += len(chunk)
                self.gaps.moved()

    def _send(self):
        chunk = os.urandom(_CHUNK)
        while not self.ending.is_set():
            try:
                with socket.create_connection(self.guest.address(guests.FTP), _PATIENCE) as sock:
                    for _ in range(self.FILE // _CHUNK):
                        sock.sendall(chunk)
                        if self.ending.is_set():
                            return
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(_CHUNK):
                        pass
                    self.files += 1
            except OSError as error:
                self.failed += 1
                why = type(error).__name__
                self.reasons[why] = self.reasons.get(why, 0) + 1
                self.ending.wait(0.1)

    def report(self):
        return {"bytes": self.arrived, "files": self.files, "failed": self.failed, "why": self.reasons} | self.gaps.report()


def _listens(port):
    """In the kernel's own list: a connection would be one more client."""
    state = f":{port:04X} 00000000:0000 0A "
    return any(state in line for line in pathlib.Path("/proc/net/tcp").read_text().splitlines())


class Rsync(Source):
    """The real one, with a daemon behind the relay: the same files again and again, to the daemon and back."""

    CONF = "use chroot = no\nlog file = {0}/rsyncd.log\n{1}[data]\npath = {0}/data\nread only = no\n"

    def __init__(self, guest, folder):
        super().__init__()
        if not shutil.which("rsync"):
            raise Error("rsync is not installed: run `make deps`")
        self.guest, self.folder = guest, own_folder(pathlib.Path(folder).resolve())
        self.runs = {"up": [0, 0], "down": [0, 0]}  # done, failed
        self.bytes = 0
        self.said = ""
        self._daemon = self._client = None

    def begin(self):
        for name in ("data", "files", "back"):
            own_folder(self.folder / name)
        for k in range(4):
            (self.folder / "files" / f"{k}").write_bytes(os.urandom(4 << 20))
        ids = "uid = 0\ngid = 0\n" if os.getuid() == 0 else ""
        (self.folder / "rsyncd.conf").write_text(self.CONF.format(self.folder, ids))
        self._daemon = self._start(
            "daemon.said", "--daemon", "--no-detach", "--ipv4", f"--config={self.folder}/rsyncd.conf", f"--port={guests.RSYNC_AT}"
        )
        while not _listens(guests.RSYNC_AT):
            if self._daemon.poll() is not None:
                raise Error(f"rsync --daemon: {self._first_line('daemon.said')}")
            time.sleep(0.02)
        self.go(self._run)

    def _start(self, name, *words):
        """With all its children in a group of its own; what it says goes to the file of that name."""
        with open(self.folder / name, "wb") as said:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "rsync", *words],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, process_group=0,
            )  # fmt: skip

    def _first_line(self, name):
        return ((self.folder / name).read_text(errors="replace").splitlines() or ["nothing said"])[0]

    def _run(self):
        url = f"rsync://{self.guest.net.guest4}:{guests.RSYNC}/data/"
        here = {"up": (f"{self.folder}/files/", url), "down": (url, f"{self.folder}/back/")}
        while not self.ending.is_set():
            for way, ends in here.items():
                words = "-a", "--ignore-times", "--whole-file", f"--timeout={_PATIENCE}", *ends
                self._client = self._start("client.said", *words)
                self._client.wait()
                if self.ending.is_set():
                    return
                failed = self._client.returncode != 0
                self.runs[way][failed] += 1
                self.bytes += 0 if failed else 16 << 20
                if failed:
                    self.said = self._first_line("client.said")
                    self.ending.wait(0.5)

    def end(self):
        self.ending.set()
        for process in (self._client, self._daemon):
            if process and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        super().end()
        self._daemon.wait()

    def report(self):
        counts = {f"{way}_{what}": n for way, pair in self.runs.items() for what, n in zip(("done", "failed"), pair)}
        return counts | {"bytes": self.bytes, "last_failure": self.said}


def _flood(address, pps, sent, ending):
    payload = bytes(18)  # with its headers and the FCS: 64 bytes
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        start = time.monotonic()
        while not ending.is_set():
            due = int((time.monotonic() - start) * pps)
            for _ in range(min(due - sent.value, 200)):
                with contextlib.suppress(OSError):
                    sock.sendto(payload, address)
                sent.value += 1
            time.sleep(0.001)


class Flood:
    """Datagrams of 64 bytes to a closed port, in a process of its own."""

    def __init__(self, guest, pps=FLOOD_PPS):
        self.sent = multiprocessing.Value("q", 0, lock=False)
        self.start = None
        self._ending = multiprocessing.Event()
        address = guest.address(CLOSED_PORT)
        self._process = multiprocessing.Process(target=_flood, args=(address, pps, self.sent, self._ending), daemon=True)

    def __enter__(self):
        self.start = time.monotonic()
        self._process.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._process.join(10)

    def report(self):
        return {"sent": self.sent.value, "pps": round(self.sent.value / (time.monotonic() - self.start))}


class Slow(Source):
    """Connections to the echo service that send and never read: each holds as much of the guest as it lets them."""

    def __init__(self, guest, count=SLOW):
        super().__init__()
        self.guest, self.count = guest, count
        self.socks = []
        self.opened = self.refused = self.held_most = 0

    def begin(self):
        self.go(self._run)

    def _run(self):
        bulk = bytes(_CHUNK)
        while not self.ending.wait(0.2):
            self.socks = [sock for sock in self.socks if self._push(sock, bulk)]
            for _ in range(min(20, self.count - len(self.socks))):
                if not self.ending.is_set():
                    self._open()
            self.held_most = max(self.held_most, len(self.socks))
        for sock in self.socks:
            sock.close()

    def _push(self, sock, bulk):
        """False: it is gone."""
        try:
            sock.send(bulk)
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            return False
        return True

    def _open(self):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.5)
        try:
            sock.connect(self.guest.address("echo"))
        except OSError:
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        self.opened += 1
        self.socks.append(sock)

    def report(self):
        return {"asked_for": self.count, "opened": self.opened, "refused": self.refused, "held_most": self.held_most}


class Probe(Source):
    """A datagram to the echo service each 50 ms: who is silent, and for how long; and whether this host was."""

    PERIOD = 0.05

    def __init__(self, guest):
        super().__init__()
        self.address = guest.address("echo")
        self.sent = 0
        self.rtts = []
        self.pause = 0.0  # the longest that a round was late: the host's own
        self.gaps = None
        self._sock = socket.socket(type=socket.SOCK_DGRAM)

    def begin(self):
        self.gaps = Gaps()
        self.go(self._send)
        self.go(self._receive)

    def _send(self):
        due = time.monotonic()
        while not self.ending.is_set():
            self.pause = max(self.pause, time.monotonic() - due)
            with contextlib.suppress(OSError):
                self._sock.sendto(time.monotonic_ns().to_bytes(8, "big"), self.address)
            self.sent += 1
            due = max(due + self.PERIOD, time.monotonic())
            self.ending.wait(due - time.monotonic())

    def _receive(self):
        self._sock.settimeout(0.2)
        while not self.ending.is_set():
            with contextlib.suppress(OSError):
                answer = self._sock.recv(64)
                self.rtts.append((time.monotonic_ns() - int.from_bytes(answer, "big")) / 1e6)
                self.gaps.moved()
        self._sock.close()

    def report(self):
        rtts = sorted(self.rtts)
        at = {f"p{p}_ms": round(rtts[min(len(rtts) - 1, len(rtts) * p // 100)], 2) for p in (50, 99)} if rtts else {}
        lost = self.sent - len(rtts)
        return {"sent": self.sent, "lost": lost, "host_pause_ms": round(self.pause * 1000, 1)} | at | self.gaps.report()
