# SPDX-License-Identifier: BSD-3-Clause
"""build/storm, which sends a soak's raw frames: from when it is there, in their order, at the rate that is said."""

import itertools
import socket
import struct
import types

import pytest

from antifreeze import Error
from antifreeze.soak import faults, plan
from conftest import need_taps

ETHERTYPE = 0x88B5  # for experiments: nobody else's on this interface

FRAMES = [bytes(12) + struct.pack("!HI", ETHERTYPE, k) + bytes(50 + k) for k in range(3)]


@pytest.fixture
def fault():
    """Whose path is the loopback interface."""
    need_taps()
    path = types.SimpleNamespace(net=types.SimpleNamespace(name="lo"))
    fault = faults.Fault(types.SimpleNamespace(paths={"tap": path}), plan.Fault(0, 1, 0, "noise", "tap", {}))
    yield fault
    fault.clean()


def test_frames_are_sent_in_turn(fault):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE)) as receiver:
        receiver.bind(("lo", ETHERTYPE))
        receiver.settimeout(30)
        fault.storm(FRAMES).rate(None)
        for frame in itertools.islice(itertools.cycle(FRAMES), 20):
            assert receiver.recv(2048) == frame


def test_nothing_is_sent_until_a_rate_is_said_and_none_behind_a_rate_of_0(fault):
    storm = fault.storm(FRAMES)
    assert storm.counts() == (0, 0)
    storm.rate(5000)
    while not storm.counts()[0]:
        pass
    storm.rate(0)
    assert storm.counts() == storm.counts()


def test_storm_is_there_when_it_is_said_to_be(fault, monkeypatch, tmp_path):
    """However long its program takes to begin: a rate, and another one right behind it, would meet it still beginning."""
    program = tmp_path / "storm"
    program.write_text(f"#!/bin/sh\nsleep 0.3; : >{tmp_path}/begun; exec {faults.base.Storm.PROGRAM} \"$@\"\n")
    program.chmod(0o755)
    monkeypatch.setattr(faults.base.Storm, "PROGRAM", program)
    fault.storm(FRAMES)
    assert (tmp_path / "begun").exists()


@pytest.mark.parametrize("frames", [[], [b""], [*FRAMES, bytes(65536)], [FRAMES[0]] * 8193], ids=["none", "empty", "long", "many"])
def test_frames_that_cannot_be_sent_are_an_error(fault, frames):
    with pytest.raises(Error, match="storm has ended"):
        fault.storm(frames)


def test_interface_that_is_not_there_is_an_error(fault):
    fault.path.net.name = "nothing"
    with pytest.raises(Error, match="storm has ended"):
        fault.storm(FRAMES)
