# SPDX-License-Identifier: BSD-3-Clause
"""From one NIC through a network to another: of the same guest, and of a second one that only counts.

The network is the relay (relay.py); what its script did to the frames is what the flood's own result says of them.
"""

import pytest

import testframe
from antifreeze import qemu
from conftest import need_taps
from relay import Pair

RULES = {
    "reordered": "every 100 reorder 7",
    "drop": "every 101 drop",
    "duplicate": "every 89 dup 1",
    "corrupt": "every 113 corrupt 2",
}


FRAMES = 20_050  # behind the last that has to be passed by others there are some


@pytest.fixture
def pair():
    need_taps()
    with Pair() as pair:
        yield pair


def both(boot, pair, words, **options):
    """One guest with a NIC on each side."""
    side = pair.right
    return boot(f"{side.config('net1')} {words}", net=pair.left, more_nics=[side.nic()], ready=False, **options)


def script(pair):
    pair.relay.rule("seed 3", *(f"a>b dport {testframe.PORT} {rule}" for rule in RULES.values()))


def fired(pair):
    return dict(zip(RULES, (rule["fired"] for rule in pair.relay.counts()["a>b"]["rules"])))


def flood_of(guest):
    return next(record for record in guest.find("result") if record["job"] == "flood-1")


@pytest.mark.parametrize("target, least", [("net1", 60), ("[net1]", 80)])
def test_result_says_what_the_network_did(boot, pair, target, least):
    script(pair)
    words = f"run=flood target={target} rate=20kpps bytes={FRAMES * least} time=0 flows=3"
    guest = both(boot, pair, words, healthy=False)
    assert guest.wait_exit(60) == 0, guest.error("no PASS")
    did, result = fired(pair), flood_of(guest)
    # What was hit in a port or a length is no test frame any more: it is lost, and the stack's to drop.
    known = result["corrupt"]
    assert all(did.values()) and did["corrupt"] / 2 < known <= did["corrupt"]
    assert result["expected"] == result["sent"] == FRAMES
    assert result["lost"] == did["drop"] + did["corrupt"]
    assert (result["reordered"], result["duplicate"], result["late"]) == (did["reordered"], did["duplicate"], 0)
    assert {each["bytes"] for each in result["per_size"]} == {least}
    assert result["delay"]["count"] == result["received"]
    assert 0 < result["delay"]["min_us"] <= result["delay"]["p50_us"] <= result["delay"]["max_us"]


@pytest.mark.parametrize("words, status", [("max_lost=0", 0), ("max_lost=0 from=net0 max_delay=1us", 3)])
def test_criteria_are_of_what_came(boot, pair, words, status):
    guest = both(boot, pair, f"run=flood target=net1 rate=1kpps time=300ms {words}", healthy=False)
    assert guest.wait_exit(60) == status, guest.error("another status")
    assert [each["name"] for each in flood_of(guest)["criteria"] if not each["ok"]] == (["max_delay_us"] if status else [])


def test_the_other_way_round(boot, pair):
    guest = both(boot, pair, "run=flood target=net0 rate=1kpps time=300ms max_lost=0", healthy=False)
    assert guest.wait_exit(60) == 0
    assert pair.relay.counts()["b>a"]["in"] >= 300


@pytest.mark.parametrize("lost, status", [(0, 0), (3, 3)])
def test_two_guests_test_a_network_between_them(boot, pair, lost, status):
    """The sink's verdict is its own: it knows what is missing up to the last frame that came."""
    if lost:
        pair.relay.rule(f"a>b dport {testframe.PORT} frames 101-{100 + lost} drop")
    sink = boot("run=serve exit=15s max_lost=2 min_pps=500", net=pair.right, healthy=False)
    generator = boot(f"run=flood target={pair.right.guest4} rate=1kpps time=500ms", net=pair.left, ready=False, healthy=False)
    assert generator.wait_exit(60) == 0
    result = sink.wait("result", 30)
    sink.qmp.command("system_powerdown")
    assert sink.wait_exit(30) == status, sink.error("another verdict")
    assert (result["expected"], result["lost"]) == (500, lost)
    failed = [each["name"] for each in sink.find("verdict")[0]["criteria"] if not each["ok"]]
    assert failed == (["max_lost"] if lost else [])


def test_a_sink_to_which_nothing_came_has_failed(boot, net):
    guest = boot("run=serve exit=500ms max_loss=1%", net=net, ready=False, healthy=False)
    assert guest.wait_exit(60) == 3
    assert [each["name"] for each in guest.find("verdict")[0]["criteria"] if not each["ok"]] == ["min_runs"]


@pytest.mark.parametrize("words, key, value", [
    ("target=net1", "target", "net1"),
    ("target=net0 from=net0", "from", "target"),
    ("target=net1 from=net2", "from", "net2"),
    ("target=net9", "target", "net9"),
])  # fmt: skip
def test_nics_that_are_not_there_are_refused_first(boot, net, words, key, value):
    more = [qemu.Nic.user()] if "from=net2" in words else []
    guest = boot(f"run=flood {words}", net=net, more_nics=more, ready=False, healthy=False)
    assert guest.wait_exit(60) == 5
    error = guest.find("error")[0]
    assert error["key"] == key and value in error["value"], error
