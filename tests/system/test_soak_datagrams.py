# SPDX-License-Identifier: BSD-3-Clause
"""build/datagrams counts each of its datagrams, whatever the other end does to them."""

import collections
import contextlib
import json
import socket
import subprocess
import time

import pytest

from antifreeze import BUILD

SO_RCVBUFFORCE = 33  # Linux; Python's module does not have it

RATE = 500


def converse(answer, sizes="18,548,1472", words=(), count=300):
    """The sums of what the program says about answer(number of the datagram, its bytes) -> answers.

    It is asked to end when so many have come. Answers that do not come are waited for another second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        # Room for all that is sent while this process is not run.
        server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        port = server.getsockname()[1]
        program = subprocess.Popen(
            [BUILD / "datagrams", "127.0.0.1", str(port), str(RATE), sizes, *words], stdout=subprocess.PIPE, text=True
        )
        number = 0
        while program.poll() is None:
            with contextlib.suppress(TimeoutError):
                data, client = server.recvfrom(2048)
                for back in answer(number, data):
                    server.sendto(back, client)
                number += 1
                if number == count:
                    program.terminate()
        lines = [json.loads(line) for line in program.stdout]
        program.stdout.close()
    assert program.returncode == 0
    sums = collections.Counter()
    for line in lines:
        sums.update({key: value for key, value in line.items() if isinstance(value, int)})
    return sums, lines


def test_every_answer_is_counted():
    sums, lines = converse(lambda number, data: [data], words=["times"])
    assert sums["packets"] == sums["sent"] > 0
    assert sums["lost"] == sums["duplicate"] == sums["corrupt"] == sums["late"] == sums["here"] == 0
    assert sum(len(line["rtt_us"]) for line in lines) == sums["packets"]
    lasted = sum(line["seconds"] for line in lines)
    assert sums["sent"] >= 300 and RATE * (lasted - 1) <= sums["intended"] <= RATE * lasted + 1


def test_sizes_take_turns():
    seen = []
    converse(lambda number, data: [seen.append(len(data)) or data])
    assert seen[:6] == [18, 548, 1472] * 2


@pytest.mark.parametrize(
    "name,answer",
    [
        ("lost", lambda number, data: []),
        ("duplicate", lambda number, data: [data, data]),
        ("corrupt", lambda number, data: [data[:17] + bytes([data[17] ^ 1]) + data[18:], data]),
        ("corrupt", lambda number, data: [data[:-1], data]),
        ("corrupt", lambda number, data: [data + b"0", data]),
        ("corrupt", lambda number, data: [b"short", data]),
        ("corrupt", lambda number, data: [bytes([255]) * 8 + data[8:], data]),
    ],
    ids=["lost", "twice", "a bit", "cut", "long", "short", "number"],
)
def test_what_is_wrong_is_counted(name, answer):
    sums, _ = converse(lambda number, data: answer(number, data) if number in (10, 100, 200) else [data])
    assert {key: sums[key] for key in ("lost", "duplicate", "corrupt") if sums[key]} == {name: 3}


def test_silence_is_a_gap_from_its_begin_on():
    times = []

    def answer(number, data):
        if number in (99, 100):
            times.append(time.monotonic())
        if number == 100:
            time.sleep(0.4)  # nobody answers meanwhile
            times.append(time.monotonic())
        return [data]

    _, lines = converse(answer, sizes="18", count=600)
    before, begin, end = times
    worst = max(lines, key=lambda line: line["gap_ms"])
    assert before <= worst["gap_at"] < begin + 0.2  # when the last answer came
    assert end <= worst["gap_at"] + worst["gap_ms"] / 1000 + 0.001 < end + 0.4


def test_silence_after_the_end_is_none():
    """The last answers never come, and are waited for; nothing else is sent meanwhile."""
    sums, lines = converse(lambda number, data: [data] if number < 250 else [])
    assert sums["lost"] > 20
    assert max(line["gap_ms"] for line in lines) < 400


def test_answer_after_a_second_is_lost_and_late():
    kept = []

    def answer(number, data):
        if number == 10:
            kept.append(data)
            return []
        return [data, *([kept.pop()] if kept and number > 650 else [])]

    sums, _ = converse(answer, count=800)
    assert sums["late"] == 1


@pytest.mark.parametrize("words", [[], ["127.0.0.1", "7", "0", "18"], ["127.0.0.1", "7", "10", "15"], ["127.0.0.1", "7", "10", "2000"], ["x", "7", "10", "18"]])
def test_wrong_words_are_refused(words):
    assert subprocess.run([BUILD / "datagrams", *words], capture_output=True, timeout=10).returncode != 0


@pytest.mark.parametrize("host,said", [("localhost", "localhost is no IPv4 address"), ("127.0.0.1.", "is no IPv4"), ("255.255.255.255", "255.255.255.255: ")])
def test_address_that_cannot_be_used_is_said_with_the_reason(host, said):
    done = subprocess.run([BUILD / "datagrams", host, "7", "100", "18"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and said in done.stderr and "Success" not in done.stderr
