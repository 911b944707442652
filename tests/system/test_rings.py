# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of ring that QEMU's device can be asked for: pings of many sizes, iperf3 both ways, and at the
end every buffer where it belongs."""

import json
import subprocess
import time

import pytest
from iperf3_client import wait_idle
from peer import RawPeer
from ping import ping_sizes

PACKED = {"packed": "on"}
LEGACY = {"disable-modern": "on", "any_layout": "off"}


def iperf3(guest, words):
    """Bytes per second that the real client says were received; fails unless it is content."""
    done = subprocess.run(guest.iperf3(*words.split(), "-J"), capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    assert "error" not in report, report["error"]
    received = report["end"].get("sum_received") or report["end"]["sum"]
    assert received["bytes"] > 0
    return received["bytes"]


def check_queues(guest, nic, frames):
    """Nothing broke, and the receive ring, which has room for so many, was never emptier than by one batch."""
    stats = guest.stats()
    assert stats["alloc_failures"] == 0
    for queue in (q for q in stats["queues"] if q["queue"] in ("rx", "tx")):
        assert queue["resets"] == 0, queue
        assert queue["packets"] > 0, queue
        if queue["queue"] == "rx":
            assert queue["size"] == nic["rx_ring"]
            assert queue["posted"] == frames
            assert queue["posted_min"] >= frames - min(64, max(frames // 2, 1))


def check_traffic(guest, frames=None, amount="-n 100M"):  # several times round the longest ring
    nic = guest.find("nic")[0]
    if guest.net.kind == "tap":
        # One at a time: who sends more than the ring holds has to expect that some are not answered.
        assert not ping_sizes(guest.net.guest4, range(0, 1473, 13), window=1)
    iperf3(guest, amount)
    iperf3(guest, f"{amount} -R")
    iperf3(guest, "-u -t 1 -l 64 -b 5M --bidir")
    wait_idle(guest)
    check_queues(guest, nic, frames or nic["rx_ring"])
    return nic


@pytest.mark.parametrize(
    "options",
    [
        PACKED,
        PACKED | {"event_idx": "off"},
        PACKED | {"vectors": 0},
        PACKED | {"rx_queue_size": 1024},
        {"event_idx": "off"},
        {"indirect_desc": "off"},
        {"rx_queue_size": 512},
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()),
)
def test_ring_of_the_device(boot, options):
    # Merged segments take a ring of 256 at most.
    nic = check_traffic(boot("features=-tso" if "rx_queue_size" in options else "", options=options))
    assert nic["ring"] == ("packed" if "packed" in options else "split")
    assert ("packed" in nic["features"]) == ("packed" in options)
    assert ("event_idx" in nic["features"]) == ("event_idx" not in options)
    assert nic["rx_ring"] == options.get("rx_queue_size", 256)


@pytest.mark.parametrize("options", [{}, PACKED], ids=["split", "packed"])
@pytest.mark.parametrize("size", [2, 4, *(pytest.param(size, marks=pytest.mark.long) for size in (8, 16))])
def test_short_rings(boot, size, options):
    nic = check_traffic(boot(f"rx_ring={size} tx_ring={size}", options=options), amount="-t 1")
    assert (nic["rx_ring"], nic["tx_ring"]) == (size, size)


def test_rings_of_no_power_of_two(boot):
    nic = check_traffic(boot("rx_ring=100 tx_ring=3", options=PACKED), amount="-t 1")
    assert (nic["rx_ring"], nic["tx_ring"]) == (100, 3)


def test_legacy_ring_is_used_in_part(boot):
    nic = check_traffic(boot("rx_ring=4 tx_ring=2", options=LEGACY), frames=4, amount="-t 1")
    assert (nic["rx_ring"], nic["tx_ring"]) == (256, 256)


def test_packed_can_be_masked(boot):
    guest = boot("features=-packed", options=PACKED)
    nic = check_traffic(guest)
    assert nic["ring"] == "split"
    assert "packed" not in nic["features"]


@pytest.mark.parametrize("options", [LEGACY, LEGACY | {"indirect_desc": "off"}], ids=["tables", "chains"])
def test_device_that_wants_the_header_apart(boot, options):
    """As the devices of the first years do: two segments for each frame."""
    tables = "indirect_desc" not in options
    nic = check_traffic(boot(options=options), frames=256 if tables else 128)
    assert nic["transport"] == "legacy"
    assert "any_layout" not in nic["features"]
    assert ("indirect_desc" in nic["features"]) == tables


def queue_of(guest, nic, name):
    return next(q for q in guest.stats()["queues"] if (q["nic"], q["queue"]) == (nic, name))


@pytest.mark.parametrize("options", [{}, PACKED], ids=["split", "packed"])
def test_blocked_back_end_has_the_device_reset_and_no_queue_alone(boot, options):
    """QEMU 7.2 aborts where a queue is reset while its back-end is blocked; the reset of the device it bears."""
    with RawPeer(from_guest=1 << 16) as peer:
        nic = peer.nic()
        nic.options.update(options)
        guest = boot(append=peer.config("net1"), more_nics=[nic])
        assert "ring_reset" in guest.find("nic")[1]["features"]
        assert peer.wait_reachable(4)
        peer.hold()
        for _ in range(300):  # whose answers fill the wire
            peer.send_echo(bytes(1400))
        end = time.monotonic() + 60
        while queue_of(guest, "net1", "tx")["drops"]["reset"] == 0:
            assert time.monotonic() < end, "no reset"
        peer.release()
        peer.forget()
        assert peer.ping(), "no answer after the reset"
        assert [queue_of(guest, "net1", name)["restarts"] for name in ("rx", "tx")] == [0, 0]
        assert guest.stats()["alloc_failures"] == 0
