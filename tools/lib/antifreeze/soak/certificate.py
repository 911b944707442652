# SPDX-License-Identifier: BSD-3-Clause
"""What a soak's own instrument does to its figures: the generator alone, without a network and without faults.

One guest has two NICs joined back to back by QEMU's hub. It floods from the first to the second at the rate of the soak and counts what
comes; QEMU writes down when each frame left, by the host's clock. Whatever is silent, late or lost there is no fault of a guest
under test. A soak has this measured right before it begins, as long as its own length allows; where it cannot be, the soak goes on
without, which is told.
"""

import array
import struct

from .. import Error, net
from . import load

READY_SECONDS = 60
END_SECONDS = 20  # beyond its time
SHORT, LONG, FROM = 5, 60, 1800  # seconds that it takes; the longer one before a soak FROM so many seconds on

_PORT = 8862  # of test frames
_HEAD = 64  # bytes of a frame that are kept: addresses and ports

# Criteria of the soak and the figure of the certificate that is the same of the instrument.
BESIDE = {
    "gap_ms": "gap_ms", "loss_ratio": "loss_ratio", "offered_error": "rate_error", "duplicates": "duplicate", "corrupt": "corrupt",
}  # fmt: skip


def length(seconds):
    """How long the certificate of such a soak takes."""
    return LONG if seconds >= FROM else min(SHORT, max(1, seconds // 10))


def make(folder, pps, seconds):
    """The certificate at so many frames a second, as plain numbers; `failed` says why there are none."""
    try:
        return measure(folder, pps, seconds)
    except Error as error:
        what, *more = str(error).splitlines()
        why = "; ".join([what, *(line for line in more if line.startswith("QEMU said: "))])
        return {"rate_pps": pps, "len": load.LENGTH, "seconds": seconds, "failed": why}


def measure(folder, pps, seconds):
    """The same; Error if the generator cannot be certified."""
    times = folder / "departures.pcap"
    loop = net.Loop()
    words = f"run=flood target=net1 rate={pps}pps len={load.LENGTH} time={seconds}s"
    dump = ("-object", f"filter-dump,id=departures,netdev=n0,maxlen={_HEAD},file={times}")
    with net.NetGuest(loop, folder, words, more_nics=[loop.nic()], more=dump) as guest:
        guest.wait("verdict", READY_SECONDS + seconds + END_SECONDS)
        results, stats = guest.find("result"), guest.find("stats")
        guest.wait_exit(END_SECONDS)
    result = next((one for one in results if one["job"].startswith("flood")), None)
    if result is None or result["end"] != "done" or not stats:
        raise Error(f"the generator alone did not end its flood of {seconds} s at {pps} frames/s: {folder}")
    try:
        departed = departures(times.read_bytes())
    except OSError as error:
        raise Error(f"QEMU wrote no capture of the generator's frames: {error}") from None
    times.unlink()
    return figures(pps, seconds, result, stats[-1]["gap_max_us"]["late"], departed)


def figures(pps, seconds, result, late_us, departed):
    """Of the flood's result, of how long the guest was not run at most, and of the ns at which each frame left."""
    if len(departed) < 2:
        raise Error(f"{len(departed)} frames of the generator were seen to leave")
    if not result["received"]:
        raise Error(f"of {result['offered']} frames of the generator none came back")
    between = sorted(b - a for a, b in zip(departed, departed[1:]))
    slot = 1e9 / pps
    errors = sorted(abs(ns - slot) for ns in between)
    delay = result["delay"]
    return {
        "rate_pps": pps, "len": load.LENGTH, "seconds": seconds,
        **{name: result[name] for name in ("intended", "offered", "received", "lost", "duplicate", "corrupt")},
        "gap_ms": round(max(between[-1] / 1e6, result["gap_max_us"] / 1e3, late_us / 1e3), 1),
        "pacing_error_us": {name: round(_share(errors, share) / 1e3, 1) for name, share in (("p50", 0.5), ("p99", 0.99))},
        "rate_error": (result["intended"] - result["offered"]) / result["intended"],
        "loss_ratio": result["lost"] / result["offered"],
        "delay_us": {name: delay[f"{name}_us"] for name in ("min", "p50", "p99", "max")},
    }  # fmt: skip


def _share(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


def departures(pcap):
    """ns of each test frame of a capture, in order."""
    order = {0xA1B2C3D4: (">", 1000), 0xA1B23C4D: (">", 1), 0xD4C3B2A1: ("<", 1000), 0x4D3CB2A1: ("<", 1)}.get(int.from_bytes(pcap[:4], "big"))
    if order is None:
        raise Error("QEMU wrote no capture of the generator's frames")
    endian, unit = order
    times, at = array.array("q"), 24
    while at + 16 <= len(pcap):
        seconds, part, kept, _ = struct.unpack_from(endian + "IIII", pcap, at)
        frame = pcap[at + 16 : at + 16 + kept]
        if frame[12:14] == b"\x08\x00" and frame[23:24] == b"\x11" and frame[36:38] == _PORT.to_bytes(2, "big"):
            times.append(seconds * 10**9 + part * unit)
        at += 16 + kept
    return times


def worse(certificate, criteria):
    """{criterion: sentence} where the instrument alone does not keep what the criterion, of criteria.load(), asks of a guest."""
    if "failed" in certificate:
        return {}
    return {
        name: f"the instrument's own noise: the generator alone has {certificate[figure]:.4g} {criteria[name].unit}, limit {criteria[name].sign} {criteria[name].limit:g}"
        for name, figure in BESIDE.items() if name in criteria and not criteria[name].holds(certificate[figure])
    }  # fmt: skip


def words(certificate):
    """In one line."""
    one = certificate
    if "failed" in one:
        return f"no certificate: {one['failed']}"
    return (
        f"certificate: the generator alone at {one['rate_pps']} frames/s ({one['len']}) for {one['seconds']} s: longest gap {one['gap_ms']:g} ms, "
        f"pacing within {one['pacing_error_us']['p50']:g} µs (99 %: {one['pacing_error_us']['p99']:g}), {one['intended'] - one['offered']} not sent "
        f"and {one['lost']} lost of {one['intended']}, delay from {one['delay_us']['min']:g} µs"
    )
