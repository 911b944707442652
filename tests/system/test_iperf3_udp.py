# SPDX-License-Identifier: BSD-3-Clause
"""Hellos and datagrams that are doubled, lost, strange or in disorder. After each of these the next good client is
served, and everything is given back."""

import socket
import struct
import time

import pytest
from iperf3_client import CREATE_STREAMS, HELLO, REPLY, Client, datagram

pytestmark = pytest.mark.usefixtures("served_afterwards")


def test_doubled_hello_is_answered_again_and_not_counted(guest):
    with Client(guest) as client:
        client.params(udp=True, parallel=2)
        client.expect(CREATE_STREAMS)
        first = client.open_stream()
        first.send(HELLO)
        assert first.recv(100) == REPLY
        client.open_stream()
        client.started()
        first.send(HELLO)
        assert first.recv(100) == REPLY
        for n in range(1, 11):
            first.send(datagram(n))
        time.sleep(0.3)
        row = client.end()["streams"][0]
        assert (row["packets"], row["errors"], row["bytes"]) == (10, 0, 14000)


def test_lost_reply_is_made_up_for_by_a_second_hello(guest):
    with Client(guest) as client:
        client.params(udp=True)
        client.expect(CREATE_STREAMS)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(10)
        sock.connect(client.address)
        sock.send(HELLO)
        assert sock.recv(100) == REPLY  # pretend that it was lost
        sock.send(HELLO)
        assert sock.recv(100) == REPLY
        client.streams.append(sock)
        client.started()
        client.end()


def test_hello_of_an_older_client_is_answered(guest):
    with Client(guest) as client:
        client.params(udp=True)
        client.expect(CREATE_STREAMS)
        client.open_stream(hello=struct.pack("<I", 123456789))
        client.started()
        client.end()


def test_two_udp_clients_of_one_address_are_kept_apart(guest):
    """The second one is asked for its streams when the first one's are there."""
    with Client(guest) as first, Client(guest) as second:
        first.params(udp=True)
        first.expect(CREATE_STREAMS)
        second.params(udp=True, parallel=2)
        second.control.settimeout(1)
        with pytest.raises(TimeoutError):
            second.expect(CREATE_STREAMS)
        second.control.settimeout(20)
        first.open_stream()
        first.started()
        second.open_streams()
        second.started()
        first.streams[0].send(datagram(1, 500))
        second.streams[1].send(datagram(1, 600))
        time.sleep(0.3)
        assert [row["bytes"] for row in first.end()["streams"]] == [500]
        assert [row["bytes"] for row in second.end()["streams"]] == [0, 600]


def test_stray_datagrams_are_dropped_and_counted(guest):
    before = guest.stats()["services"]["iperf3"]["stray_datagrams"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(guest.address("iperf3"))
        for data in (HELLO, b"", b"x", datagram(1), bytes(1472 if guest.net.kind == "tap" else 1400)):
            sock.send(data)
        end = time.monotonic() + 5
        while guest.stats()["services"]["iperf3"]["stray_datagrams"] < before + 5:
            assert time.monotonic() < end


@pytest.mark.parametrize("wide", [False, True])
def test_packet_numbers_may_be_anything(guest, wide):
    numbers = [5, 1, 2**31, 2**32 - 1, 0, 7] + ([2**63, 2**64 - 1, 2**40] if wide else [])
    with Client(guest) as client:
        client.begin(udp=True, **({"udp_counters_64bit": 1} if wide else {}))
        for number in numbers:
            client.streams[0].send(datagram(number, wide=wide, seconds=2**32 - 1, microseconds=2**32 - 1))
        for short in (b"", b"x" * 11, b"y" * 3, b"z" * 5):
            client.streams[0].send(short)
        time.sleep(0.3)
        row = client.end()["streams"][0]
        assert row["bytes"] == 1400 * len(numbers)


def test_losses_and_order_are_counted_as_the_original_does(guest):
    with Client(guest) as client:
        client.begin(udp=True)
        for n in (1, 2, 5, 4, 4, 9):  # 3 is lost; 4 late, 4 twice; 6, 7, 8 lost
            client.streams[0].send(datagram(n))
        time.sleep(0.3)
        row = client.end()["streams"][0]
        assert (row["packets"], row["errors"]) == (9, 3)
