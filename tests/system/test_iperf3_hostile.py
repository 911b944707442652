# SPDX-License-Identifier: BSD-3-Clause
"""What a client must not be able to do to the guest's iperf3 server. After each of these the next good
client is served, and everything is given back."""

import json
import socket
import struct
import time

import pytest
from iperf3_client import (
    ACCESS_DENIED,
    CLIENT_TERMINATE,
    CREATE_STREAMS,
    DISPLAY_RESULTS,
    DONE,
    HELLO,
    PARAM_EXCHANGE,
    REPLY,
    SERVER_ERROR,
    TEST_END,
    Client,
    Refused,
    cookie,
    datagram,
    wait_idle,
)

BAD_PARAMS, BAD_RESULTS, BAD_MESSAGE = 114, 117, 110


def good_client(guest):
    """A whole short test, both protocols."""
    with Client(guest) as client:
        client.begin()
        client.streams[0].sendall(bytes(100_000))
        assert client.end()["streams"][0]["id"] == 1
    with Client(guest) as client:
        client.begin(udp=True)
        client.streams[0].send(datagram(1))
        client.end()


@pytest.fixture(autouse=True)
def served_afterwards(guest):
    yield
    good_client(guest)
    wait_idle(guest)


def refused_with(client, code):
    with pytest.raises(Refused) as refusal:
        client.expect(CREATE_STREAMS)
    assert refusal.value.code == code
    assert client.closed()


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


# ---- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"}",
        b"[]",
        b"{}}",
        b"{]",
        b"null",
        b"\0\0\0\0",
        b'"',
        b'{"time"}',
        b'{"time":}',
        b'{"time":1 "len":2}',
        b'{"time":tru}',
        b'{"time":"1"}',
        b'{"time":1e}',
        b'{"time":-1}',
        b'{"parallel":"many"}',
        b'{"parallel":1,"bandwidth":-5}',
        b'{"x":"\\ud8"}',
        b'{"x":"\xff',
        b"\xff" * 1000,
        b"[" * 8000,
        b'{"a":' * 1500,
        b'{"time":1}' + b"x",
    ],
    ids=lambda text: repr(text[:16]),
)
def test_bad_parameters_are_refused(guest, text):
    with Client(guest) as client:
        client.params(text)
        with pytest.raises(Refused) as refusal:
            client.expect(CREATE_STREAMS)
        assert refusal.value.code in (BAD_PARAMS, 5)
        assert client.closed()


@pytest.mark.parametrize(
    "settings, code",
    [
        ({"parallel": 0}, 6),
        ({"parallel": 129}, 6),
        ({"parallel": 200}, 6),
        ({"parallel": 10**9}, 6),
        ({"parallel": -1}, 6),
        ({"parallel": 2**64 - 1}, 6),
        ({"parallel": 10**400}, 6),
        ({"len": 0}, 7),
        ({"len": -1}, 7),
        ({"len": 2**63}, 7),
        ({"udp": True, "len": 15}, 20),
        ({"udp": True, "len": 65508}, 20),
        ({"udp": True, "len": 0}, 7),
        ({"time": -1}, 5),
        ({"time": 2**62}, 5),
        ({"omit": -1}, 12),
        ({"omit": 2**40}, 12),
        ({"sctp": True}, 18),
        ({"num": -1}, BAD_PARAMS),
        ({"bandwidth": -1}, BAD_PARAMS),
        ({"TOS": 256}, BAD_PARAMS),
    ],
    ids=lambda value: str(value)[:40],
)
def test_parameters_out_of_range_are_refused_with_their_code(guest, settings, code):
    with Client(guest) as client:
        client.params(**settings)
        refused_with(client, code)


@pytest.mark.parametrize("length", [0, 8193, 1 << 30, 0xFFFFFFFF])
def test_announced_length_out_of_bounds_is_refused_at_once(guest, length):
    with Client(guest) as client:
        client.expect(PARAM_EXCHANGE)
        client.control.sendall(struct.pack("!I", length))
        refused_with(client, BAD_PARAMS)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tcp": True},
        {"time": 1.0, "len": 1e3, "parallel": 1e0},
        {"TIME": 1, "Len": 1000},
        {"time": 1, "unknown": {"deep": [{"deeper": ["x", None, True, {}]}]}},
        {"bandwidth": 2**62, "reverse": True},
        {"bandwidth": 1, "reverse": True},
        {"time": 10**9, "omit": 10**9},
        {"pacing_timer": -1, "MSS": -1, "window": 2**70, "flowlabel": "x", "congestion": 17},
        {"authtoken": "x" * 5000},
        {"a": [{}] * 2000},
    ],
    ids=lambda value: str(value)[:40],
)
def test_odd_parameters_are_taken(guest, settings):
    with Client(guest) as client:
        client.params(json.dumps(settings).encode())
        client.open_streams()
        client.started()
        client.end()


def test_json_byte_by_byte(guest):
    with Client(guest) as client:
        client.expect(PARAM_EXCHANGE)
        text = b' { "tcp" : true , "time" : 1 , "len" : 1400 } \n'
        for byte in struct.pack("!I", len(text)) + text:
            client.control.sendall(bytes([byte]))
        client.settings = {"parallel": 1}
        client.open_streams()
        client.started()
        client.end()


def test_parameters_that_never_end(guest):
    with Client(guest) as client:
        client.expect(PARAM_EXCHANGE)
        client.control.sendall(struct.pack("!I", 4000) + b'{"a":')
        assert client.closed()  # after ten seconds of silence


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


# ---- UDP ----------------------------------------------------------------------------------------


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
