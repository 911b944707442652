# SPDX-License-Identifier: BSD-3-Clause
"""The relay itself: exact at full speed, and between two guests."""

import socket
import subprocess

import pytest

import relay
from antifreeze import Error, frames
from antifreeze import net as networks
from conftest import need_taps

AHEAD = 10_000  # frames on their way at most: a tap's queue has room for twice as many


@pytest.fixture
def taps():
    """Two, with nothing on them."""
    need_taps()
    names = ["relay-a", "relay-b"]
    for name in names:
        networks.ip(f"tuntap add dev {name} mode tap", f"link set dev {name} txqueuelen {relay.QUEUE} up")
        relay.silence(name)
    yield names
    for name in names:
        networks.ip(f"link del dev {name}")


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_each_frame_has_its_fate_at_full_speed(taps, figures, count):
    datagram = frames.udp("10.0.0.1", "10.0.0.2", 1, 9, bytes(18))
    frame = frames.eth(bytes(6), bytes(6), frames.IPV4, frames.ip4("10.0.0.1", "10.0.0.2", frames.UDP, datagram))
    link = relay.Relay(*taps)
    try:
        link.rule("a>b port 9 every 10 drop", "a>b port 9 every 10 dup 2", "a>b port 9 every 10 reorder 3",
                  "a>b port 9 every 10 delay 1", "a>b port 9 chance 0.1 corrupt 1")  # fmt: skip
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            sock.bind((taps[0], 0))
            for sent in range(0, count, AHEAD):
                for _ in range(AHEAD):
                    sock.send(frame)
                while link.counts()["a>b"]["in"] < sent + AHEAD:
                    pass
        while (way := link.counts()["a>b"])["waiting"]:
            pass
        left = count
        for rule in way["rules"][:4]:
            assert rule["matched"] == left and rule["fired"] == left // 10
            left -= left // 10
        assert way["rules"][4]["fired"] == pytest.approx(left / 10, rel=0.05)
        assert way["out"] == count - way["drop"] + 2 * way["dup"]
        done = subprocess.run(["ip", "-s", "-o", "link", "show", taps[1]], capture_output=True, text=True, check=True)
        assert f" {way['out']} " in done.stdout, "the other interface got as many"
    finally:
        link.close()


def test_wrong_rules_are_refused_and_change_nothing(taps):
    link = relay.Relay(*taps)
    try:
        for line in ("a>c drop", "a>b", "a>b every drop", "drop", "b>a truncate 1"):
            with pytest.raises(Error):
                link.rule(line)
        assert link.counts()["a>b"]["rules"] == link.counts()["b>a"]["rules"] == []
    finally:
        link.close()


def test_frames_of_one_guest_reach_another(boot):
    """Each announces itself; the relay loses the first guest's first announcement."""
    need_taps()
    with relay.Pair() as pair:
        pair.relay.rule("a>b arp frames 1 drop")
        left, right = boot(net=pair.left), boot(net=pair.right)
        for guest in (left, right, left):
            guest.qmp.command("announce-self", initial=50, max=100, rounds=2, step=50)
        while min(pair.relay.counts()[way]["out"] for way in relay.DIRECTIONS) < 3:
            pass
        assert pair.relay.fired("a>b") == 1
