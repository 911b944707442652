# SPDX-License-Identifier: BSD-3-Clause
"""Does the plan's faults in their time, in a thread of its own, and writes when each began and ended.

    with Injector(rig, plan.faults):
        …

What is planned of a fault is counted from when it has begun, which start() says: one that begins late, because the one before
took long to end, or that takes long to begin on a busy host, keeps its length; and the next one waits until it is seen whether
things are as before. The injector's end is its end in the middle of a
fault, too. A fault that cannot be done is an `error` of its record: the
soak goes on, and the judge sees that it did not happen.
"""

import threading
import time

from ... import Error
from .. import kinds
from .base import make


class Injector:
    """Times count from the log's beginning."""

    def __init__(self, rig, faults):
        self._rig = rig
        self._faults = sorted(faults, key=lambda fault: fault.at)
        self._ended = threading.Event()
        self.gone = 0.0  # when nothing that others began with a fault is left in the guest, as far as they were done
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        self._thread.start()

    def finish(self):
        """Waits until the last one is over."""
        self._thread.join()

    def close(self):
        """Ends what goes on, and what was still to come."""
        self._ended.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self):
        free = 0
        for planned in self._faults:
            if self._wait_until(max(planned.at, free)):
                self._do(planned)
                free = self._rig.log.now() + planned.over - planned.end - planned.rest

    def _wait_until(self, at):
        """False: close() was called."""
        return not self._ended.wait(max(at - self._rig.log.now(), 0))

    def _do(self, planned):
        begun, kind = self._rig.log.now(), kinds.KINDS[planned.name]
        self._tell(planned)
        over = self._rig.log.now()
        stood = over - begun if kind.stands else 0  # what lingers does so by the guest's clock
        self.gone = max(self.gone + stood, over + kind.linger(planned.path))

    def _tell(self, planned):
        self._write(planned, "begin")
        figures = {}
        try:
            self._inject(planned, figures)
        except Error as error:
            self._write(planned, "end", **figures, error=str(error).partition("\n")[0])
        except Exception as error:  # whatever it is: the soak goes on, and nobody believes that the fault was there
            self._write(planned, "end", **figures, error=repr(error))

    def _inject(self, planned, figures):
        fault = make(self._rig, planned)
        fault.figures = figures
        try:
            start = time.monotonic()
            fault.start()
            figures["took_s"] = round(time.monotonic() - start, 3)
            self._wait_until(self._rig.log.now() + planned.seconds)
            fault.hurry = self._ended.is_set()
            fault.stop()
            self._write(planned, "end", **figures)
            if planned.rest:
                self._wait_until(self._rig.log.now() + planned.rest)
        finally:
            fault.clean()

    def _write(self, planned, what, **more):
        kind = kinds.KINDS[planned.name]
        self._rig.log.write(
            "fault", what=what, name=planned.name, path=planned.path,
            paths=[planned.path] if planned.path else [], params=planned.params,
            seconds=planned.seconds, rest=planned.rest, settle=kind.settle, causes=list(kind.causes),
            **more,
        )  # fmt: skip
