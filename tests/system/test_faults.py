# SPDX-License-Identifier: BSD-3-Clause
"""Faults on demand in the shipped image: each is announced, named as what it is, survived in time, not held
against the device, and traffic is whole afterwards."""

import contextlib
import socket

import pytest
from books import bar, power_off

from antifreeze import net as networks, qemu

LONG = pytest.mark.long


def fault(guest, kind, state, timeout=60):
    """The `fault` record of this kind and state."""
    return guest.wait("fault", timeout, lambda r: r["fault"] == kind and r["state"] == state)


def download(guest, n=100000):
    assert len(guest.get(f"/data?bytes={n}", timeout=60)) == n


def keep_busy(guest):
    """Downloads as long as it lives."""
    with socket.create_connection(guest.address("http"), timeout=0.5) as client:
        client.sendall(b"GET /data?bytes=100000000000 HTTP/1.1\r\nHost: guest\r\n\r\n")
        while guest.alive():
            with contextlib.suppress(TimeoutError):
                client.recv(1 << 20)


def until(guest, done, timeout_us=600_000_000):
    """Downloads until done(stats); returns these. The guest's clock is the limit."""
    while True:
        download(guest)
        stats = guest.stats()
        if done(stats):
            return stats
        assert stats["uptime_us"] < timeout_us, stats


def struck(stats, kind):
    """How often it has struck so far."""
    return next(f["count"] for f in stats["faults"] if f["fault"] == kind)


def queue(stats, name):
    return next(q for q in stats["queues"] if q["queue"] == name)


def named_alone(stats, cause):
    """No stall had another cause but what this host may do to a guest."""
    others = {c: n for c, n in stats["stalls_by_cause"].items() if n and c not in (cause, "guest_late")}
    assert not others, others


@pytest.mark.parametrize(
    "words,times",
    [("drop_kick:7", 20), ("drop_kick_tx:3", 20), ("drop_kick_tx:1", 10), pytest.param("drop_kick:7", 200, marks=LONG)],
)
@pytest.mark.limit(1200)
@pytest.mark.alone
def test_lost_doorbells_are_named_and_repaired(boot, words, times):
    guest = boot(append=f"fault={words}")
    kind, n = words.split(":")
    assert fault(guest, kind, "asked")["n"] == int(n)
    stats = until(guest, lambda s: struck(s, kind) >= times and s["stalls_by_cause"]["lost_kick"] > 0)
    fault(guest, kind, "struck")
    assert stats["recoveries_by_action"]["kick"] > 0
    assert stats["gap_max_us"]["tx"] <= 1_000_000
    assert stats["alloc_failures"] == 0
    said = [r for r in guest.find("stall") if r["cause"] == "lost_kick"]
    assert said and all(r["injected"] for r in said)


@pytest.mark.parametrize("words", ["drop_kick_tx:1", pytest.param("drop_kick:1", marks=LONG)])
@pytest.mark.parametrize("options", [{}, pytest.param({"packed": "on"}, marks=LONG)], ids=["split", "packed"])
@pytest.mark.parametrize("times", [10, pytest.param(100, marks=LONG)])
@pytest.mark.limit(1200)
@pytest.mark.alone
def test_every_lost_doorbell_is_named_as_that(boot, words, options, times, figures):
    guest = boot(append=f"fault={words}", options=options)
    stats = until(guest, lambda s: s["stalls_by_cause"]["lost_kick"] >= times)
    named_alone(stats, "lost_kick")
    ended = [r for r in guest.find("recovered") if r["cause"] == "lost_kick"]
    assert all(r["action"] == "kick" for r in ended)
    assert all(r["injected"] for r in guest.find("stall") if r["cause"] == "lost_kick")
    bar(figures, f"{words}, {options}", 1.0, [stats["gap_max_us"]["tx"] / 1e6] * times)


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=LONG)])
@pytest.mark.limit(1200)
@pytest.mark.alone
def test_lost_doorbells_of_receive_cost_no_request(boot, times, figures):
    """QEMU wants one only when it has run out of buffers: there are few."""
    guest = boot(append="fault=drop_kick_rx:1 rx_ring=4")
    stats = until(guest, lambda s: struck(s, "drop_kick_rx") >= times)
    named_alone(stats, "lost_kick")
    assert all(r["queue"] == "rx" and r["injected"] for r in guest.find("stall") if r["cause"] == "lost_kick")
    bar(figures, "drop_kick_rx:1", 1.0, [stats["gap_max_us"]["rx"] / 1e6] * times)


