# SPDX-License-Identifier: BSD-3-Clause
"""run=flood against what is independent of it: the tap's counters, a capture, checksums computed here."""

import collections
import math
import statistics
import struct
from typing import NamedTuple

import pytest

import testframe
from antifreeze import frames
from capture import Capture, from_tap
from ping import ping_sizes

FOREIGN = "52:54:00:00:99:99"


@pytest.fixture(autouse=True)
def taps_only(tap):
    return tap


# ---- what was captured ----------------------------------------------------------------------------


class Seen(NamedTuple):
    ns: int
    bytes: int
    vlan: int  # None: no tag
    dscp: int
    source: tuple
    target: tuple
    test: testframe.Frame


def dissect(ns, frame):
    """A frame of the flood, all of whose checksums are right; None: it is another."""
    kind, at, vlan = int.from_bytes(frame[12:14], "big"), 14, None
    if kind == frames.VLAN:
        vlan, kind, at = struct.unpack_from(">HH", frame, 14) + (18,)
    if kind == frames.IPV4:
        header, addresses = frame[at : at + 20], (frame[at + 12 : at + 16], frame[at + 16 : at + 20])
        proto, dscp, length = header[9], header[1] >> 2, int.from_bytes(header[2:4], "big") - 20
        at, pseudo = at + 20, b"".join(addresses) + struct.pack(">HH", proto, length)
    elif kind == frames.IPV6:
        header, addresses = b"", (frame[at + 8 : at + 24], frame[at + 24 : at + 40])
        proto, dscp = frame[at + 6], int.from_bytes(frame[at : at + 2], "big") >> 6 & 63
        length, at = int.from_bytes(frame[at + 4 : at + 6], "big"), at + 40
        pseudo = b"".join(addresses) + struct.pack(">II", length, proto)
    if kind not in (frames.IPV4, frames.IPV6) or proto != frames.UDP:
        return None
    source, target, udp_length, check = struct.unpack_from(">HHHH", frame, at)
    if target not in (testframe.PORT, testframe.PORT + 1):
        return None
    assert frames.checksum(header) == 0 or not header
    assert check != 0 and frames.checksum(pseudo + frame[at:]) == 0, frame.hex()
    assert udp_length == length == len(frame) - at
    test = testframe.read(frame[at + 8 :])
    assert test is not None and test.kind == testframe.SENT, frame.hex()
    assert testframe.pattern(test.run, length - 8 - testframe.HEAD) == frame[at + 8 + testframe.HEAD :]
    return Seen(ns, len(frame), vlan, dscp, (addresses[0], source), (addresses[1], target), test)


def run(boot, tap, words):
    """Boots a guest that floods and ends; (its result, what was captured)."""
    before = from_tap(tap)
    with Capture(tap.name) as capture:
        guest = boot(f"run=flood {words}", net=tap, ready=False, healthy=False)
        assert guest.wait_exit(90) == 0, guest.error("another status")
    seen = [each for each in (dissect(*frame) for frame in capture.frames) if each]
    stats = guest.find("stats")[-1]
    assert stats["alloc_failures"] == 0
    # Every frame that left the guest, whoever made it, is known to all three.
    from_guest = [frame for _, frame in capture.frames if frame[6:12] == frames.mac(tap.mac)]
    totals = stats["totals"]
    assert (totals["tx_packets"], totals["tx_bytes"]) == (len(from_guest), sum(map(len, from_guest)))
    assert [totals["tx_packets"], totals["tx_bytes"]] == [now - then for now, then in zip(from_tap(tap), before)]
    return guest.find("result")[-1], seen


def check_counts(result, seen):
    """The three numbers and the capture agree, in all and for each size."""
    assert result["intended"] == result["offered"] + result["slipped"]
    assert result["sent"] == result["offered"] == result["tx_packets"] == len(seen)
    assert result["unsent"] == 0
    assert result["tx_bytes"] == sum(each.bytes for each in seen)
    sizes = collections.Counter(each.bytes for each in seen)
    assert {each["bytes"]: each["sent"] for each in result["per_size"]} == sizes
    assert {each.test.run for each in seen} == {result["run"]}


