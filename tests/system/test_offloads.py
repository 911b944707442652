# SPDX-License-Identifier: BSD-3-Clause
"""What virtio-net negotiates beyond the minimum. QEMU offers offloads only on a tap, where frames have
their header on the way to the host's kernel as well."""

import os
import socket
import struct
import subprocess

import pytest

import transfers
from antifreeze import net as networks

LONG = pytest.mark.long


def in_long(*words):
    """Parameters of the long run only."""
    return [pytest.param(each, marks=LONG) for each in words]


HOST_TSO = {"host_tso4", "host_tso6"}
OFFLOADS = {"csum", "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn"} | HOST_TSO

# The command line's words -> what of OFFLOADS is left.
MASKS = {
    "": OFFLOADS,
    "features=-tso": {"csum", "guest_csum"},
    "features=-guest_csum": {"csum"} | HOST_TSO,
    "features=-csum": OFFLOADS - {"csum"} - HOST_TSO,
    "features=-host_tso4": OFFLOADS - {"host_tso4"},
    "features=-guest_tso4": OFFLOADS - {"guest_tso4"},
    "features=-csum,-guest_csum": set(),
}


def nic(guest):
    return guest.find("nic")[0]


def rx_queue(guest):
    return next(queue for queue in guest.stats()["queues"] if queue["queue"] == "rx")


def tx_queue(guest):
    return next(queue for queue in guest.stats()["queues"] if queue["queue"] == "tx")


def addresses(guest):
    return [guest.net.guest4, *([guest.net.guest6] if guest.net.has_ipv6 else [])]


def echo(address, data):
    return transfers.echo((address, 7), data)


def echo_udp(address, data):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect((address, 7))
        sock.send(data)
        return sock.recv(1 << 16)