@pytest.mark.parametrize("words,times", [("drop_irq:1", 20), ("drop_irq:11", 5), pytest.param("drop_irq:2", 200, marks=LONG)])
@pytest.mark.limit(1200)
@pytest.mark.alone
def test_lost_interrupts_are_named_and_cost_little(boot, words, times):
    guest = boot(append=f"fault={words}")
    stats = until(guest, lambda s: struck(s, "drop_irq") >= times and s["stalls_by_cause"]["lost_irq"] > 0)
    said = guest.wait("stall", 10, lambda r: r["cause"] == "lost_irq")
    assert said["injected"] and said["completed"] >= said["irq_after"] > 0 and said["waited_us"] >= 100_000
    back = guest.wait("recovered", 10, lambda r: r["cause"] == "lost_irq" and r["queue"] == said["queue"])
    assert (back["action"], back["after_us"]) == ("poll", said["stalled_us"])
    assert stats["recoveries_by_action"]["poll"] > 0
    assert stats["gap_max_us"]["tx"] <= 1_000_000
    assert stats["stalls_by_cause"]["backend_blocked"] == stats["stalls_by_cause"]["device_broken"] == 0


def test_what_is_not_reaped_is_the_guests_own_doing(boot):
    guest = boot(append="fault=no_reap@1s+2s")
    fault(guest, "no_reap", "asked")
    while not guest.find("stall"):
        download(guest)
    stall = guest.find("stall")[0]
    assert (stall["cause"], stall["queue"], stall["injected"]) == ("guest_late", "tx", True)
    recovered = guest.wait("recovered", 30)
    assert (recovered["cause"], recovered["action"]) == ("guest_late", "poll")
    assert recovered["after_us"] <= 3_000_000
    download(guest)
    power_off(guest)


HALF, WHOLE = 0x7FFFFFFF, 0xFFFFFFFF  # ms, where signs and the clock itself turn over


@pytest.mark.parametrize("turn", [pytest.param(HALF, marks=LONG), WHOLE])
def test_the_stacks_clock_may_wrap(boot, turn):
    guest = boot(append=f"fault=clock:{turn - 1500}")
    stats = until(guest, lambda s: s["uptime_us"] > 4_000_000)
    assert stats["lwip"]["tcp_retransmits"] == 0


@LONG
@pytest.mark.parametrize("turn", [HALF, WHOLE])
@pytest.mark.limit(1200)
def test_the_stacks_clock_may_wrap_at_any_moment(boot, turn, figures):
    """In the middle of a boot, of an idle time, or of a download."""
    pauses = []
    for k in range(50):
        guest = boot(append=f"fault=clock:{turn - 20 * k}")
        stats = until(guest, lambda s: s["uptime_us"] > 20_000 * k + 500_000)
        pauses.append(max(stats["gap_max_us"]["tx"], stats["gap_max_us"]["rx"]) / 1e6)
        named_alone(stats, "guest_late")
        guest.close()
    bar(figures, f"clock:{turn}", 1.0, pauses)


@LONG
@pytest.mark.parametrize("kind", ["assert", "null", "write", "exec", "stack", "smash"])
@pytest.mark.limit(1200)
def test_every_panic_under_load_ends_the_run_with_its_record(boot, kind, figures):
    ends = []
    for k in range(17):
        guest = boot(append=f"fault=panic:{kind}@{300 + 50 * k}ms", healthy=False)
        with contextlib.suppress(OSError):  # it may be gone before
            keep_busy(guest)
        assert guest.wait_exit(60) == qemu.STATUS_PANIC
        [panic] = guest.find("panic")
        assert guest.records[-1] is panic
        ends.append(panic["t_us"] / 1e6 - (0.3 + 0.05 * k))
    bar(figures, f"panic:{kind}", 1.0, ends)


@pytest.mark.parametrize("packed", [pytest.param("off", marks=LONG), "on"])
@pytest.mark.parametrize("times", [3, pytest.param(100, marks=LONG)])
@pytest.mark.limit(1200)
def test_a_bad_descriptor_head_costs_a_reset_each(boot, times, packed, figures):
    guest = boot(append=f"fault=bad_head:2s@1s", options={"packed": packed})
    fault(guest, "bad_head", "struck")
    stats = until(guest, lambda s: queue(s, "rx")["resets"] >= times)
    assert queue(stats, "rx")["first_error"] == "it asks for a reset"
    stalls, ends = guest.find("stall"), guest.find("recovered")
    broken = [r for r in stalls if r["cause"] == "device_broken"]
    assert broken and all(r["injected"] and r["why"] == "it asks for a reset" for r in broken)
    back = [r for r in ends if r["cause"] == "device_broken"]
    assert back and all(r["action"] == "reset" for r in back)
    bar(figures, f"bad_head:2s, packed={packed}", 2.0, [r["after_us"] / 1e6 for r in back])
    power_off(guest)


