# SPDX-License-Identifier: BSD-3-Clause
"""The words behind `tools/antifreeze soak`, and the run they ask for."""

import argparse
import os
import pathlib
import platform
import random
import shlex
import subprocess
import time

from .. import BUILD, TOP, Error, own_folder, qemu, world
from . import certificate, heir, kinds, load, log, loop, plan, report
from .judge import Judge
from .live import Live
from .rig import Rig

HELP = "soak a guest in mixed traffic and faults, and judge it by written criteria"
EPILOG = """\
Ctrl-C ends it in order, with a report of what was run; a second one ends it at once.

exit status: 0 PASS, 1 FAIL, 2 it could not be run, or not be judged
"""
FOLDER = BUILD / "soak"
GRACE = 1800  # seconds that a soak has after Ctrl-C: the report of a day reads all of its records


def options(jobs):
    soak = jobs.add_parser(
        "soak", help=HELP, description=HELP[0].upper() + HELP[1:] + ". docs/soak.md explains what is done and judged.", epilog=EPILOG,
        allow_abbrev=False, usage="%(prog)s [DURATION] [options] [-- QEMU's arguments]", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    soak.add_argument("duration", nargs="?", default="5m", metavar="DURATION", help=f"{', '.join(plan.LEVELS)} or any other (default 5m)")
    soak.add_argument("--seed", type=int, metavar="N", help="of phases, faults and the guest; printed if it is drawn")
    which = soak.add_mutually_exclusive_group()
    which.add_argument("--no-faults", action="store_true", help="only traffic")
    which.add_argument("--fault", action="append", metavar="NAME", help=f"only this one, or these: {', '.join(kinds.KINDS)}")
    soak.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the guest")
    soak.add_argument("--image", metavar="FILE", help="another guest than the one in build/")
    soak.add_argument("--qemu", metavar="PROGRAM", help="the emulator, as QEMU= names it")
    soak.add_argument("--accel", metavar="NAME", help="the accelerator, as ACCEL= names it")
    soak.add_argument("--nic", action="append", default=[], metavar="OPTION=VALUE", help="of the virtio NICs: packed=on")
    soak.add_argument("--netdev", default="", metavar="TEXT", help="behind the -netdev of each tap: vhost=on")
    soak.add_argument("--folder", metavar="FOLDER", help="for records and report, instead of one of its own in build/soak")
    soak.add_argument("--report", metavar="FOLDER", help="makes the report of a run from its records, whether it ended or was killed")
    soak.add_argument("--verdict-only", action="store_true", help="one line: the verdict")
    soak.add_argument("--quiet", action="store_true", help="say nothing but errors")


def versions():
    said = {"qemu": [*qemu.program(), "--version"], "antifreeze": ["git", "-C", str(TOP), "describe", "--always", "--dirty"]}
    said |= {name: [name, "--version"] for name in ("iperf3", "curl")}
    return {"kernel": platform.release(), "python": platform.python_version()} | {name: _first_line(words) for name, words in said.items()}


def _first_line(words):
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout or done.stderr).strip().split("\n")[0]


def _new_folder(wanted):
    if wanted:
        folder = pathlib.Path(wanted)
        if folder.is_dir() and any(folder.iterdir()):
            raise Error(f"{folder} is not empty: every soak has a folder of its own")
    else:
        folder = FOLDER / time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    return own_folder(folder)


def main(said, extra, pairs):
    """The exit status: 0 PASS, 1 FAIL, 2 it could not be judged. `pairs` reads KEY=VALUE words."""
    if said.report:
        folder = pathlib.Path(said.report)
        verdict = _report(folder)
    else:
        for name in ("qemu", "accel"):
            if getattr(said, name):
                os.environ[name.upper()] = getattr(said, name)
        seconds = plan.duration(said.duration)
        world.enter(GRACE, heir.start(GRACE))
        qemu.program()
        verdict, folder = _run(said, seconds, extra, pairs)
    if not said.quiet:
        if not said.verdict_only:
            print(_table(verdict))
        print(_line(verdict, folder))
    return {"PASS": 0, "FAIL": 1}.get(verdict["status"], 2)


def _report(folder):
    if not (folder / log.NAME).is_file():
        raise Error(f"there is no {log.NAME} of a soak in {folder}")
    return report.write(folder)


def _table(verdict):
    mark = {True: "ok  ", False: "FAIL", None: "-   "}
    return "\n".join(
        f"  {mark[c['ok']]}  {c['name']:20} {_value(c):>28}   (limit {c['sign']} {c['limit']} {c['unit']})" for c in verdict["criteria"]
    )


def _value(criterion):
    if criterion["value"] is None:
        return "not judged"
    return f"{criterion['value']:.6g} {criterion['unit']}"


def _line(verdict, folder):
    """Everything in one line."""
    failed = [f"{c['name']} {c['value']} (limit {c['limit']})" for c in verdict["criteria"] if c["ok"] is False]
    judged = [c for c in verdict["criteria"] if c["ok"] is not None]
    if verdict["missing"]:
        failed.append(f"not judged: {', '.join(verdict['missing'])}")
    why = "; ".join(failed) or f"{len(judged)} of {len(verdict['criteria'])} criteria judged, all held"
    if verdict["noise"]:
        why += f"; the instrument's own noise is over the limit of {', '.join(verdict['noise'])}"
    return f"{verdict['status']} after {verdict['seconds']:.0f} s ({verdict['end']}): {why}; {folder}"


def _run(said, seconds, extra, pairs):
    """(the verdict, the folder)"""
    seed = said.seed if said.seed is not None else random.randrange(1, 1 << 32)
    planned = plan.make(seconds, seed, [] if said.no_faults else said.fault)
    words = [f"{key}={value}" for key, value in pairs(said.set, "--set")]
    nic = dict(pairs(said.nic, "--nic"))
    on = qemu.accelerator().why
    folder = _new_folder(said.folder)
    out = open(os.devnull, "w", encoding="utf-8") if said.quiet or said.verdict_only else None
    live = Live(seconds, out)
    live.say(f"soak of {plan.words(seconds)}, seed {seed}, on {on}\nrecords and report: {folder}")
    found, certified = _before(seconds, folder, live, {
        "netdev": said.netdev, "options": nic, "words": " ".join(word for word in words if not word.startswith("fault=")),
        "more": tuple(extra), "image": said.image,
    })  # fmt: skip
    with Rig(folder, seed, " ".join(words), nic, said.netdev, extra, said.image) as rig, log.Log(folder) as rig.log:
        heir.name(folder)
        rig.load = found
        judge = Judge()
        for listener in (judge, live):
            rig.log.listen(listener.feed)
        rig.log.write(
            "soak", what="begin", seconds=seconds, seed=seed, level=plan.words(seconds), plan=planned.fields(), versions=versions(),
            clients={path.net.host4: path.name for path in rig.paths.values()}, accelerator=on, qemu=shlex.join(rig.guest.machine.plain_command()),
        )  # fmt: skip
        rig.log.write("soak", what="load", **found.fields())
        rig.log.write("soak", what="certificate", **certified)
        loop.Soak(rig, planned, live, judge).run()
    live.close()
    verdict = report.write(folder)
    heir.dismiss()
    return verdict, folder


def _before(seconds, folder, live, guest):
    """(the load, the generator's certificate at that rate): what has to be known before the soak begins."""
    found = load.find(own_folder(folder / "rates"), seconds, live, guest)
    live.say(f"load: {found.words}")
    certified = certificate.make(own_folder(folder / "certificate"), found.pps, certificate.length(seconds))
    live.say(certificate.words(certified))
    return found, certified
