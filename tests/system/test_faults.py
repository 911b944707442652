# SPDX-License-Identifier: BSD-3-Clause
"""Faults on demand in the shipped image: each is announced, survived, and traffic is whole afterwards."""

import pytest

from antifreeze import qemu


def fault(guest, kind, state, timeout=60):
    """The `fault` record of this kind and state."""
    return guest.wait("fault", timeout, lambda r: r["fault"] == kind and r["state"] == state)


def struck(guest, kind):
    """How often it has struck so far."""
    return next(f["count"] for f in guest.stats()["faults"] if f["fault"] == kind)


@pytest.mark.parametrize("words", ["drop_kick:7", "drop_kick_rx:1", "drop_kick_tx:3", "drop_irq:1", "drop_irq:11"])
def test_lost_notifications_cost_no_request(boot, words):
    guest = boot(append=f"fault={words} exit=never")
    for _ in range(20):
        assert len(guest.get("/data?bytes=100000")) == 100000
    kind = words.split(":")[0]
    assert fault(guest, kind, "asked")["n"] == int(words.split(":")[1])
    if kind != "drop_kick_rx":  # QEMU wants that doorbell only when it has run out of buffers
        fault(guest, kind, "struck")
        assert struck(guest, kind) > 0
    assert guest.stats()["alloc_failures"] == 0


@pytest.mark.parametrize("start", [0x7FFFFFFF - 4000, 0xFFFFFFFF - 4000])
def test_the_stacks_clock_may_wrap(boot, start):
    guest = boot(append=f"fault=clock:{start}")
    while guest.stats()["uptime_us"] < 6_000_000:
        assert len(guest.get("/data?bytes=300000")) == 300000
    assert guest.stats()["lwip"]["tcp_retransmits"] == 0


def test_a_bad_descriptor_head_costs_one_reset(boot):
    guest = boot(append="fault=bad_head@3s", healthy=False)
    fault(guest, "bad_head", "struck")
    assert len(guest.get("/data?bytes=100000")) == 100000
    stats = guest.stats()
    assert [q["resets"] for q in stats["queues"]] == [1, 1]
    assert stats["queues"][0]["first_error"] == "it asks for a reset"


def test_periodic_resets_lose_nothing_for_good(boot):
    guest = boot(append="fault=reset:1s@2s+5s")
    over = None
    while not over:
        assert len(guest.get("/data?bytes=200000")) == 200000
        over = next((r for r in guest.find("fault") if r["state"] == "over"), None)
    assert over["count"] == 5
    assert len(guest.get("/data?bytes=200000")) == 200000
    assert guest.stats()["alloc_failures"] == 0


def test_an_empty_stack_pool_costs_the_frames_of_that_time_only(boot):
    guest = boot(append="fault=pool_limit:0@3s+2s")
    fault(guest, "pool_limit", "over")
    assert len(guest.get("/data?bytes=200000")) == 200000
    stats = guest.stats()
    rx = next(q for q in stats["queues"] if q["queue"] == "rx")
    assert rx["posted_min"] + 64 >= rx["size"]
    assert stats["alloc_failures"] == 0


def test_an_unknown_fault_is_refused(boot):
    guest = boot(append="fault=drop_everything", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    assert "drop_kick:N" in guest.find("error")[0]["accepted"]