@LONG
@pytest.mark.limit(240)
def test_a_legacy_device_that_breaks_in_silence_is_found(boot, tap):
    """It has no way to ask for a reset, and nobody waits for anything: the guest asks whom it knows."""
    guest = boot(append="ip6=off fault=bad_head@5s", options={"disable-modern": "on"}, net=tap)
    download(guest)
    fault(guest, "bad_head", "struck")
    assert guest.wait("stall", 120, lambda r: r["cause"] != "guest_late")["injected"]
    back = guest.wait("recovered", 60, lambda r: r["cause"] != "guest_late")
    assert (back["cause"], back["action"]) == ("backend_blocked", "reset")
    assert back["after_us"] < 10_000_000
    download(guest)


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=LONG)])
@pytest.mark.limit(1200)
def test_periodic_resets_lose_nothing_for_good(boot, times):
    guest = boot(append=f"fault=reset:1s@1s+{times}s")
    while not any(r["state"] == "over" for r in guest.find("fault")):
        download(guest)
    assert fault(guest, "reset", "over")["count"] == times
    download(guest)
    power_off(guest)


def features(guest):
    """What was agreed on, one after the other."""
    return [set(record["features"]) for record in guest.find("nic")]


@pytest.mark.parametrize("packed", ["off", pytest.param("on", marks=LONG)])
@pytest.mark.parametrize("times", [4, pytest.param(100, marks=LONG)])
@pytest.mark.limit(1200)
def test_features_are_agreed_on_anew_under_load(boot, times, packed):
    """Segments for the device to cut are under way when it no longer does."""
    guest = boot(append=f"fault=renegotiate:700ms@1s+{700 * times - 100}ms", options={"packed": packed})
    while not any(r["state"] == "over" for r in guest.find("fault")):
        download(guest)
    assert fault(guest, "renegotiate", "over")["count"] == times
    until(guest, lambda s: len(features(guest)) > 1 and features(guest)[-1] == features(guest)[0])
    for gone in ({"csum"}, {"event_idx"}, {"status"}):
        assert not gone <= features(guest)[0] or any(not gone & agreed for agreed in features(guest))
    stats = guest.stats()
    named_alone(stats, "guest_late")
    assert stats["alloc_failures"] == 0 and not any(q["resets"] for q in stats["queues"])
    power_off(guest)


def order(guest, words):
    """Orders a fault; the status of the answer."""
    return networks.order_fault(guest.address("http"), words)


def test_faults_may_be_ordered_while_it_runs(boot):
    guest = boot(append="fault=allow")
    assert guest.find("fault")[0]["fault"] == "allow"
    assert order(guest, "bad_head@0s+1s") == 200
    assert order(guest, "panic:null@0s+1s") == 400
    assert guest.wait("stall", 30, lambda r: r["cause"] == "device_broken")["injected"]
    guest.wait("recovered", 30, lambda r: r["cause"] == "device_broken")
    fault(guest, "bad_head", "over")
    assert order(guest, "bad_head@0s+1s") == 200
    until(guest, lambda s: queue(s, "rx")["resets"] == 2)
    power_off(guest)


def test_nobody_orders_faults_unless_it_was_allowed(boot):
    guest = boot()
    assert order(guest, "bad_head@0s+1s") == 403
    assert not guest.stats()["faults"]
    power_off(guest)


def test_an_empty_stack_pool_costs_the_frames_of_that_time_only(boot):
    guest = boot(append="fault=pool_limit:0@1s+2s")
    while not any(r["state"] == "over" for r in guest.find("fault")):
        download(guest)
    rx = queue(guest.stats(), "rx")
    assert rx["posted_min"] + 64 >= rx["size"]
    power_off(guest)


@pytest.mark.parametrize("times", [2, pytest.param(100, marks=LONG)])
@pytest.mark.limit(1200)
def test_a_lost_buffer_is_repaired_and_fails_the_run(boot, times):
    words = f"check=repair fault=lose_buffer:2s@1s+{2 * times}s"
    guest = boot(append=words, healthy=False)
    while guest.stats()["conservation_violations"] < times:
        download(guest)
    assert len(guest.find("error")) == times and "do not add up" in guest.find("error")[0]["message"]
    fault(guest, "lose_buffer", "over")
    download(guest)
    guest.qmp.command("system_powerdown")
    assert guest.wait_exit(60) == qemu.STATUS_FAIL
    [criterion] = [c for c in guest.find("verdict")[0]["criteria"] if not c["ok"]]
    assert (criterion["name"], criterion["value"]) == ("conservation_violations", times)


def test_a_lost_buffer_ends_a_test(boot):
    guest = boot(append="check=panic fault=lose_buffer@2s", healthy=False)
    assert guest.wait_exit() == qemu.STATUS_PANIC
    assert "do not add up" in guest.find("panic")[0]["message"]


def test_an_unknown_fault_is_refused(boot):
    guest = boot(append="fault=drop_everything", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    assert "drop_kick:N" in guest.find("error")[0]["accepted"]
