# SPDX-License-Identifier: BSD-3-Clause
"""Each fault a hundred times: over in time, each time, and named as what it was.

What each fault is like once is in test_faults.py and test_stalls.py, in `make test`. Those of its tests that repeat
something join the same table: books.bar().
"""

import time

import pytest
from books import bar, check_books, power_off
from echoes import answer_time
from test_faults import fault, until

TIMES = 100

pytestmark = [pytest.mark.long, pytest.mark.limit(1800)]


def echo(guest, seconds=10):
    return answer_time(guest.address("echo"), seconds)


def repeat_until(guest, cause):
    """Questions one by one until a stall of this cause was counted so often; the times of the answers."""
    times = []
    while True:
        times += [echo(guest) for _ in range(10)]
        stats = guest.stats()
        if stats["stalls_by_cause"][cause] >= TIMES:
            return times
        assert stats["uptime_us"] < 1200_000_000, stats["stalls_by_cause"]


def test_lost_doorbell(boot, figures):
    guest = boot(append="fault=drop_kick_tx:1")
    bar(figures, "drop_kick_tx:1", 1.0, repeat_until(guest, "lost_kick"))
    check_books(guest, stalls=["lost_kick"])
    power_off(guest)


def test_lost_interrupt(boot, figures):
    guest = boot(append="fault=drop_irq:1")
    bar(figures, "drop_irq:1", 1.0, repeat_until(guest, "lost_irq"))
    check_books(guest, stalls=["lost_irq"])
    power_off(guest)


def test_reset_by_the_driver(boot, figures):
    """Questions all the time: the longest intervals between answers are those with a reset in them."""
    guest = boot(append=f"fault=reset:1s@2s+{TIMES}s")
    intervals = []
    last = time.monotonic()
    while not any(record["state"] == "over" for record in guest.find("fault")):
        if echo(guest, 0.1) is not None:
            now = time.monotonic()
            intervals.append(now - last)
            last = now
    assert fault(guest, "reset", "over")["count"] == TIMES
    bar(figures, "reset:1s", 2.0, sorted(intervals)[-TIMES:])
    stats = until(guest, lambda _: True)
    assert not {cause for cause, n in stats["stalls_by_cause"].items() if n} - {"guest_late"}
    power_off(guest)


def test_transmit_buffers_that_are_not_taken_back(boot, figures):
    recoveries = []
    for _ in range(TIMES):
        guest = boot(append="fault=no_reap@500ms+500ms")
        while not any(record["state"] == "over" for record in guest.find("fault")):
            echo(guest, 0.1)
        stalls = [record for record in guest.find("stall") if record["queue"] == "tx"]
        assert [(record["cause"], record["injected"]) for record in stalls] == [("guest_late", True)], stalls
        recovered = guest.wait("recovered", 10, lambda record: record["queue"] == "tx")
        recoveries.append((recovered["t_us"] - fault(guest, "no_reap", "over")["t_us"]) / 1e6)
        assert echo(guest) is not None
        guest.close()
    bar(figures, "no_reap", 1.0, recoveries)


def test_stack_without_buffers(boot, figures):
    recoveries = []
    for _ in range(TIMES):
        guest = boot(append="fault=pool_limit:0@500ms+500ms")
        answered = 0
        while not any(record["state"] == "over" for record in guest.find("fault")):
            answered += echo(guest, 0.1) is not None
        over = time.monotonic()
        while echo(guest, 0.1) is None:
            pass
        recoveries.append(time.monotonic() - over)
        stats = guest.stats()
        assert next(f["count"] for f in stats["faults"] if f["fault"] == "pool_limit") > 0
        check_books_of_short_pool(stats)
        guest.close()
    bar(figures, "pool_limit:0", 1.0, recoveries)


def check_books_of_short_pool(stats):
    """The receive ring stayed full although the stack took nothing."""
    rx = next(queue for queue in stats["queues"] if queue["queue"] == "rx")
    assert rx["posted_min"] + 64 >= rx["size"], rx


def test_link_that_goes_and_comes(boot, figures):
    guest = boot()
    recoveries = []
    for _ in range(TIMES):
        guest.qmp.command("set_link", name="n0", up=False)
        assert echo(guest, 0.3) is None
        guest.qmp.command("set_link", name="n0", up=True)
        start = time.monotonic()
        while echo(guest, 0.1) is None and time.monotonic() - start < 10:
            pass
        recoveries.append(time.monotonic() - start)
    bar(figures, "link off, on", 1.0, recoveries)
    stats = check_books(guest, stalls=["link_down"])
    assert stats["stalls_by_cause"]["link_down"] == TIMES
    power_off(guest)


def test_guest_that_is_stopped_and_goes_on(boot, figures):
    guest = boot()
    recoveries = []
    for _ in range(TIMES):
        guest.qmp.command("stop")
        assert echo(guest, 0.3) is None
        guest.qmp.command("cont")
        recoveries.append(echo(guest))
    bar(figures, "stop, cont", 1.0, recoveries)
    check_books(guest)
    power_off(guest)
