# SPDX-License-Identifier: BSD-3-Clause
"""A guest to do a soak's faults to, with a path of each kind; ways to do one, and to see in the guest that it happens."""

import dataclasses
import json
import subprocess
import time
import urllib.request

from echoes import answer_time

from antifreeze import net as networks, wire
from antifreeze.soak import faults, kinds, plan
from conftest import BOOT_SECONDS, STRICT

TOO_LONG = 60  # seconds that a fault would go on which a test ends as soon as it was seen

ORDERED = 1  # seconds of those that end by themselves


@dataclasses.dataclass
class Path:
    net: object
    nic: str
    device: str
    address: object


class Notes:
    """A log of a soak, in memory."""

    def __init__(self):
        self.records = []
        self._begin = time.monotonic()

    def now(self):
        return time.monotonic() - self._begin

    def write(self, src, **fields):
        self.records.append({"t": self.now(), "src": src, **fields})


class Rig:
    """One guest with a NIC of each kind."""

    seed = 7

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        state = folder / "state.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", state, "256M"], check=True)
        self.nets = {
            "tap": networks.Tap(), "plain": networks.Tap(), "user": networks.UserNet(), "wire": wire.Wire()
        }  # fmt: skip
        tap, *others = self.nets.values()
        words = [net.config(f"net{k}") for k, net in enumerate(self.nets.values()) if net.kind != "user"]
        words = f"{STRICT} fault=allow net2.ip=dhcp {' '.join(words)}"
        self.guest = networks.NetGuest(
            tap, folder, words, more_nics=[net.nic() for net in others], state=state
        )
        self.paths = {
            name: Path(net, f"net{k}", f"nic{k}", net.address) for k, (name, net) in enumerate(self.nets.items())
        }
        self.log = Notes()
        self.guest.wait("ready", BOOT_SECONDS)

    def close(self):
        self.guest.close()
        for net in self.nets.values():
            net.close()


def answers(path, seconds):
    """Within that time from now."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer_time(path.address(networks.PORTS["echo"]), 0.1) is not None:
            return True
    return False


def planned(rig, name, seconds, at=0.0, path=None, **params):
    kind = kinds.KINDS[name]
    path = path or (kind.paths[0] if kind.paths else "")
    chosen = {choice: values[0] for choice, values in kind.choices.items()} | params
    return plan.Fault(rig.log.now() + at, seconds, 0, name, path, chosen)


def counters(stats):
    """Everything that counts, by the names that lead to it."""
    found = {}

    def walk(value, names):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*names, key))
        elif isinstance(value, list):
            for k, inner in enumerate(value):
                name = inner.get("name", inner.get("nic", k)) if isinstance(inner, dict) else k
                walk(inner, (*names, name))
        elif isinstance(value, int) and not isinstance(value, bool):
            found[".".join(map(str, names))] = value

    walk(stats, ())
    return found


def used(stats, pool):
    return next(p["used"] for p in stats["pools"] if p["name"] == pool)


def wait_for(what, seconds=30):
    """Until it is true; the limit is for a busy host."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it was not to be seen"


def asked(rig, name):
    """This counter, by the path of the user network; None: the guest had no place for the question."""
    host, port = rig.paths["user"].address(networks.PORTS["http"])
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/stats", timeout=2) as answer:
            return counters(json.load(answer))[name]
    except OSError:
        return None


def taken(rig, pool):
    """How many of the pool's places; 0: it is not known."""
    return asked(rig, f"pools.lwip.{pool}.used") or 0


def rise(rig, name):
    """Waits until this counter has risen by so much."""
    before = asked(rig, name)

    def seen(least):
        wait_for(lambda: (asked(rig, name) or 0) >= before + least)

    return seen


def stalled(rig, mark, **wanted):
    return rig.guest.wait("stall", 30, lambda r: wanted.items() <= r.items(), mark)


def do(rig, name, seconds=TOO_LONG, **params):
    """The fault, for a with statement."""
    return faults.Injector(rig, [planned(rig, name, seconds, **params)])


def wholly(rig, name, **params):
    """The fault from its beginning to its end."""
    with do(rig, name, ORDERED, **params) as injector:
        injector.finish()


def told(rig):
    """The two records, of which the second has no error."""
    begin, end = (record for record in rig.log.records if record["src"] == "fault")
    assert (begin["what"], end["what"]) == ("begin", "end") and "error" not in end, end
    assert begin["t"] <= end["t"] and begin["settle"] == kinds.KINDS[begin["name"]].settle
    return end
