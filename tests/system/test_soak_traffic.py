# SPDX-License-Identifier: BSD-3-Clause
"""What the soak makes of iperf3's lines, and of programs that say nothing or end."""

import http.server
import os
import pathlib
import threading
import time
import types

import pytest

from antifreeze import Error, iperf
from antifreeze.bench import meter
from antifreeze.soak import load, log
from antifreeze.soak.traffic import connections, datagrams, flood, iperf3, phases


class Rig:
    def __init__(self, folder):
        self.log = log.Log(folder)


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.log.close()


def source(rig, kind, ended=False):
    """A source whose program is not there; what it would have said is given to take()."""
    made = iperf3.Iperf3(rig, kind, "tap")
    made._zero, made._said = None, ""
    made.ended = lambda: ended
    made.start = lambda: None
    return made


def line(start, end, kbits, way="", rest=""):
    return f"[  5]{way}   {start:.2f}-{end:.2f}   sec  1.00 MBytes  {kbits} Kbits/sec  {rest}\n"


def records(tmp_path):
    return list(log.read(tmp_path))


def test_tenths_are_summed_and_a_silence_has_its_exact_length(rig, tmp_path):
    s = source(rig, "tcp_up")
    for k in range(10):
        s.take(line(k / 10, (k + 1) / 10, 0 if 3 <= k < 7 else 80000, rest="  0  100 KBytes"))
    s.tick(s._zero + 1)
    [r] = records(tmp_path)
    assert (r["name"], r["dir"], r["proto"], r["bytes"], r["answering"]) == ("tcp_up@tap", "rx", "tcp", 6_000_000, True)
    assert r["gap_ms"] == 400 and abs(r["gap_at"] - (s._zero - rig.log._begin + 0.3)) < 0.001


def test_silence_goes_on_over_the_seconds(rig, tmp_path):
    s = source(rig, "tcp_down")
    s.take(line(0, 0.1, 80000))
    for k in range(1, 10):
        s.take(line(k / 10, (k + 1) / 10, 0))
    s.tick(s._zero + 1)
    for k in range(10, 20):
        s.take(line(k / 10, (k + 1) / 10, 0 if k < 15 else 80000))
    s.tick(s._zero + 2)
    assert [(r["dir"], r["bytes"], r["gap_ms"]) for r in records(tmp_path)] == [("tx", 1_000_000, 900), ("tx", 5_000_000, 1400)]


def test_both_ways_are_told_apart(rig, tmp_path):
    s = source(rig, "tcp_both")
    s.take(line(0, 0.1, 80000, "[TX-C]"))
    s.take(line(0, 0.1, 160000, "[RX-C]"))
    s.tick(s._zero + 0.1)
    assert [(r["name"], r["dir"], r["bytes"]) for r in records(tmp_path)] == [
        ("tcp_both@tap.rx", "rx", 1_000_000), ("tcp_both@tap.tx", "tx", 2_000_000),
    ]  # fmt: skip


def test_datagrams_that_the_guest_sent_and_that_are_missing(rig, tmp_path):
    s = source(rig, "udp_down")
    s.take(line(0, 0.1, 1600, rest="0.010 ms  3/200 (1.5%)"))
    s.tick(s._zero + 0.1)
    [r] = records(tmp_path)
    assert (r["proto"], r["packets"], r["lost"]) == ("udp", 197, 3)


def test_second_of_no_length_has_a_rate(rig, tmp_path):
    """Of a program that ended right behind its line before."""
    s = datagrams.Datagrams(rig, "udp_64", "tap")
    s.take('{"end":9,"seconds":0.0000,"bytes":414,"lost":0,"here":0,"gap_ms":0,"gap_at":9}\n')
    [r] = records(tmp_path)
    assert r["bytes"] / r["seconds"] == 414 / datagrams.LEAST_SECONDS


def test_line_about_the_whole_is_no_interval():
    assert iperf.interval(line(0, 10, 80000, rest="0             sender")) is None
    assert iperf.interval("iperf Done.\n") is None


def test_lines_that_do_not_come_are_a_silence(rig, tmp_path):
    s = source(rig, "tcp_up")
    s.take(line(0, 0.1, 80000))
    s.tick(s._zero + 1)
    s.tick(s._zero + 2)
    first, second = records(tmp_path)
    assert (first["bytes"], first["gap_ms"]) == (1_000_000, 900)
    assert (second["bytes"], second["gap_ms"], second["answering"]) == (0, 1900, True)


