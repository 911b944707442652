# SPDX-License-Identifier: BSD-3-Clause
"""The test frame of apps/testframe.h once more, written from its description: what captures are held against."""

import struct
from typing import NamedTuple

HEAD = 18
PORT = 8862
REFLECTOR = 8864
SENT, REFLECTED = 0xA1, 0xA2
WORD = (1 << 64) - 1
K0, K1, K2 = 0x8F1BBCDC5A827999, 0xCA62C1D66ED9EBA1, 0x3C6EF372510E527F


class Frame(NamedTuple):
    kind: int
    run: int
    flow: int
    seq: int
    time_ns: int


def splitmix(seed, k):
    z = seed + (k + 1) * 0x9E3779B97F4A7C15 & WORD
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB & WORD
    return z ^ z >> 31


def pattern(run, length):
    words = (length + 7) // 8
    return b"".join(struct.pack("<Q", splitmix(run, k)) for k in range(words))[:length]


def fold(a, b):
    return a * b >> 64 ^ a * b & WORD


def fill(behind, length):
    """What the check has of the bytes behind the head, and of the payload's length."""
    value = K0 ^ length
    for u, v in struct.iter_unpack("<QQ", behind + bytes(-len(behind) % 16)):
        value = fold(u ^ K1, v ^ value)
    return value


def check(payload):
    """24 bits."""
    a, b = struct.unpack_from(">QQ", payload)
    return fold(a ^ K2, b & ~0xFF ^ fill(payload[HEAD:], len(payload))) >> 40


def write(frame, length):
    seq, time_ns = frame.seq.to_bytes(5, "big"), frame.time_ns.to_bytes(5, "big")
    head = struct.pack(">BHH", frame.kind, frame.run, frame.flow) + seq + time_ns + bytes(3)
    payload = head + pattern(frame.run, length - HEAD)
    return payload[:15] + check(payload).to_bytes(3, "big") + payload[HEAD:]


def read(payload):
    """The frame, or None if it is none or a byte is wrong."""
    if len(payload) < HEAD or payload[0] not in (SENT, REFLECTED):
        return None
    if int.from_bytes(payload[15:HEAD], "big") != check(payload):
        return None
    kind, run, flow = struct.unpack_from(">BHH", payload)
    return Frame(kind, run, flow, int.from_bytes(payload[5:10], "big"), int.from_bytes(payload[10:15], "big"))


def times(payload):
    """Of a reflected frame: when it came to the reflector, and when it left."""
    return struct.unpack_from(">QQ", payload, HEAD)


class Writer:
    """As write(), of one run and one size, many times: what is the same in all is computed once."""

    def __init__(self, run, length):
        self._run = run
        self._behind = pattern(run, length - HEAD)
        self._fill = fill(self._behind, length)

    def write(self, flow, seq, time_ns):
        a = SENT << 56 | self._run << 40 | flow << 24 | seq >> 16
        b = (seq & 0xFFFF) << 48 | (time_ns & (1 << 40) - 1) << 8
        c = fold(a ^ K2, b ^ self._fill) >> 40
        return struct.pack(">QQH", a, b | c >> 16, c & 0xFFFF) + self._behind
