# SPDX-License-Identifier: BSD-3-Clause
"""From one NIC through a network to another: of the same guest, and of a second one that only counts.

The network is the relay (relay.py); what its script did to the frames is what the flood's own result says of them.
"""

import math

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


FRAME_BYTES = 100  # with room for a reflector's times
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
    """However long the machine is elsewhere: frames that are to pass the reordered one come before it goes on."""
    pair.relay.rule("seed 3", "a>b patience 60000", *(f"a>b dport {testframe.PORT} {rule}" for rule in RULES.values()))


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
    assert all(did.values()) and did["corrupt"] / 2 < result["corrupt"] <= did["corrupt"]
    exact = {
        "sent": FRAMES,
        "expected": FRAMES,
        "lost": did["drop"] + did["corrupt"],
        "reordered": did["reordered"],
        "duplicate": did["duplicate"],
        "late": 0,
    }
    assert {name: result[name] for name in exact} == exact
    assert {each["bytes"] for each in result["per_size"]} == {least}
    assert result["delay"]["count"] == result["received"]
    assert 0 < result["delay"]["min_us"] <= result["delay"]["p50_us"] <= result["delay"]["max_us"]
    assert result["delay_from_due"]["count"] == result["received"] + result["slipped"]
    assert all(result["delay_from_due"][name] >= result["delay"][name] for name in ("min_us", "p50_us", "max_us"))


# ---- delay --------------------------------------------------------------------------------------

PLAIN, HELD, HELD_MS = 200, 1000, 40
PERCENTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p99_9_us": 0.999, "p99_99_us": 0.9999, "max_us": 1}


def percentile(numbers, share):
    return sorted(numbers)[math.ceil(len(numbers) * share) - 1]


def on_the_way(relay):
    """Of each frame, by its number: for how long the relay had it, by its own clock, and for how long it was on its way,
    by the guest's. A reflector on the guest's second NIC says when each came, so that both are known of every one."""
    relayed, travelled = {}, {}
    for way, came, left, frame in relay.traced():
        test = testframe.read(frame[42:]) if len(frame) == FRAME_BYTES else None
        if test and way == "a>b":
            relayed[test.seq] = left - came
        elif test:
            travelled[test.seq] = testframe.times(frame[42:])[0] - test.time_ns & (1 << 40) - 1
    return [(relayed[seq], travelled[seq]) for seq in sorted(relayed)]


def test_a_delay_that_the_network_adds_is_in_every_percentile(boot, pair, tmp_path):
    """The relay holds frames, and notes for how long it really had each one. What the machine adds, however busy it is,
    is what a frame's way took beyond that."""
    pair.relay.trace(tmp_path / "trace")
    pair.relay.rule(f"a>b dport {testframe.REFLECTOR} frames {PLAIN + 1}- delay {HELD_MS}")
    total = (PLAIN + HELD) * FRAME_BYTES
    words = f"run=flood target=net1 port={testframe.REFLECTOR} len={FRAME_BYTES} rate=1kpps time=0 bytes={total}"
    guest = both(boot, pair, words, healthy=False)
    assert guest.wait_exit(60) == 0, guest.error("no PASS")
    frames = on_the_way(pair.relay)
    there = next(each for each in guest.find("result") if each["job"].startswith("sink-") and not each["reflected"])
    assert len(frames) == there["delay"]["count"] == PLAIN + HELD

    # No frame came before the relay let it go, and the least that was added to its way is the same with and without.
    beyond = [travelled - relayed for relayed, travelled in frames]
    assert min(beyond) > 0
    assert all(relayed >= HELD_MS * 1e6 for relayed, _ in frames[PLAIN:])
    assert abs(min(beyond[PLAIN:]) - min(beyond[:PLAIN])) < 0.01 * HELD_MS * 1e6

    # Each percentile is that of the frames' ways, and so at least that of the delays added.
    for name, share in PERCENTILES.items():
        assert there["delay"][name] * 1000 == pytest.approx(percentile([each[1] for each in frames], share), rel=0.01), name
        assert there["delay"][name] * 1010 > percentile([each[0] for each in frames], share), name
    assert there["delay"]["min_us"] * 1000 == pytest.approx(min(each[1] for each in frames), abs=1)

    # The round trip is the way there and the way back, without the time in between.
    trip = flood_of(guest)["delay"]
    assert trip["count"] == PLAIN + HELD
    for name in PERCENTILES:
        assert trip[name] >= there["delay"][name] * 0.99


