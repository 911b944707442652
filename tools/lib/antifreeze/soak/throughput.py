# SPDX-License-Identifier: BSD-3-Clause
"""`tools/antifreeze throughput`: the rates that a guest takes, searched for with a second guest as the generator.

The two are in the private world, each on a tap of its own, and the host routes between them. The generator floods at the rates
that the search asks for, a job for each trial; the other one counts in its sink what arrives. (Where trials are so short that more
runs of frames follow each other than the sink keeps apart, it counts them all the same.)
"""

import argparse
import http.client
import json
import os
import pathlib
import tempfile
import time

from .. import Error, net, qemu, show, world
from . import estimate, search

HELP = "search for the highest rates that a guest receives without loss, and with little"

READY_SECONDS = 60
LATE_SECONDS = 10  # that a job may take beyond its time
SETTLED_SECONDS = 0.2  # in which nothing more comes of a trial
LEAST_SHARE = 1000  # of the rate that the generator manages: less is not looked for


class Bench:
    """Two guests and what lies between them. `netdev`, `options`, `words` and what else a machine has are those of the guest
    that is asked; the generator has none of them."""

    def __init__(self, folder, length, netdev="", options=None, words="", **machine):
        self._open = []
        self._length = length
        try:
            pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            self.guest = self._boot(folder / "dut", net.Tap(netdev=netdev), words, options, **machine)
            self.generator = self._boot(folder / "generator", net.Tap())
            for guest in (self.guest, self.generator):
                guest.wait("ready", READY_SECONDS)
                guest.net.know_guest()
        except BaseException:
            self.close()
            raise

    def _boot(self, folder, network, words="", options=None, **machine):
        self._open.append(network)
        self._open.append(net.NetGuest(network, folder, f"services=http,sink {words}".strip(), options, **machine))
        return self._open[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        while self._open:
            self._open.pop().close()

    def flood(self, rate, seconds):
        """A job of the generator from its start to its end: its counts, as GET /jobs has them."""
        job = self._ask("POST", "/jobs", {
            "run": "flood", "target": self.guest.net.guest4, "rate": rate, "time": f"{round(1000 * seconds)}ms", "len": self._length,
        })  # fmt: skip
        deadline = time.monotonic() + seconds + LATE_SECONDS
        time.sleep(seconds)
        while job["state"] != "over":
            if time.monotonic() > deadline:
                raise self.generator.error(f"a flood of {seconds} s had not ended after {seconds + LATE_SECONDS} s")
            time.sleep(0.05)
            job = self._ask("GET", f"/jobs/{job['id']}")
        if job["end"] != "done":
            raise self.generator.error(f"the flood ended with {job['end']}")
        return job["counts"]

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(*self.generator.address("http"), timeout=20)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {} if text is None else {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise self.generator.error(f"{method} {path}: {error!r}") from None
        finally:
            connection.close()
        if answer.status not in (200, 201):
            raise self.generator.error(f"{method} {path}: {answer.status} {said.strip()}")
        return json.loads(said)

    def _frames(self, until=None):
        """Test frames that have come so far: as many as `until`, or when no more come."""
        last, since = -1, time.monotonic()
        while True:
            now = self.guest.stats()["services"]["sink"]["frames"]
            if now != last:
                last, since = now, time.monotonic()
            if now == until or time.monotonic() - since > SETTLED_SECONDS:
                return now
            time.sleep(0.02)

    def trial(self, pps, seconds):
        """(intended, received)"""
        before = self._frames()
        counts = self.flood(f"{pps}pps", seconds)
        return counts["intended"], self._frames(before + counts["offered"]) - before

    def fastest(self):
        """Frames a second that the generator sends as fast as it goes."""
        return self.flood("0", 1)["offered"]


def options(jobs, epilog):
    words = jobs.add_parser(
        "throughput", help=HELP, description=HELP[0].upper() + HELP[1:] + ". docs/soak.md explains how.", epilog=epilog, allow_abbrev=False,
        usage="%(prog)s [options]", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    words.add_argument("--len", default="60", metavar="LIST", help="bytes of a frame: 60 (default), 60,590,1514, imix")
    words.add_argument("--trial", type=float, default=search.NDR.seconds, metavar="SECONDS", help="of a full trial (default 1)")
    words.add_argument("--sum", type=float, default=search.NDR.sum_seconds, metavar="SECONDS", help="of the trials at a bound (default 21)")
    words.add_argument("--width", type=float, default=search.NDR.width, metavar="SHARE", help="between the bounds (default 0.005)")
    words.add_argument("--critical", type=float, metavar="SECONDS", help="estimate the load with a loss of 1e-7 as well, for so long; 0: from the trials that there are")
    words.add_argument("--json", metavar="FILE", help="the result")
    words.add_argument("--quiet", action="store_true", help="say nothing but errors")


def goals(said):
    """The two goals with what the command line says of them."""
    if not 0 < said.trial <= said.sum:
        raise Error(f"--trial {said.trial:g} --sum {said.sum:g}: trials take more than no time, and not more than their sum")
    if not 0 < said.width < 1:
        raise Error(f"--width {said.width:g}: a share of the rate, more than 0 and less than 1")
    return [search.Goal(goal.name, goal.loss_ratio, said.trial, said.sum, goal.exceed_ratio, said.width) for goal in (search.NDR, search.PDR)]


def main(said):
    wanted = goals(said)
    world.enter()
    world.interruptible()
    qemu.program()
    if world.why_no_taps():
        raise Error(f"the search needs taps: {world.why_no_taps()}")
    with open(os.devnull, "w", encoding="utf-8") as nothing, tempfile.TemporaryDirectory(prefix="antifreeze-") as folder:
        progress = show.Progress(nothing if said.quiet else None)
        with Bench(pathlib.Path(folder), said.len) as bench:
            result = measure(bench, wanted, said.critical, progress)
        progress.clear()
        progress.say(table(result))
    if said.json:
        pathlib.Path(said.json).write_text(json.dumps(result | {"len": said.len, "accelerator": qemu.accelerator().why}, indent=1) + "\n")
    return 0


def measure(bench, wanted, critical_seconds, progress):
    """The rates, as plain numbers. `critical_seconds` are those of the search for the critical load: 0 takes the trials of the other rates
    for it, None does without."""
    most = bench.fastest()
    least = max(1, most // LEAST_SHARE)
    trials = []

    def trial(pps, seconds):
        intended, received = bench.trial(pps, seconds)
        progress.show(f"  {pps:9} pps for {seconds:5.2f} s: {intended - received} of {intended} lost")
        trials.append((pps, seconds, max(0, intended - received)))
        return intended, received

    found = search.search(trial, wanted, least, most)
    result = {"fastest": most} | {
        one.goal.name: {"pps": one.pps, "lower": one.lower, "upper": one.upper, "loss_ratio": one.goal.loss_ratio} for one in found
    }  # fmt: skip
    if critical_seconds is not None:
        if critical_seconds:
            one = estimate.search(trial, least, most, critical_seconds, start=found[0].pps or least)
        else:
            one = estimate.of(trials, least, most)
        result["critical"] = {"pps": one.mean, "stdev": one.stdev, "trials": one.trials, "loss_ratio": estimate.TARGET}
    return result


def table(result):
    lines = [_row("as fast as the generator goes", result["fastest"])]
    for name in ("ndr", "pdr"):
        one = result[name]
        bounds = f"between {one['lower'] or 'nothing'} and {one['upper'] or 'what the generator manages'}"
        lines.append(_row(f"{name.upper()}, loss of {one['loss_ratio']:.1%} at most", one["pps"], bounds))
    if "critical" in result:
        one = result["critical"]
        lines.append(_row(f"loss of {one['loss_ratio']:.0e}, estimated", one["pps"], f"± {one['stdev']:.0f}, from {one['trials']} trials"))
    return "\n".join(lines)


def _row(what, pps, more=""):
    return f"  {what:30} {pps:10.0f} pps   {more}".rstrip()