def iperf3(guest, *words):
    done = subprocess.run(guest.iperf3("-t", 1, *words), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def check_traffic(guest):
    """Every byte right, both protocols, both ways; then as fast as it goes. TCP from this host arrives in
    frames of many segments where that was agreed on, and nothing is dropped on the way."""
    data = os.urandom(2_000_000)
    for address in addresses(guest):
        assert echo(address, data) == data
        for size in (1, 2, 999, 1400):
            assert echo_udp(address, data[:size]) == data[:size]
    before = rx_queue(guest)
    iperf3(guest)
    after = rx_queue(guest)
    iperf3(guest, "-R")
    stats = guest.stats()
    assert stats["alloc_failures"] == 0
    assert after["drops"] == {reason: 0 for reason in after["drops"]}
    lwip = stats["lwip"]
    for protocol in ("ip", "ip6", "tcp", "udp", "icmp", "icmp6"):
        assert lwip[protocol]["chkerr"] == lwip[protocol]["lenerr"] == 0, protocol
    for interface in lwip["interfaces"]:
        dropped = {k: v for k, v in interface.items() if k.startswith("rx_") and k != "rx_foreign" and v}
        assert not dropped
    return (after["bytes"] - before["bytes"]) / (after["packets"] - before["packets"])


SAMPLE = ["", "features=-csum,-guest_csum"]


@pytest.mark.parametrize(
    "words", [*SAMPLE, *in_long(*(words for words in MASKS if words not in SAMPLE))], ids=lambda words: words or "all"
)
def test_offloads_are_used_as_far_as_they_are_not_masked(boot, tap, words):
    guest = boot(words, net=tap)
    assert OFFLOADS & set(nic(guest)["features"]) == MASKS[words]
    mean = check_traffic(guest)
    if "guest_tso4" in MASKS[words]:
        assert mean > 3000
    else:
        assert mean <= 1514
    assert (tx_queue(guest)["cut"] > 0) == ("host_tso4" in MASKS[words])


def test_mergeable_buffers(boot, tap):
    """Masked, or not asked for, they are not used; asked for, frames of many segments lie in several."""
    guest = boot("rx=mergeable", net=tap, options={"rx_queue_size": 1024})
    assert "mrg" in nic(guest)["features"]
    assert nic(guest)["rx_ring"] == 1024  # small buffers again
    assert check_traffic(guest) > 3000
    queue = rx_queue(guest)
    assert queue["posted_min"] >= 1024 - 64


@pytest.mark.parametrize("words", ["rx=mergeable features=-tso", *in_long("rx=mergeable features=-mrg", "rx=big")])
def test_mergeable_buffers_masked(boot, tap, words):
    guest = boot(words, net=tap)
    assert ("mrg" in nic(guest)["features"]) == (words == "rx=mergeable features=-tso")
    check_traffic(guest)


@pytest.mark.parametrize("words", ["", "rx=mergeable", "features=-tso", "rx=mergeable features=-tso"])
@pytest.mark.parametrize("mtu", [576, pytest.param(1500, marks=LONG), 9000])
def test_every_mtu_with_every_kind_of_buffer(boot, log_dir, mtu, words):
    with networks.Tap(mtu=max(mtu, 1280)) as tap:
        guest = boot(words, net=tap, options={"host_mtu": mtu})
        record = nic(guest)
        assert record["mtu"] == mtu
        assert "mtu" in record["features"]
        assert ("mrg" in record["features"]) == ("mergeable" in words)
        data = os.urandom(300_000)
        assert echo(tap.guest4, data) == data
        assert echo_udp(tap.guest4, data[: mtu - 28]) == data[: mtu - 28]
        iperf3(guest)
        iperf3(guest, "-R")
        stats = guest.stats()
        assert stats["alloc_failures"] == 0
        drops = rx_queue(guest)["drops"]
        assert drops == {reason: 0 for reason in drops}


def queue_of(guest, nic, name):
    return next(q for q in guest.stats()["queues"] if (q["nic"], q["queue"]) == (nic, name))


# ---- control queue, queue pairs -------------------------------------------------------------------


def capture(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    sock.bind((interface, 0))
    sock.settimeout(60)
    return sock


def wait_frame(sock, match):
    while True:
        frame = sock.recv(1 << 16)
        if match(frame):
            return frame


@pytest.mark.parametrize("options", [{}, {"packed": "on"}, {"disable-modern": "on"}], ids=str)
def test_announcement_is_made_when_the_device_asks(boot, tap, options):
    guest = boot(net=tap, options=options)
    assert {"ctrl_vq", "ctrl_rx", "guest_announce"} <= set(nic(guest)["features"])
    mac = bytes.fromhex(tap.mac.replace(":", ""))
    ip4 = socket.inet_aton(tap.guest4)
    ours = struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac + ip4

    def gratuitous_arp(frame):
        return frame[6:12] == mac and frame[12:32] == ours and frame[38:42] == ip4

    with capture(tap.name) as wire:
        guest.qmp.command("announce-self", initial=50, max=100, rounds=1, step=50)
        wait_frame(wire, gratuitous_arp)
    data = os.urandom(100_000)
    assert echo(tap.guest4, data) == data
    while queue_of(guest, "net0", "ctrl")["packets"] == 0:
        pass  # the device was told as well: it answers, or the test's time is up
    assert queue_of(guest, "net0", "ctrl")["drops"] == {"timeout": 0}


@pytest.mark.parametrize("words", ["", *in_long("features=-ctrl_vq", "features=-mq")])
def test_first_of_several_queue_pairs_is_used(boot, log_dir, words):
    with networks.Tap(queues=4) as tap:
        guest = boot(words, net=tap, options={"mq": "on", "vectors": 10})
        features = nic(guest)["features"]
        assert ("mq" in features) == (words == "")
        assert ("ctrl_vq" in features) == (words != "features=-ctrl_vq")
        check_traffic(guest)
        if "ctrl_vq" in features:
            guest.qmp.command("announce-self", initial=50, max=100, rounds=1, step=50)
            assert echo(tap.guest4, b"x" * 1000) == b"x" * 1000


# ---- several NICs -----------------------------------------------------------------------------------


def test_four_nics_carry_traffic_at_once(boot, log_dir):
    """Each of another kind, all at full speed: each has its own buffers and counters."""
    taps = [networks.Tap() for _ in range(4)]
    try:
        options = [{}, {"packed": "on"}, {"disable-modern": "on"}, {"vectors": 0}]
        words = ["net2.rx=mergeable"]
        for k, tap in enumerate(taps[1:], 1):
            words.append(f"net{k}.ip={tap.guest4}/{tap.prefix4}")
            words.append(f"net{k}.ip6={tap.guest6}/{tap.prefix6}" if tap.has_ipv6 else f"net{k}.ip6=off")
        more = [tap.nic(**o) for tap, o in zip(taps[1:], options[1:])]
        guest = boot(" ".join(words), net=taps[0], more_nics=more)
        assert [record["rx_ring"] for record in guest.find("nic")] == [64, 64, 256, 64]
        clients = [
            subprocess.Popen(
                ["iperf3", "-c", tap.guest4, "-t", "3", *reverse],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for tap in taps
            for reverse in ([], ["-R"])
        ]  # fmt: skip
        for tap in taps:
            data = os.urandom(200_000)
            assert echo(tap.guest4, data) == data
        for client in clients:
            output = client.communicate(timeout=90)[0]
            assert client.returncode == 0, output
        stats = guest.stats()
        assert stats["alloc_failures"] == 0
        for k in range(4):
            for name in ("rx", "tx"):
                queue = next(q for q in stats["queues"] if (q["nic"], q["queue"]) == (f"net{k}", name))
                assert queue["bytes"] > 1_000_000
                assert queue["resets"] == 0
            owners = stats["buffers"][f"net{k}.rx"]
            assert sum(owners[o] for o in ("free", "stack", "held", "device")) == owners["size"]
    finally:
        for tap in taps:
            tap.close()
