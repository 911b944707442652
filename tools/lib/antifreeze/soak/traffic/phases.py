# SPDX-License-Identifier: BSD-3-Clause
"""All sources that run: the probes from begin to end, those of each phase in their time."""

import concurrent.futures
import signal

from .connections import Connections
from .datagrams import SIZES, Datagrams, Probe
from .flood import Flood
from .iperf3 import Iperf3

# Of a word of the plan.
KINDS = dict.fromkeys(Iperf3.WAYS, Iperf3) | dict.fromkeys(SIZES, Datagrams) | {"connections": Connections, "flood": Flood}


class Traffic:
    """All that runs: the probes from begin to end, the sources of each phase."""

    def __init__(self, rig):
        self.rig = rig
        self.sources = {}  # by name
        self._leaving = []
        self._hands = concurrent.futures.ThreadPoolExecutor()  # to take a tap away may take the host seconds, in which the soak's clock has to tick
        self._closing = []  # what they have to do
        self._probes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def probe(self):
        for path in self.rig.paths:
            self._start(Probe(self.rig, "probe", path), self._probes.append)

    def switch(self, sources):
        """From now on there are these (kind, path)."""
        self.leave()
        for kind, path in sources:
            self._start(KINDS[kind](self.rig, kind, path), lambda source: self.sources.update({source.name: source}))

    @staticmethod
    def _start(source, keep):
        source.start()
        keep(source)

    def leave(self):
        """Asks the sources of the phase to end."""
        for source in self.sources.values():
            source.stop()
            self._leaving.append(source)
        self.sources = {}

    def tick(self, now):
        """Once a second: each writes what it saw."""
        ended = [source for source in self._leaving if source.ended()]  # before their last tick: it has all that they said
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.tick(now)
        for source in ended:
            self._leaving.remove(source)
            self._closing.append(self._hands.submit(source.close))
        for closed in [one for one in self._closing if one.done()]:
            self._closing.remove(closed)
            closed.result()

    def quiet(self):
        """Asks all to end, the probes too; True when all have."""
        self.leave()
        for probe in self._probes:
            self._leaving.append(probe)
            probe.stop()
        self._probes = []
        return not self._leaving and not self._closing

    def pids(self):
        """Process ids of the programs."""
        return [s.process.pid for s in [*self._probes, *self.sources.values(), *self._leaving]]

    def tasks(self):
        """{name: folders in /proc} of each program."""
        return {s.name: s.tasks() for s in [*self._leaving, *self._probes, *self.sources.values()]}

    def close(self):
        for source in [*self._probes, *self.sources.values(), *self._leaving]:
            source.process.send_signal(signal.SIGKILL)
        try:
            for source in [*self._probes, *self.sources.values(), *self._leaving]:
                source.close()
        finally:
            self._hands.shutdown()
        for closed in self._closing:
            closed.result()
        self._probes, self.sources, self._leaving, self._closing = [], {}, [], []
