# SPDX-License-Identifier: BSD-3-Clause
"""Parameters that the guest's iperf3 server refuses, and odd ones that it takes. After each of these the next good
client is served, and everything is given back."""

import json
import struct

import pytest
from iperf3_client import BAD_PARAMS, CREATE_STREAMS, PARAM_EXCHANGE, Client, Refused, refused_with

pytestmark = pytest.mark.usefixtures("served_afterwards")


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
