# SPDX-License-Identifier: BSD-3-Clause
"""Nobody is blamed for what the host did: QEMU's main loop, which is the device, is held up while the guest runs."""

import ctypes
import os
import random
import socket
import threading
import time

import pytest

SEIZE, INTERRUPT, DETACH, EVERY_THREAD = 0x4206, 0x4207, 17, 0x40000000  # of ptrace and waitpid
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, tid):
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(tid), None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def hold_up(tid, seconds):
    """This thread alone does not run for so long."""
    try:
        ptrace(SEIZE, tid)
    except PermissionError:
        pytest.skip("this host lets nobody hold up a thread")
    ptrace(INTERRUPT, tid)
    os.waitpid(tid, EVERY_THREAD)
    time.sleep(seconds)
    ptrace(DETACH, tid)


def keep_downloading(guest, end):
    with socket.create_connection(guest.address("http"), timeout=60) as client:
        client.sendall(b"GET /data?bytes=100000000000 HTTP/1.1\r\nHost: guest\r\n\r\n")
        while not end.is_set() and client.recv(1 << 16):
            pass


def pauses_blamed(guest, times):
    """Counts of stalls by cause after so many pauses of 50 to 500 ms at any phase."""
    end = threading.Event()
    peer = threading.Thread(target=keep_downloading, args=(guest, end))
    peer.start()
    chance = random.Random(1)
    try:
        for _ in range(times):
            time.sleep(chance.uniform(0.05, 0.3))
            hold_up(guest.process.pid, chance.uniform(0.05, 0.5))
    finally:
        end.set()
        peer.join()
    return guest.stats()["stalls_by_cause"]


LONG = pytest.mark.long


@pytest.mark.parametrize("options", [{}, pytest.param({"packed": "on"}, marks=LONG)], ids=["split", "packed"])
@pytest.mark.parametrize("times", [10, pytest.param(500, marks=LONG)])
@pytest.mark.limit(900)
def test_device_that_is_not_run_has_lost_no_doorbell(boot, options, times, figures):
    guest = boot(options=options)
    causes = pauses_blamed(guest, times)
    figures |= {"pauses": times} | {cause: n for cause, n in causes.items() if n}
    assert causes["backend_blocked"] + causes["guest_late"] > 0, "the pauses came to nothing"
    assert causes["lost_kick"] == 0
