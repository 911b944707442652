# SPDX-License-Identifier: BSD-3-Clause
"""TCP over links that lose, repeat, delay, reorder and corrupt: every byte right, and never a wait that the
protocol's timers do not explain.

The relay (relay.py) does it by script, so a test says which frames, and knows how often each rule was due.
a>b is what the guest sends. A download is the guest's constant payload, in large segments that the host's
kernel cuts on the way; an echo goes both ways, and its segments leave the guest with the wire's size.
"""

import pathlib
import random

import pytest

import relay
import transfers
from relay import Relayed

SEED = 4711
NETWORK = Relayed
WORDS = f"seed={SEED}"
LONG = pytest.mark.long

# The longest wait that one lost segment explains: the guest's time-out is up to a second, this host has to get
# its turn, too.
ONE_TIMEOUT = 2.5


def addresses(guest):
    return [guest.net.guest4, *([guest.net.guest6] if guest.net.has_ipv6 else [])]


def download(guest, size, family=0, **options):
    """The longest wait."""
    return transfers.fetch((addresses(guest)[family], 80), size, SEED, **options)


def echo(guest, size, family=0, **options):
    data = random.Random(size).randbytes(size)
    assert transfers.echo((addresses(guest)[family], 7), data, **options) == data


def test_link_without_rules_changes_nothing(guest, link):
    before = link.counts()
    download(guest, 3_000_000)
    echo(guest, 1_000_000)
    after = link.counts()
    for way in relay.DIRECTIONS:
        assert after[way]["longest"] == 1514 and after[way]["gso"] == 0
        assert after[way]["pass"] - before[way]["pass"] == after[way]["in"] - before[way]["in"] > 500

