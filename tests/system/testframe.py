# SPDX-License-Identifier: BSD-3-Clause
"""The test frame of apps/testframe.h once more, written from its description: what captures are held against."""

import struct
from typing import NamedTuple

HEAD = 18
PORT = 8862
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


def check(payload):
    """24 bits."""
    behind = payload[HEAD:] + bytes(-len(payload[HEAD:]) % 16)
    fill = K0 ^ len(payload)
    for u, v in struct.iter_unpack("<QQ", behind):
        fill = fold(u ^ K1, v ^ fill)
    a, b = struct.unpack_from(">QQ", payload)
    return fold(a ^ K2, b & ~0xFF ^ fill) >> 40


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
