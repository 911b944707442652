# SPDX-License-Identifier: BSD-3-Clause
"""What a client must not be able to do to the guest's iperf3 server: before its parameters, with streams, while
a test runs and after it. After each of these the next good client is served, and everything is given back."""

import socket
import struct
import time

import pytest
from iperf3_client import (
    ACCESS_DENIED,
    BAD_MESSAGE,
    BAD_RESULTS,
    CLIENT_TERMINATE,
    CREATE_STREAMS,
    DISPLAY_RESULTS,
    DONE,
    PARAM_EXCHANGE,
    SERVER_ERROR,
    TEST_END,
    Client,
    Refused,
    cookie,
    datagram,
    good_client,
)

pytestmark = pytest.mark.usefixtures("served_afterwards")


# ---- before the parameters ----------------------------------------------------------------------


def test_silent_connections_do_not_keep_others_out(guest):
    silent = [socket.create_connection(guest.address("iperf3"), 10) for _ in range(40)]
    good_client(guest)
    for sock in silent:
        sock.settimeout(20)
        try:
            assert sock.recv(1) == b""  # given up, sooner or later
        except ConnectionError:
            pass
        sock.close()


def test_cookie_byte_by_byte(guest):
    with Client(guest, cookie_bytes=b"") as client:
        client.cookie = cookie()
        for k in range(37):
            client.control.sendall(client.cookie[k : k + 1])
        client.begin()
        client.end()


def test_half_a_cookie_and_gone(guest):
    with Client(guest, cookie_bytes=cookie()[:20]):
        pass
    with Client(guest, cookie_bytes=cookie()[:20]) as client:
        client.reset()


def test_silent_sessions_give_way_to_a_client(guest):
    """Clients that never send parameters hold every session; after a second one of them gives way."""
    silent = [Client(guest) for _ in range(8)]
    for client in silent:
        client.expect(PARAM_EXCHANGE)
    time.sleep(1.2)
    good_client(guest)
    for client in silent:
        client.close()


def test_a_ninth_client_is_told_busy(guest):
    running = [Client(guest) for _ in range(8)]
    for client in running:
        client.begin(time=0)
    with Client(guest) as ninth:
        ninth.expect(ACCESS_DENIED)
        assert ninth.closed()
    for client in running:
        client.end()
        client.close()


# ---- streams ------------------------------------------------------------------------------------


def test_wrong_cookie_is_not_a_stream_of_this_test(guest):
    with Client(guest) as client:
        client.params()
        client.expect(CREATE_STREAMS)
        with Client(guest, cookie_bytes=cookie()) as stranger:
            stranger.expect(PARAM_EXCHANGE)  # a client of its own
        client.open_stream()
        client.started()
        client.end()


def test_a_stream_too_many_is_denied(guest):
    with Client(guest) as client:
        client.begin()
        extra = client.connect()
        extra.sendall(client.cookie)
        assert extra.recv(1) == bytes([ACCESS_DENIED])
        assert extra.recv(1) == b""
        extra.close()
        client.end()


def test_a_stream_before_the_parameters_is_denied(guest):
    with Client(guest) as client:
        client.expect(PARAM_EXCHANGE)
        early = client.connect()
        early.sendall(client.cookie)
        assert early.recv(1) == bytes([ACCESS_DENIED])
        early.close()


def test_stream_reset_before_the_start_ends_with_the_client(guest):
    with Client(guest) as client:
        client.params(parallel=2)
        client.expect(CREATE_STREAMS)
        client.open_stream().close()
        client.open_stream()
        client.started()
        client.end()


def test_data_behind_the_cookie_counts_as_data(guest):
    with Client(guest) as client:
        client.params()
        client.expect(CREATE_STREAMS)
        sock = client.connect()
        sock.sendall(client.cookie + bytes(1000))
        client.streams.append(sock)
        client.started()
        sock.sendall(bytes(1000))
        client.end()


