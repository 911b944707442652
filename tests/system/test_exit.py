# SPDX-License-Identifier: BSD-3-Clause
"""How a run ends: QEMU's exit status and the last records."""

import contextlib
import subprocess

import pytest
from scribble import Scribble, queue

from antifreeze import net as networks, qemu

# kind: words of its message, and a function that the backtrace names. A smashed frame ends the backtrace,
# and an endless recursion fills it.
PANICS = {
    "assert": ("assertion failed", "kernel_main"),
    "null": ("page fault", "kernel_main"),
    "write": ("page fault", "kernel_main"),
    "exec": ("page fault", "kernel_main"),
    "stack": ("stack overflow", "overflow_stack"),
    "smash": ("stack smashed", "smash_stack"),
}


def test_exit_after_a_time_powers_off_with_verdict_pass(boot):
    guest = boot(append="exit=500ms")
    assert guest.wait_exit() == qemu.STATUS_PASS
    verdict = guest.find("verdict")[0]
    assert verdict["status"] == "PASS"
    assert all(criterion["ok"] for criterion in verdict["criteria"])
    assert {"name", "limit", "value", "ok"} <= set(verdict["criteria"][0])
    assert guest.records[-1] is verdict


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_power_button_ends_the_run_with_its_verdict(boot, machine):
    guest = boot(machine=machine)
    guest.qmp.command("system_powerdown")
    assert guest.wait_exit(30) == qemu.STATUS_PASS
    assert [record["event"] for record in guest.records[-2:]] == ["stats", "verdict"]


def index_that_cannot_be(device):
    """The device says that it has done more than it was given."""
    return device["vring-used"] + 2, (device["used-idx"] + 5000 & 0xFFFF).to_bytes(2, "little")


def byte_beside_the_ring(device):
    return device["vring-desc"] - 1, b"\0"


@contextlib.contextmanager
def silent(tap):
    """Nothing comes from the host: with a frame that came while the guest stood still QEMU would write an index of its own over the wrong
    one before the guest had looked."""
    networks.ip(f"link set dev {tap.name} down")
    yield
    networks.ip(f"link set dev {tap.name} up")


@pytest.mark.parametrize(
    "place,why",
    [(index_that_cannot_be, "more completions than buffers"), (byte_beside_the_ring, "memory beside this ring was written to")],
    ids=["index", "guard"],
)
def test_device_that_breaks_the_rules_is_reset_and_the_verdict_is_fail(boot, tap, place, why):
    guest = boot(net=tap, healthy=False)
    with silent(tap):
        with Scribble(guest) as memory:
            memory.write(*place(queue(guest, 0)))
        error = guest.wait("error", 20)
    assert "breaks the rules" in error["message"]
    guest.wait("recovered", 20)
    stats = guest.stats()  # it is up again, and serves
    assert stats["recoveries"] == 1 and stats["alloc_failures"] == 0
    guest.qmp.command("system_powerdown")
    assert guest.wait_exit() == qemu.STATUS_FAIL
    verdict = guest.find("verdict")[0]
    assert verdict["status"] == "FAIL"
    broken = {criterion["name"]: criterion["value"] for criterion in verdict["criteria"] if not criterion["ok"]}
    assert broken == {"device_resets": 1, "stalls": 1}
    [stall] = guest.find("stall")
    assert stall["cause"] == "device_broken" and why in stall["why"]


@pytest.mark.parametrize("kind", PANICS)
def test_panic_is_a_record_with_registers_and_names_and_status_7(boot, kind):
    guest = boot(append=f"fault=panic:{kind}@100ms", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_PANIC
    panic = guest.find("panic")[0]
    words, function = PANICS[kind]
    assert words in panic["message"]
    assert any(place.startswith(function + "+0x") for place in panic["backtrace"]), panic["backtrace"]
    if kind in ("null", "write", "exec", "stack"):
        assert panic["registers"]["rip"].startswith("0x")
    assert guest.records[-1] is panic
    assert not guest.console.malformed


def test_panic_under_uefi_has_the_same_record(boot):
    guest = boot(boot="efi", memory_mib=256, append="fault=panic:null@100ms", ready=False, healthy=False)
    assert guest.wait_exit(120) == qemu.STATUS_PANIC
    assert any("kernel_main+0x" in place for place in guest.find("panic")[0]["backtrace"])


@pytest.mark.parametrize("words,event", [("fault=panic:null", "panic"), ("mtu=1", "error")])
def test_without_the_exit_device_the_guest_powers_off_after_the_record(boot, words, event):
    guest = boot(append=words, ready=False, healthy=False, debug_exit=False)
    assert guest.wait_exit() == 0
    assert guest.records[-1]["event"] == event


@pytest.mark.parametrize("words", ["mtu=1", "fault=panic:assert", "exit=50ms"])
def test_last_record_is_whole_although_its_reader_comes_late(boot, words):
    guest = boot(append=words, ready=False, healthy=False, console_held=True)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for its reader, who is late by this second
        guest.process.wait(1)
    guest.console.release()
    guest.wait_exit()
    assert guest.records[-1]["event"] in ("error", "panic", "verdict")