# ---- criteria -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words, status", [("max_lost=0", 0), ("max_lost=0 from=net0 max_delay=1us", 3)])
def test_criteria_are_of_what_came(boot, pair, words, status):
    guest = both(boot, pair, f"run=flood target=net1 rate=1kpps time=300ms {words}", healthy=False)
    assert guest.wait_exit(60) == status, guest.error("another status")
    assert [each["name"] for each in flood_of(guest)["criteria"] if not each["ok"]] == (["max_delay_us"] if status else [])


def test_the_other_way_round(boot, pair):
    guest = both(boot, pair, f"run=flood target=net0 rate=1kpps bytes={300 * 60} time=0 max_lost=0", healthy=False)
    assert guest.wait_exit(60) == 0
    assert flood_of(guest)["sent"] == 300
    assert pair.relay.counts()["b>a"]["in"] >= 300


# ---- what comes after very many -----------------------------------------------------------------


@pytest.mark.parametrize("first", [2**32 - 250, 2**40 - 250, 2**64 - 250])
def test_sequences_go_on_where_both_ends_know_the_first(boot, pair, first):
    sink = boot(f"run=serve first_seq={first} max_lost=1", net=pair.right, healthy=False)
    pair.relay.rule(f"a>b dport {testframe.PORT} frames 400 drop")
    words = f"run=flood target={pair.right.guest4} rate=1kpps first_seq={first} bytes=30000 time=0"
    assert boot(words, net=pair.left, ready=False, healthy=False).wait_exit(60) == 0
    result = sink.wait("result", 30)
    assert (result["expected"], result["received"], result["lost"]) == (500, 499, 1)


@pytest.mark.parametrize("start_ms", [2**32 - 2000, 2**31 - 2000])
def test_the_stacks_clock_goes_on_beyond_its_end(boot, pair, start_ms):
    """Its milliseconds have 32 bits; it starts so near their end that the run lies across it."""
    words = f"run=flood target=net1 rate=2kpps time=2500ms interval=100ms fault=clock:{start_ms} max_lost=0"
    guest = both(boot, pair, words, healthy=False)
    assert guest.wait_exit(60) == 0, guest.error("no PASS")
    assert guest.find("ready")[0]["t_us"] < 2_000_000 < guest.find("result")[0]["t_us"]
    ends = [record["end_us"] for record in guest.find("interval") if record["job"] == "flood-1"]
    assert ends == sorted(ends) and 2_400_000 < ends[-1] < 1_000_000 * guest.find("result")[0]["t_us"]
    assert flood_of(guest)["received"] == flood_of(guest)["sent"] == 5000 - flood_of(guest)["slipped"]


# ---- two guests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lost, status", [(0, 0), (3, 3)])
def test_two_guests_test_a_network_between_them(boot, pair, lost, status):
    """The sink's verdict is its own: it knows what is missing up to the last frame that came."""
    if lost:
        pair.relay.rule(f"a>b dport {testframe.PORT} frames 101-{100 + lost} drop")
    sink = boot("run=serve exit=15s max_lost=2 min_pps=500", net=pair.right, healthy=False)
    words = f"run=flood target={pair.right.guest4} rate=1kpps bytes={500 * 60} time=0"
    generator = boot(words, net=pair.left, ready=False, healthy=False)
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
    ("target=net0 from=net0", "from", "net0"),
    ("target=net1 from=net2", "from", "net2"),
    ("target=net9", "target", "net9"),
])  # fmt: skip
def test_nics_that_are_not_there_are_refused_first(boot, net, words, key, value):
    more = [qemu.Nic.user()] if "from=net2" in words else []
    guest = boot(f"run=flood {words}", net=net, more_nics=more, ready=False, healthy=False)
    assert guest.wait_exit(60) == 5
    error = guest.find("error")[0]
    assert error["key"] == key and value in error["value"], error
