# SPDX-License-Identifier: BSD-3-Clause
"""The least memory with which a guest boots and serves: TCP both ways, four streams."""

from .. import Error, iperf, net


def serves(kind, log_dir, memory_mib, ready_seconds, **machine):
    """True if a guest of this kind with so much memory gets ready in time, answers, and carries TCP both ways."""
    try:
        with net.Tap() as tap, kind(tap, log_dir, memory_mib=memory_mib, **machine) as guest:
            guest.wait("ready", ready_seconds)
            for words in ([], ["-R"]):
                guest.settle()
                if not iperf.run(guest.iperf3("-t", 1, "-P", 4, *words), timeout=20).ok:
                    return False
            return guest.alloc_failures() == 0
    except Error:
        return False


def least(serving, most, step=1):
    """The smallest multiple of `step`, up to `most`, for which serving(MiB) is true; None if it is not for `most`."""
    if not serving(most):
        return None
    low, high = 1, most // step
    while low < high:
        middle = (low + high) // 2
        if serving(middle * step):
            high = middle
        else:
            low = middle + 1
    return high * step
