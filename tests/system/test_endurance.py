# SPDX-License-Identifier: BSD-3-Clause
"""Much of the same: ring indices that wrap many times, machines stopped and links taken away under load."""

import contextlib
import os
import signal
import subprocess

import pytest
from books import carriers, check_books, power_off
from echoes import answer_time, exchange
from pools import settled, used

LONG = pytest.mark.long
WRAP = 65536  # packets of a queue after which its 16-bit index starts over


def in_ms(gaps):
    return {way: round(us / 1000) for way, us in gaps.items()}


@pytest.mark.limit(3000)
@pytest.mark.parametrize("packed", ["off", "on"])
@pytest.mark.parametrize("packets", [3 * WRAP + 1000, pytest.param(5_000_000, marks=LONG)])
@pytest.mark.alone
def test_indices_wrap_without_a_gap(boot, tap, packets, packed, figures):
    guest = boot(net=tap, options={"packed": packed})
    guest.stats()  # both ends know each other's hardware address
    longest = exchange(guest.address("echo"), packets, pids=[os.getpid(), guest.process.pid])
    gaps = guest.stats()["gap_max_us"]
    figures |= {"packets each way": packets, "longest wait ms": round(longest * 1000), "gaps ms": in_ms(gaps)}
    for queue in carriers(check_books(guest)):
        assert queue["packets"] > packets
    assert gaps["tx"] <= 250_000
    assert longest <= 0.25
    power_off(guest)


def wait_moving(guest):
    """Until the load has moved both ways in an interval that begins after now."""
    guest.wait("interval", 60, after=guest.mark())
    guest.wait("interval", 60, lambda r: r["tx_bytes"] and r["rx_bytes"], after=guest.mark())


@contextlib.contextmanager
def load(guest):
    """TCP both ways for as long as it takes; ends in order, so that the guest keeps nothing of it."""
    client = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *guest.iperf3("-t", 0, "--bidir")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        wait_moving(guest)
        yield
        assert client.poll() is None, guest.error("the load has ended: " + client.stdout.read()[-500:])
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=60)
        assert guest.wait("result", 60)["end"] == "client_terminated"
    finally:
        client.kill()
        client.communicate()


def stop_and_go(guest):
    guest.qmp.command("stop")
    guest.qmp.command("cont")


def link_off_and_on(guest):
    guest.qmp.command("set_link", name="n0", up=False)
    guest.qmp.command("set_link", name="n0", up=True)


@pytest.mark.limit(3000)
@pytest.mark.parametrize(
    "disturb,times",
    [
        (stop_and_go, 20),
        (link_off_and_on, 20),
        pytest.param(stop_and_go, 500, marks=LONG),
        pytest.param(link_off_and_on, 500, marks=LONG),
    ],
)
def test_disturbed_under_load(boot, tap, disturb, times, figures):
    """It answers and the load goes on after each, and everything is given back in the end."""
    guest = boot(append="interval=100ms", net=tap)
    idle = used(guest.stats())
    answers = []
    with load(guest):
        for k in range(times):
            disturb(guest)
            # a question may meet the link off, or an overfull queue
            answer = next((t for t in (answer_time(guest.address("echo"), 1) for _ in range(10)) if t is not None), None)
            assert answer is not None, guest.error(f"no answer after number {k + 1}")
            answers.append(answer)
            wait_moving(guest)
    over = settled(guest, idle, but=["lwip.TCP_PCB"])
    assert not over, f"not given back (idle, now): {over}"
    stats = check_books(guest, stalls=["link_down"] if disturb is link_off_and_on else [])
    figures |= {
        "times": times,
        "longest answer ms": round(max(answers) * 1000),
        "gaps ms": in_ms(stats["gap_max_us"]),
        "late": stats["stalls_by_cause"]["guest_late"],
    }
    power_off(guest)