def check_sequences(seen, flows, first=0):
    """Each flow has its own ports, and counts its frames one after the other."""
    ports, following = {}, collections.defaultdict(lambda: first)
    for each in seen:
        assert each.test.seq == following[each.test.flow] & (1 << 40) - 1
        following[each.test.flow] += 1
        assert ports.setdefault(each.test.flow, (each.source, each.target)) == (each.source, each.target)
    assert sorted(ports) == list(range(flows))
    assert len(set(ports.values())) == flows
    times = [each.test.time_ns for each in seen]
    assert times == sorted(times)


# ---- exactly what was asked for ---------------------------------------------------------------------


def test_every_frame_is_right_and_counted(boot, tap):
    words = f"target={tap.host4} len=60,590,1514 flows=7 rate=20kpps time=500ms"
    result, seen = run(boot, tap, words)
    assert result["end"] == "done" and result["status"] == "PASS"
    assert result["intended"] == 10000
    check_counts(result, seen)
    check_sequences(seen, 7)
    assert [each.bytes for each in seen[:6]] == [60, 590, 1514] * 2


def test_ipv6_is_reached_by_neighbour_discovery(boot, tap):
    result, seen = run(boot, tap, f"target=[{tap.host6}] len=80,1514 rate=2kpps time=500ms")
    assert result["intended"] == 1000
    check_counts(result, seen)
    check_sequences(seen, 1)


def test_tag_class_and_station_as_asked(boot, tap):
    words = f"target={tap.host4} dst_mac={FOREIGN} vlan=1234 dscp=46 len=64,1518 rate=1kpps time=500ms"
    result, seen = run(boot, tap, words)
    check_counts(result, seen)
    assert {(each.vlan, each.dscp) for each in seen} == {(1234, 46)}


def test_as_fast_as_possible_until_so_many_bytes(boot, tap):
    words = f"target={tap.host4} dst_mac={FOREIGN} len=60 bytes=1500k time=0"
    result, seen = run(boot, tap, words)
    assert result["end"] == "done" and result["tx_bytes"] == 1500000
    check_counts(result, seen)
    check_sequences(seen, 1)


def test_many_flows_and_the_usual_mixture(boot, tap):
    words = f"target={tap.host4} dst_mac={FOREIGN} flows=10000 len=imix rate=20kpps time=1500ms"
    result, seen = run(boot, tap, words)
    check_counts(result, seen)
    check_sequences(seen, 10000)
    sizes = collections.Counter(each.bytes for each in seen)
    for size, part in (60, 7), (590, 4), (1514, 1):
        assert sizes[size] == pytest.approx(len(seen) * part / 12, rel=0.01)
    flows = collections.Counter(each.test.flow for each in seen)
    assert max(flows.values()) - min(flows.values()) <= 1


@pytest.mark.parametrize("first", [2**32 - 50, 2**40 - 50, 2**64 - 50])
def test_sequences_go_on_beyond_their_ends(boot, tap, first):
    words = f"target={tap.host4} dst_mac={FOREIGN} first_seq={first} bytes=12000 rate=1kpps"
    result, seen = run(boot, tap, words)
    check_counts(result, seen)
    check_sequences(seen, 1, first)
    assert len(seen) == 200


# ---- when ------------------------------------------------------------------------------------------


def gaps(seen):
    return [after.ns - before.ns for before, after in zip(seen, seen[1:])]


def near(numbers, middle):
    """The share of them that is within a quarter of it."""
    return sum(0.75 < number / middle < 1.25 for number in numbers) / len(numbers)