# name -> rules, bytes down, bytes there and back
CASES = {
    "loss 1 % of what the guest sends": (["a>b tcp payload chance 0.01 drop"], 1_500_000, 300_000),
    "loss 1 % of what it gets": (["b>a tcp chance 0.01 drop"], 3_000_000, 1_000_000),
    "reordering by 3": (["a>b tcp payload every 50 reorder 3"], 3_000_000, 300_000),
    "reordering by 20": (["a>b tcp payload every 100 reorder 20"], 2_000_000, 300_000),
    "reordering of what it gets": (["b>a tcp every 20 reorder 7"], 1_000_000, 1_000_000),
    "copies": (["a>b tcp every 5 dup 1", "b>a tcp every 4 dup 3"], 2_000_000, 1_000_000),
    "delays": (["a>b tcp every 100 delay 30", "b>a tcp every 100 delay 30"], 1_000_000, 500_000),
    "late acknowledgements": (["b>a tcp ack every 4 pass", "b>a tcp ack delay 40"], 1_000_000, 100_000),
    "truncated frames": (["a>b tcp payload every 90 truncate 700", "b>a tcp every 90 truncate 40"], 1_000_000, 300_000),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_byte_arrives(guest, link, name):
    rules, down, around = CASES[name]
    link.rule(*rules)
    for family in range(len(addresses(guest))):
        assert download(guest, down, family) < ONE_TIMEOUT
        echo(guest, around, family)
    counts = link.counts()
    assert all(rule["fired"] > 8 for way in relay.DIRECTIONS for rule in counts[way]["rules"])


LOSSES = ["a>b tcp chance 0.1 drop", "b>a tcp chance 0.1 drop"]


@pytest.mark.parametrize("family", [4, pytest.param(6, marks=LONG)])
@pytest.mark.parametrize("rules", [LOSSES[:1], pytest.param(LOSSES, marks=LONG)], ids=["one way", "both ways"])
def test_loss_of_a_tenth_is_outlived(guest, link, rules, family):
    """Now and then the same segment is lost thrice: 1.5, 3 and 6 s."""
    link.rule(*rules)
    family = (4, 6).index(family)
    assert download(guest, 100_000, family) < 12
    echo(guest, 30_000, family)


# ---- one certain loss -------------------------------------------------------------------------------


@pytest.fixture
def no_sack():
    """Peers that say only how far everything has come."""
    path = pathlib.Path("/proc/sys/net/ipv4/tcp_sack")
    before = path.read_text()
    path.write_text("0")
    yield
    path.write_text(before)


def middle(link):
    """Losses that begin and end in the middle of large segments: the peer acknowledges a part of each."""
    link.rule(*(f"a>b tcp new from {at} until {at + length} drop" for at, length in
                ((200_000, 1), (300_000, 3_000), (400_000, 20_000), (600_000, 60_000), (900_000, 1))))  # fmt: skip


def check_middle(guest, link):
    middle(link)
    assert download(guest, 1_200_000) < ONE_TIMEOUT
    assert all(rule["fired"] for rule in link.counts()["a>b"]["rules"])


def test_part_of_a_large_segment_is_acknowledged(guest, link):
    check_middle(guest, link)


def test_the_same_without_selective_acknowledgements(guest, link, no_sack):
    check_middle(guest, link)


def test_loss_of_the_last_segment_costs_one_time_out(guest, link):
    """Nothing comes behind it that would be acknowledged twice. The last one is large."""
    link.rule("a>b tcp new from 960000 drop")
    assert 0.1 < download(guest, 1_000_000) < ONE_TIMEOUT
    assert link.fired("a>b") > 20


# ---- peers of all kinds ---------------------------------------------------------------------------


@pytest.mark.parametrize("mss", [88, 536, 1459])
def test_small_segments_are_cut_for_a_peer_that_wants_them(guest, link, mss):
    link.rule(f"a>b tcp payload longer {14 + 20 + 20 + mss} pass", "a>b tcp payload every 150 drop")
    assert download(guest, 100_000 if mss < 100 else 500_000, mss=mss) < ONE_TIMEOUT
    assert link.fired("a>b", 0) == 0 and link.fired("a>b", 1) > 1


@pytest.mark.parametrize("buffer", [2304, 8000, pytest.param(30_000, marks=LONG)])
def test_small_windows_are_filled_as_they_open(guest, link, buffer):
    """The peer reads less than a segment at a time, so its window opens in part, and some frames are lost."""
    address = (guest.net.guest4, 80)
    link.rule("a>b tcp payload every 60 drop")
    with transfers.Body(address, 60_000, SEED, buffer=buffer) as body:
        body.take(at_once=1000)
        assert body.longest < ONE_TIMEOUT


def test_closed_window_is_probed_until_it_opens(guest, link):
    """Nobody reads until the guest has asked three times, by a byte more than the window has room for."""
    link.rule("a>b tcp payload shorter 100 pass")
    with transfers.Body((guest.net.guest4, 80), 400_000, SEED, buffer=8000) as body:
        begun = link.fired("a>b")
        while link.fired("a>b") < begun + 3:
            pass
        body.take()


# ---- frames that are not what they were -----------------------------------------------------------


def refused_here():
    """TCP segments and UDP datagrams with wrong checksums, or headers, that this host has refused."""
    total = 0
    lines = pathlib.Path("/proc/net/snmp").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        if names.startswith(("Tcp:", "Udp:")):
            total += int(dict(zip(names.split(), values.split()))["InErrs" if names[0] == "T" else "InErrors"])
    return total


def refused_there(guest):
    """The same of the guest, by its checksums."""
    lwip = guest.stats()["lwip"]
    return sum(lwip[protocol][why] for protocol in ("tcp", "udp") for why in ("chkerr", "lenerr", "proterr"))


def changed_headers(link):
    """Frames from the guest whose TCP header says to be longer than that of a segment with data, but is not all there is.
    This host looks for options in it before it computes the checksum, and drops uncounted what makes no sense."""
    changed = 0
    for way, _, _, frame in link.traced():
        if way == "a>b" and frame[12:14] == b"\x08\x00" and frame[23] == 6:
            header = 4 * (frame[46] >> 4)
            changed += header > 20 and 20 + header != int.from_bytes(frame[16:18], "big")
    return changed


@pytest.mark.parametrize("many", [1, 3])
def test_corrupt_segments_are_refused_and_counted(guest, link, tmp_path, many):
    here, there = refused_here(), refused_there(guest)
    link.trace(tmp_path / "trace")
    link.rule(f"a>b tcp payload every 100 corrupt {many}", f"b>a tcp payload every 100 corrupt {many}")
    download(guest, 1_500_000)
    echo(guest, 700_000)
    counts = link.counts()
    link.clear()
    fired = counts["a>b"]["rules"][0]["fired"]
    assert fired - changed_headers(link) <= refused_here() - here <= fired > 10
    assert refused_there(guest) - there == counts["b>a"]["rules"][0]["fired"] > 4