def test_program_that_does_not_get_through_is_silent_after_its_time_to_start(rig, tmp_path):
    s = source(rig, "tcp_up")
    for seconds in (1, iperf3.STARTING_SECONDS + 1):
        s.tick(s._begun + seconds)
    starting, silent = records(tmp_path)
    assert not starting["answering"]
    assert silent["answering"] and silent["bytes"] == 0 and silent["gap_ms"] == 1000 * (iperf3.STARTING_SECONDS + 1)


def test_program_that_ended_is_started_again_and_says_why(rig, tmp_path):
    s = source(rig, "tcp_up", ended=True)
    begun = []
    s.start = lambda: begun.append(1)
    s.take("iperf3: error - unable to connect to server: Connection refused\n")
    s.tick(time.monotonic())
    [r] = records(tmp_path)
    assert begun and not r["answering"] and r["failed"] == 1 and "Connection refused" in r["error"]
    s.stopping = time.monotonic()
    s.tick(time.monotonic())
    assert len(begun) == 1 and "failed" not in records(tmp_path)[1]


@pytest.mark.parametrize("stopping,failed", [(None, 1), (1.0, 0)])
def test_curl_that_ended_by_itself_has_failed(rig, tmp_path, stopping, failed):
    s = connections.Connections(rig, "connections", "tap")
    s.ended, s.start, s._last, s.stopping = lambda: True, lambda: None, None, stopping
    s.tick(time.monotonic())
    assert [r["failed"] for r in records(tmp_path)] == [failed]


@pytest.mark.parametrize("said,served", [("200 4000 0.01\n", (1, 0)), ("200 3999 0.01\n", (0, 1)), ("000 0 10.0\n", (0, 1))])
def test_connection_is_served_only_with_all_its_bytes(rig, tmp_path, said, served):
    s = connections.Connections(rig, "connections", "tap")
    s.ended, s._last = lambda: False, None
    s._read_answer = bytes
    s.take(said)
    s.tick(time.monotonic())
    [r] = records(tmp_path)
    assert (r["packets"], r["failed"]) == served and r["gap_ms"] >= 1000 * float(said.split()[2])


class Answers(http.server.BaseHTTPRequestHandler):
    """Whole ones, of which the fifth has a wrong byte; the third is cut off, and the fourth refused."""

    count = 0

    def do_GET(self):
        Answers.count += 1
        body = bytearray(range(250)) * (connections.BYTES // 250)
        body[2000] ^= Answers.count == 5
        self.send_response(503 if Answers.count == 4 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1000] if Answers.count == 3 else body)

    def log_message(self, *_):
        pass