@pytest.mark.alone
def test_even_random_and_bursty_gaps_differ(boot, tap):
    """500 frames/s: 2 ms in the mean. Of even gaps most are that, of random ones about 18 % (e^-0.75 - e^-1.25), of
    bursts none."""
    share, median = {}, {}
    for gap in "cbr", "poisson", "burst:10":
        words = f"target={tap.host4} dst_mac={FOREIGN} gap={gap} rate=500pps time=2s"
        result, seen = run(boot, tap, words + " seed=7")
        assert result["sent"] == pytest.approx(1000, rel=0.1)
        share[gap], median[gap] = near(gaps(seen), 2e6), statistics.median(gaps(seen))
    assert share["cbr"] > 0.6
    assert share["poisson"] < 0.35
    assert median["cbr"] == pytest.approx(2e6, rel=0.1)
    assert 0.5 < median["poisson"] / 2e6 < 0.9  # ln 2
    assert median["burst:10"] < 0.5e6


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("rate", [1000, 10000, 50000])
def test_offered_load_is_as_intended(boot, tap, figures, rate):
    """By the guest's own count, and by the times at which the frames came out of the tap."""
    with Capture(tap.name, most=1 << 19 if rate > 10000 else 1 << 17) as capture:
        guest = boot(f"run=flood target={tap.host4} dst_mac={FOREIGN} rate={rate}pps time=10s", net=tap, ready=False, healthy=False)
        assert guest.wait_exit(90) == 0
    result = guest.find("result")[-1]
    times = [ns for ns, frame in capture.frames if frame[:6] == bytes.fromhex(FOREIGN.replace(":", ""))]
    between = sorted(after - before for before, after in zip(times, times[1:]))
    figures["offered"] = result["offered"]
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
        figures[f"gap {name} us"] = round(between[math.ceil(share * len(between)) - 1] / 1000)
    assert len(between) + 1 == result["offered"]
    assert len(between) / sum(between) * 1e9 == pytest.approx(rate, rel=0.001)
    assert result["intended"] == 10 * rate
    assert result["offered"] == pytest.approx(10 * rate, rel=0.001)
    assert result["duration_us"] == pytest.approx(10e6, rel=0.01)


def test_intervals_say_how_it_goes(boot, tap):
    guest = boot(f"run=flood target={tap.host4} dst_mac={FOREIGN} rate=5kpps time=1s interval=200ms", net=tap, ready=False)
    guest.wait_exit(60)
    intervals, result = guest.find("interval"), guest.find("result")[-1]
    assert len(intervals) >= 4
    for each in intervals:
        assert each["job"] == result["job"]
        assert each["intended"] >= each["offered"] >= each["sent"] >= 0
        assert each["data"]["sum"]["packets"] == each["tx_packets"]
    assert sum(each["tx_packets"] for each in intervals) <= result["sent"]


# ---- beside it, and without it ------------------------------------------------------------------------


def test_everybody_is_answered_meanwhile(boot, tap):
    guest = boot(f"run=flood target={tap.host4} dst_mac={FOREIGN} time=0 exit=never", net=tap)
    guest.wait("interval", 30)
    before = guest.find("interval")[-1]["offered"]
    assert ping_sizes(guest.net.guest4, range(0, 1400, 200)) == {}
    assert guest.stats()["totals"]["tx_packets"] > before
    assert guest.wait("interval", 30, after=guest.mark())["tx_packets"] > 1000


def test_a_station_that_does_not_answer_ends_it(boot, tap):
    nobody = tap.host4[: tap.host4.rindex(".")] + ".77"
    guest = boot(f"run=flood target={nobody}", net=tap, ready=False, healthy=False)
    assert guest.wait_exit(60) == 3
    assert "does not answer" in guest.find("error")[0]["message"]
    result = guest.find("result")[-1]
    assert result["status"] == "FAIL" and result["sent"] == result["offered"] == 0


@pytest.mark.parametrize("words, key, value", [
    ("", "target", ""),
    ("target=10.1.1.1 len=59", "len", "59"),
    ("target=10.1.1.1 len=60,63 vlan=7", "len", "60"),
    ("target=[fd00::1] len=79", "len", "79"),
    ("target=10.1.1.1 dir=both", "dir", "both"),
    ("target=10.1.1.1 gap=poisson", "gap", "poisson"),
    ("target=10.1.1.1 max_loss=1%", "max_loss", ""),
])  # fmt: skip
def test_what_it_cannot_do_is_refused_first(boot, tap, words, key, value):
    guest = boot(f"run=flood {words}", net=tap, ready=False, healthy=False)
    assert guest.wait_exit(60) == 5
    message = guest.find("error")[0]["message"]
    assert key in message and value in message, message
