# SPDX-License-Identifier: BSD-3-Clause
"""The analyser tells the truth: what a relay did to test frames by script is what the guest says of them, to the frame.

Frames of three flows with windows of 128 go from this host through the relay (relay.py) to the guest. b>a is
that way. `reorder 7` puts a frame behind seven others, so behind two of its own flow: reordered. `reorder 600`
puts it 200 behind in its flow, where the window has passed it: late.
"""

import random
import socket
import time

import pytest

import testframe
from relay import Relayed

NETWORK = Relayed
BYTES = 64
FLOWS = (300, 301)
AHEAD = 1000  # frames that may wait on the way

# A delayed frame is never among those that a reordered one waits for, which would be delayed with it: these are
# the first seven of a hundred that pass, the other is the last of a hundred.
RULES = {
    "reordered": "every 100 reorder 7",
    "late": "every 990 delay 400",
    "drop": "every 101 drop",
    "duplicate": "every 89 dup 1",
    "corrupt": "every 113 corrupt 2",
}


@pytest.fixture
def sock(guest):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((guest.net.guest4, testframe.PORT))
        yield sock


def send(link, sock, run, total, flows=FLOWS):
    """So many frames, the flows in turn."""
    frames = testframe.Writer(run, BYTES)
    taken = link.counts()["b>a"]["in"]
    for k in range(total):
        while k % AHEAD == 0 and link.counts()["b>a"]["in"] - taken + AHEAD < k:
            time.sleep(0.001)
        sock.send(frames.write(flows[k % len(flows)], k // len(flows), time.monotonic_ns()))


def sink(guest):
    return guest.stats()["services"]["sink"]


def wait_for(guest, frames):
    """The analyser's statistics once it has seen so many frames."""
    until = time.monotonic() + 10
    while (seen := sink(guest))["frames"] < frames and time.monotonic() < until:
        time.sleep(0.02)
    assert seen["frames"] == frames, seen
    return seen


def run_of(said, run):
    return next(one for one in said["runs"] if one["run"] == run and not one["reflected"])


def flush(guest, link):
    """What waits in the relay for further frames is on its way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        while link.counts()["b>a"]["waiting"]:
            other.sendto(b"", (guest.net.guest4, 9))
            time.sleep(0.001)


def five_counts(guest, link, sock, total):
    run = random.randrange(1 << 16)
    before, stack = sink(guest)["frames"], guest.stats()["lwip"]["udp"]
    link.rule("b>a patience 60000", *(f"b>a dport {testframe.PORT} {rule}" for rule in RULES.values()))
    send(link, sock, run, total)
    flush(guest, link)
    fired = dict(zip(RULES, (rule["fired"] for rule in link.counts()["b>a"]["rules"])))
    # A frame whose port or length was hit is no test frame any more: the stack finds its checksum wrong.
    after = guest.stats()["lwip"]["udp"]
    unknown = after["chkerr"] + after["lenerr"] - stack["chkerr"] - stack["lenerr"]
    said = run_of(wait_for(guest, before + total - fired["drop"] + fired["duplicate"] - unknown), run)

    assert all(fired.values()) and unknown < fired["corrupt"] / 2
    assert said["expected"] == total
    assert said["lost"] == fired["drop"] + fired["corrupt"] + fired["late"]
    assert said["received"] == total - said["lost"]
    assert said["late"] == fired["late"]
    assert said["reordered"] == fired["reordered"]
    assert said["duplicate"] == fired["duplicate"]
    assert said["corrupt"] == fired["corrupt"] - unknown


def test_five_counts_are_the_relays(guest, link, sock):
    five_counts(guest, link, sock, 60_450)


@pytest.mark.long
def test_five_counts_are_the_relays_over_a_million_frames(guest, link, sock):
    five_counts(guest, link, sock, 1_000_450)


def test_a_reflector_sends_back_what_it_gets_with_its_times(guest, link):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((guest.net.guest4, testframe.REFLECTOR))
        frames = testframe.Writer(8, BYTES)
        for seq in range(20):
            sock.send(frames.write(1, seq, seq * 1000))
            back = sock.recv(2000)
            assert testframe.read(back) == (testframe.REFLECTED, 8, 1, seq, seq * 1000)
            came, went = testframe.times(back)
            assert 0 <= went - came < 10**9
    assert run_of(sink(guest), 8)["received"] == 20


def test_a_delay_added_on_the_way_is_the_delay_measured(guest, link, sock):
    """Every second frame is held for 400 ms: the clocks are two, so what is measured is the time beyond the fastest."""
    before = sink(guest)["frames"]
    link.rule(f"b>a dport {testframe.PORT} every 2 delay 400")
    send(link, sock, 9, 1000, flows=(0,))  # none is late, whose delay would not count
    delay = run_of(wait_for(guest, before + 1000), 9)["delay_above_least"]
    assert delay["count"] == 1000
    assert 396_000 < delay["p90_us"] < 460_000  # the rest is this host's
    assert delay["min_us"] == 0


def test_a_link_without_rules_loses_nothing_and_the_result_says_so(guest, link, sock):
    send(link, sock, 10, 3000)
    result = guest.wait("result", 10, lambda record: record["job"] == "sink-10")
    assert (result["expected"], result["received"], result["end"]) == (3000, 3000, "silent")
    assert not any(result[name] for name in ("lost", "late", "reordered", "duplicate", "corrupt"))
    assert result["rx_bytes"] == 3000 * (42 + BYTES)
