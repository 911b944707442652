# SPDX-License-Identifier: BSD-3-Clause
"""What every fault is: it begins, it ends, and afterwards nothing of it is left.

    start()   it goes on until stop(); returns when it has begun
    stop()    returns when the guest may go on as before; what the fault asked of the guest is over
    clean()   ends whatever is still there. May be called at any moment, more than once, and fails never

A fault has the rig and what the plan says of it. Whatever happens in between, the world is as before after
stop() and clean(), and a harness that is killed takes the processes with it.
"""

import contextlib
import os
import pathlib
import struct
import subprocess
import sys

from ... import BUILD, Error, net

CLIENTS = pathlib.Path(__file__).with_name("clients.py")

REGISTRY = {}  # name of the kind: class


def fault(name):
    """Registers the class that does this kind."""

    def register(cls):
        REGISTRY[name] = cls
        cls.name = name
        return cls

    return register


def make(rig, planned):
    """The fault that the plan means, not begun yet."""
    return REGISTRY[planned.name](rig, planned)


class Fault:
    """See above. `path` is the one of the rig that it is done to; None: the whole guest."""

    def __init__(self, rig, planned):
        self.rig = rig
        self.planned = planned
        self.params = planned.params
        self.path = rig.paths[planned.path] if planned.path else None
        self.figures = {}  # what came of it, for the record of its end
        self.hurry = False  # the soak ends: stop() does not wait for what ends by itself
        self._children = []

    @property
    def guest(self):
        return self.rig.guest

    def start(self):
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def clean(self):
        for child in self._children:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):  # what was never flushed
                    if pipe:
                        pipe.close()
        self._children = []

    # ---- what faults have in common ----

    def qmp(self, name, /, **arguments):
        return self.guest.qmp.command(name, timeout=60, **arguments)

    def run(self, *words, **options):
        """A process that ends with us or with clean()."""
        command = ["setpriv", "--pdeathsig", "KILL", *map(str, words)]
        try:
            child = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
        except OSError as error:
            raise Error(f"{words[0]} cannot be run: {error}") from None
        self._children.append(child)
        return child

    def client(self, what, **settings):
        """clients.py in a process of its own; returns it when its connections are there."""
        host, _ = self.path.address(net.PORTS["http"])
        ports = {name: self.path.address(port)[1] for name, port in net.PORTS.items()}
        words = [f"{name}={value}" for name, value in (ports | settings).items()]
        child = self.run(
            sys.executable, CLIENTS, what, host, *words,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        said = child.stdout.readline().split()
        if not said:
            raise Error(f"{self.name}: its clients have ended")
        self.figures["connections"] = int(said[0])
        if not self.figures["connections"]:
            raise Error(f"{self.name}: no connection was taken")
        return child

    def storm(self, frames):
        """A Storm of these on the path's interface."""
        return Storm(self, frames)


class Storm:
    """tests/soak/storm.c: sends frames in turn at a rate that may change. It has them, and could send, when this is made."""

    PROGRAM = BUILD / "storm"

    def __init__(self, owner, frames):
        if not self.PROGRAM.is_file():
            raise Error(f"{self.PROGRAM} is missing: run `make soak`")
        with open(os.memfd_create("frames"), "wb") as file:
            file.write(b"".join(struct.pack("=I", len(frame)) + frame for frame in frames))
            file.flush()
            self._process = owner.run(
                self.PROGRAM, owner.path.net.name, f"/dev/fd/{file.fileno()}",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[file.fileno()],
            )  # fmt: skip
        self.counts()

    def rate(self, pps):
        """Frames a second; 0 to pause, None: as fast as they are taken."""
        self._say(b"rate max\n" if pps is None else b"rate %f\n" % pps)

    def counts(self):
        """(frames that were sent, frames for which there was no room)"""
        self._say(b"count\n")
        answer = self._process.stdout.readline().split()
        if not answer:
            raise Error(f"{self.PROGRAM.name} has ended")
        return int(answer[0]), int(answer[1])

    def _say(self, text):
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except OSError:
            raise Error(f"{self.PROGRAM.name} has ended") from None
