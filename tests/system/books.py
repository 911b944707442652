# SPDX-License-Identifier: BSD-3-Clause
"""What must hold of a guest's statistics when nothing but good things happened to it."""

import statistics

# May happen on a busy host, and is nobody's fault here.
NOT_OURS = "guest_late"

BATCH = 64  # the most frames that leave the receive ring at once; of a short ring half

SHORT = 64  # entries of a transmit ring that several connections fill at times: then TCP sends again


def carriers(stats):
    """The queues that carry frames."""
    return [queue for queue in stats["queues"] if queue["queue"] in ("rx", "tx")]


def check_books(guest, stalls=()):
    """Every buffer has an owner, the receive rings never ran dry, no allocation failed, nothing stood still
    but for these causes; returns the statistics."""
    stats = guest.stats()
    assert stats["alloc_failures"] == 0, [pool for pool in stats["pools"] if pool["failures"]]
    for name, buffers in stats["buffers"].items():
        owners = {owner: n for owner, n in buffers.items() if owner != "size"}
        assert sum(owners.values()) == buffers["size"], (name, buffers)
    rings = {nic["nic"]: nic["rx_ring"] for nic in guest.find("nic")}
    for queue in stats["queues"]:
        assert queue["resets"] == 0, queue
        dropped = {reason for reason, n in queue["drops"].items() if n}
        assert not dropped or (dropped == {"full"} and queue["size"] < SHORT), queue
        if queue["queue"] == "rx":
            ring = rings[queue["nic"]]
            assert queue["posted"] == ring, queue
            assert queue["posted_min"] >= ring - min(BATCH, max(ring // 2, 1)), queue
    stood = {cause: n for cause, n in stats["stalls_by_cause"].items() if n}
    assert set(stood) <= {NOT_OURS, *stalls}, stood
    return stats


def bar(figures, fault, limit, recoveries):
    """Each of these repetitions was over in time; None is one that never was. A line of the table of faults."""
    failures = [seconds for seconds in recoveries if seconds is None or seconds > limit]
    known = [seconds for seconds in recoveries if seconds is not None] or [float("nan")]
    figures |= {
        "fault": fault,
        "repetitions": len(recoveries),
        "failures": len(failures),
        "median s": round(statistics.median(known), 3),
        "max s": round(max(known), 3),
        "limit s": limit,
    }
    assert not failures, f"{len(failures)} of {len(recoveries)} not over within {limit} s: {failures[:10]}"


def power_off(guest, timeout=60):
    """The power button: the guest ends, and in PASS."""
    guest.qmp.command("system_powerdown")
    status = guest.wait_exit(timeout)
    failed = [c for verdict in guest.find("verdict") for c in verdict["criteria"] if not c["ok"]]
    assert status == 0 and not failed, guest.error(f"status {status}, {failed}")
    assert guest.find("verdict")[0]["status"] == "PASS"