# ---- during and after the test ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("udp", [False, True])
@pytest.mark.parametrize("state", ["cookie", "params", "half", "running", "results", "reply"])
def test_client_gone_in_every_state(guest, how, reverse, udp, state):
    client = Client(guest)
    settings = {"parallel": 4, "time": 0, "reverse": reverse} if reverse else {"parallel": 4, "time": 0}
    if udp:
        settings |= {"udp": True, "bandwidth": 1_000_000}
    if state == "cookie":
        client.expect(PARAM_EXCHANGE)
    if state in ("params", "half"):
        client.params(**settings)
        client.expect(CREATE_STREAMS)
    if state == "half":
        client.open_stream()
        client.open_stream()
    if state in ("running", "results", "reply"):
        client.begin(**settings)
        if not reverse:
            client.streams[0].send(datagram(1))
    if state == "results":
        client.say(TEST_END)
        client.expect(13)
    if state == "reply":
        client.exchange()
    getattr(client, how)()


@pytest.mark.parametrize("state", [DONE, CLIENT_TERMINATE])
@pytest.mark.parametrize("when", ["create", "running"])
def test_done_and_terminate_are_taken_in_every_state(guest, state, when):
    before = guest.mark()
    with Client(guest) as client:
        client.params(time=0)
        client.expect(CREATE_STREAMS)
        if when != "create":
            client.open_stream()
            client.started()
        client.say(state)
        assert client.closed()
    assert guest.wait("result", 10, after=before)["end"] in ("client_error", "client_terminated")


@pytest.mark.parametrize("byte", [0, 1, 9, 13, 17, 99, 0x80, 0xFE, 0xFF])
def test_unknown_message_ends_the_session(guest, byte):
    with Client(guest) as client:
        client.begin(time=0)
        client.say(byte)
        client.expect(SERVER_ERROR)
        assert struct.unpack("!ii", client.read(8))[0] == BAD_MESSAGE
        assert client.closed()


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"{}",
        b'{"streams":7}',
        b'{"streams":[7]}',
        b'{"streams":[{"id":"x"}]}',
        b'{"streams":[{"id":1,"bytes":-1}]}',
        b'{"streams":[{"id":1,"bytes":true}]}',
        b'{"streams":[' + b'{"id":1},' * 6000 + b'{"id":1}]}',
    ],
    ids=lambda text: repr(text[:30]),
)
def test_bad_results_are_refused(guest, text):
    with Client(guest) as client:
        client.begin()
        with pytest.raises(Refused) as refusal:
            client.exchange(text)
        assert refusal.value.code == BAD_RESULTS
        assert client.closed()


@pytest.mark.parametrize("length", [0, 1 << 20, 1 << 30, 0xFFFFFFFF])
def test_length_of_results_out_of_bounds_is_refused_at_once(guest, length):
    with Client(guest) as client:
        client.begin()
        client.say(TEST_END)
        client.expect(13)
        client.control.sendall(struct.pack("!I", length))
        with pytest.raises(Refused) as refusal:
            client.expect(DISPLAY_RESULTS)
        assert refusal.value.code == BAD_RESULTS


def test_odd_results_are_taken(guest):
    results = {
        "streams": [
            {"id": 1, "bytes": 1, "retransmits": 2**64 - 1, "jitter": 1e-5, "errors": 2**64 - 7, "packets": 1e30},
            {"id": 77},
            {},
        ],
        "server_output_text": "x" * 20000,
    }
    with Client(guest) as client:
        client.begin()
        assert client.exchange(results)["streams"][0]["id"] == 1
        client.say(DONE)


def test_client_that_reads_nothing_does_not_hold_the_others_up(guest):
    """Senders with a window of zero, and a control connection that is not read either."""
    with Client(guest) as stuck:
        stuck.begin(time=0, parallel=8, reverse=True)
        time.sleep(1)
        good_client(guest)
        stuck.say(CLIENT_TERMINATE)


def test_reverse_results_come_although_the_data_is_not_read(guest):
    with Client(guest) as client:
        client.begin(time=0, parallel=8, bidirectional=True)
        time.sleep(0.5)
        assert len(client.end()["streams"]) == 16


def test_a_thousand_connections_leave_nothing_behind(guest):
    for _ in range(20):
        socks = [socket.create_connection(guest.address("iperf3"), 10) for _ in range(50)]
        for k, sock in enumerate(socks):
            if k % 3:
                try:
                    sock.sendall(cookie())
                except ConnectionError:
                    pass
            sock.close()