def test_each_byte_of_an_answer_is_compared(rig, tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        s = connections.Connections(rig, "connections", "tap")
        s.address = lambda service: server.server_address
        s.start()
        try:
            deadline = time.monotonic() + 20
            while s._served < 20:
                assert time.monotonic() < deadline and s.process.poll() is None
                time.sleep(0.01)
        finally:
            s.close()
            server.shutdown()
    s.tick(time.monotonic())
    [r] = records(tmp_path)
    assert r["packets"] >= 20 and r["corrupt"] == 1 and r["failed"] >= 2


def test_silence_of_connections_began_when_the_last_one_was_over(rig, tmp_path):
    s = connections.Connections(rig, "connections", "tap")
    s.ended, s._last = lambda: False, None
    s._read_answer = bytes
    s.take("200 4000 0.01\n")
    s.tick(s._last + 0.5)
    s.tick(s._last + 3.5)
    for r, seconds in zip(records(tmp_path), (0.5, 3.5)):
        assert abs(r["gap_ms"] - 1000 * (seconds - 1 / connections.PER_SECOND)) < 1
        assert abs(r["gap_at"] - rig.log.at(s._last + 1 / connections.PER_SECOND)) < 0.001


def test_lines_that_were_not_read_are_no_silence(rig, tmp_path):
    """The thread that reads them had no CPU; they tell of that time themselves."""
    line = "[  5]  {:.2f}-{:.2f}  sec  1024 KBytes  1000 Kbits/sec\n"
    s = iperf3.Iperf3(rig, "tcp_down", "tap")
    s.ended = lambda: False
    ours, its = os.pipe()
    s._zero, s.process = None, Program()
    s._read = lambda *_: time.sleep(30)  # has no CPU
    s._follow(os.fdopen(ours))
    for n in range(10):
        s.take(line.format(n / 10, (n + 1) / 10))
    s.tick(s._zero + 1.0)
    os.write(its, line.format(1.0, 1.1).encode())
    s.tick(s._zero + 3.0)
    os.read(ours, 65536)
    s.tick(s._zero + 3.0)
    assert [(r["gap_ms"], r.get("unread", False)) for r in records(tmp_path)] == [(0, False), (0, True), (pytest.approx(2000), False)]
    os.close(its)


def test_lines_are_read_and_taken_at_once(rig):
    s = connections.Connections(rig, "connections", "tap")
    taken = []
    s.take = taken.append
    with s._lock:
        s._begin(["sh", "-c", "printf 'one\\ntwo\\nthr'; sleep 0.3; printf 'ee\\n'"], "stdout")
        deadline = time.monotonic() + 20
        while not s.unread():
            assert time.monotonic() < deadline
        assert taken == []
    s._reader.join(20)
    assert taken == ["one\n", "two\n", "three\n"] and not s.unread()
    s.close()


def test_who_has_ended_has_said_all(rig):
    s = connections.Connections(rig, "connections", "tap")
    taken = []
    s.take = lambda line: (time.sleep(0.3), taken.append(line))
    s._begin(["sh", "-c", "echo one; echo two"], "stdout")
    s.process.wait()
    assert s.ended() and taken == ["one\n", "two\n"]


def test_answers_of_a_program_that_ended_are_not_looked_for_in_the_next_one(rig):
    """The reader of the first is slow; the second has begun meanwhile."""
    s = connections.Connections(rig, "connections", "tap")
    seen = []
    s.take = lambda line: (time.sleep(0.2), seen.append(s.process.stdout.buffer.read(2)))
    for answer in ("ab", "cd"):
        s._begin(["sh", "-c", f"printf {answer}; echo line >&2"], "stderr", "stdout")
        s.process.wait()
        assert s.ended()
    assert seen == [b"ab", b"cd"]


def test_curl_runs_where_pipes_may_not_be_so_long(rig, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(connections.fcntl, "fcntl", refuse)
    s = connections.Connections(rig, "connections", "tap")
    s.address = lambda service: ("127.0.0.1", 9)
    s.start()
    assert s.process.poll() is None or s.process.returncode >= 0
    s.close()


def test_who_runs_and_who_reads_it_are_watched(rig):
    s = connections.Connections(rig, "connections", "tap")
    s._begin(["sleep", "60"], "stderr")
    try:
        assert all(meter.waited(pathlib.Path(folder)) >= 0 for folder in s.tasks())
        assert len(set(s.tasks())) == 2 and s.tasks()[0] == f"/proc/{s.process.pid}"
    finally:
        s.close()


class Lasting:
    """A source that has ended, and that is put away when it may be."""

    def __init__(self, error=None):
        self.may, self.error = threading.Event(), error

    def tick(self, now):
        pass

    def ended(self):
        return True

    def close(self):
        assert self.may.wait(20)
        if self.error:
            raise self.error


def test_clock_ticks_on_while_what_has_ended_is_put_away(rig):
    traffic, source = phases.Traffic(rig), Lasting()
    traffic._leaving.append(source)
    traffic.tick(0)
    assert not traffic.quiet()
    source.may.set()
    deadline = time.monotonic() + 20
    while not traffic.quiet():
        assert time.monotonic() < deadline
        traffic.tick(0)
    traffic.close()


@pytest.mark.parametrize("when", ["tick", "close"])
def test_what_cannot_be_put_away_is_told(rig, when):
    traffic, source = phases.Traffic(rig), Lasting(Error("no"))
    traffic._leaving.append(source)
    traffic.tick(0)
    source.may.set()
    with pytest.raises(Error, match="no"):
        if when == "close":
            traffic.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            traffic.tick(0)
    traffic._closing = []
    traffic.close()


class Program:
    returncode = 1


def counted(rig, cls=datagrams.Datagrams, ended=False):
    made = cls(rig, "udp_64", "tap")
    made.ended, made.begun = (lambda: ended), []
    made.start, made.close = (lambda: made.begun.append("started")), (lambda: made.begun.append("closed"))
    return made


SAID = '{"end":9,"seconds":1.0,"bytes":414,"lost":0,"here":0,"gap_ms":0,"gap_at":9}\n'


@pytest.mark.parametrize("cls,src", [(datagrams.Datagrams, "traffic"), (datagrams.Probe, "probe")])
def test_datagrams_that_ended_by_themselves_have_failed(rig, tmp_path, cls, src):
    s = counted(rig, cls, ended=True)
    s.tick(1)
    [r] = records(tmp_path)
    assert (r["src"], r["path"], r["failed"], r["error"], r["answering"]) == (src, "tap", 1, "it has ended", False)
    assert s.begun == ["closed", "started"]
    s.stopping = 1.0
    s.tick(2)
    assert len(records(tmp_path)) == 1 and len(s.begun) == 2


@pytest.mark.parametrize("cls", [datagrams.Datagrams, datagrams.Probe])
def test_datagrams_that_say_nothing_have_failed(rig, tmp_path, cls):
    s = counted(rig, cls)
    for _ in range(2):
        for _ in range(datagrams.MUTE_TICKS):
            s.tick(1)
        s.take(SAID)
    assert not s.begun
    for _ in range(datagrams.MUTE_TICKS + 1):
        s.tick(1)
    assert s.begun == ["closed", "started"]
    s.tick(1)
    assert s.begun == ["closed", "started"]
    assert [r["error"] for r in records(tmp_path) if "failed" in r] == ["it says nothing"]


# ---- the second guest ---------------------------------------------------------------------------


class Peer:
    def __init__(self):
        self.records = []
        self.console = types.SimpleNamespace(closed=False)


def second_guest(rig):
    made = flood.Flood(rig, "flood", "tap")
    made.ended, made.peer, made._begun = lambda: False, Peer(), 0.0
    made._told, made._sums, made._stats, made._asked, made._others = 0, {}, None, 0.0, set()
    made.process, made._mute, made._gone = Program(), 0, False
    rig.stats, rig.load = None, load.Load()
    return made


def statistics(received):
    run = dict.fromkeys(("run", "lost", "late", "duplicate", "corrupt"), 0) | {"rx_bytes": 100 * received, "received": received}
    return {"services": {"sink": {"runs": [run | {"over": False, "reflected": False}]}}}


def test_second_guest_is_judged_when_it_has_begun(rig, tmp_path):
    s, late = second_guest(rig), second_guest(rig)
    s.tick(flood.BOOTING_SECONDS - 1)
    s.peer.records.append({"event": "interval", "intended": 2000, "offered": 1999})
    s.tick(flood.BOOTING_SECONDS - 0.5)
    late.tick(flood.BOOTING_SECONDS + 1)
    told = [r for r in records(tmp_path) if r["src"] == "traffic"]
    assert [r["answering"] for r in told] == [False, True, True]
    assert (told[1]["intended"], told[1]["sent"]) == (2000, 1999)


def test_only_new_statistics_of_the_first_guest_tell_what_arrived(rig, tmp_path):
    s = second_guest(rig)
    s.peer.records.append({"event": "interval", "intended": 2000, "offered": 2000})
    for received in (500, 1500, 1500):
        rig.stats = statistics(received)
        s.tick(1)
        s.tick(2)
    told = [r for r in records(tmp_path) if r["src"] == "traffic"]
    assert [r["bytes"] for r in told if r["name"] == "flood@tap.sink"] == [50000, 100000, 0]
    assert not any("bytes" in r for r in told if r["name"] == "flood@tap")


def test_last_words_of_a_second_guest_are_told(rig, tmp_path):
    """It ends between two ticks, and then the reader of its console."""
    s, traffic = second_guest(rig), phases.Traffic(rig)
    del s.ended
    s.stopping, s.process, s.close = 1.0, types.SimpleNamespace(poll=lambda: 0, returncode=0), lambda: None
    traffic._leaving.append(s)
    traffic.tick(1)
    s.peer.records.append({"event": "verdict", "status": "FAIL"})
    s.peer.console.closed = True
    traffic.tick(2)
    assert [r["record"]["event"] for r in records(tmp_path) if r["src"] == "guest"] == ["verdict"] and not traffic._leaving
    traffic.close()


def test_second_guest_that_ended_is_gone(rig, tmp_path):
    s = second_guest(rig)
    s.tick(1)
    s.ended = lambda: True
    s.tick(2)
    s.tick(3)
    [told] = [r for r in records(tmp_path) if r["src"] == "soak"]
    assert (told["what"], told["guest"]) == ("gone", "peer") and "status 1" in told["why"]


def test_second_guest_that_was_asked_to_end_is_not_gone(rig, tmp_path):
    s = second_guest(rig)
    s.ended, s.stopping = lambda: True, 1.0
    s.tick(2)
    assert not [r for r in records(tmp_path) if r["src"] == "soak"]


@pytest.mark.parametrize("said,seconds", [(5, 26), (0, 23)])
def test_second_guest_that_says_nothing_has_failed(rig, tmp_path, said, seconds):
    s = second_guest(rig)
    for k in range(seconds):
        if k < said:
            s.peer.records.append({"event": "interval", "intended": 2000 * (k + 1), "offered": 2000 * (k + 1)})
        s.tick(k)
    assert [r["failed"] for r in records(tmp_path) if "failed" in r] == [1]
