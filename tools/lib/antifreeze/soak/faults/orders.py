# SPDX-License-Identifier: BSD-3-Clause
"""Faults that the guest does to itself, because it was asked to: `fault=allow` and POST /fault."""

from ... import Error, net
from .base import Fault, fault

_MORE_S = 10  # that the guest may take to say so


class Ordered(Fault):
    """It begins at once, and ends by itself after the time that was planned: stop() waits for that."""

    guests_name = ""

    def words(self):
        """What follows the name."""
        return ""

    def start(self):
        self._mark = self.guest.mark()
        words = f"{self.guests_name}{self.words()}@0s+{round(self.planned.seconds * 1000)}ms"
        status = net.order_fault(self.guest.address("http"), words)
        if status != 200:
            raise Error(f"the guest answers {status} to the order {words}")

    def stop(self):
        if self.hurry:
            return
        over = self.guest.wait("fault", self.planned.seconds + _MORE_S, self._is_over, self._mark)
        self.figures["struck"] = over["count"]
        if not over["count"]:
            raise Error(f"{self.name}: it struck nothing")

    def _is_over(self, record):
        return record["fault"] == self.guests_name and record.get("state") == "over"


class EveryNth(Ordered):
    def words(self):
        return f":{self.params.get('every', 1)}"


@fault("lost_kicks")
class LostKicks(EveryNth):
    guests_name = "drop_kick"


@fault("lost_irqs")
class LostIrqs(EveryNth):
    guests_name = "drop_irq"


@fault("broken_device")
class BrokenDevice(Ordered):
    guests_name = "bad_head"


@fault("renegotiate")
class Renegotiate(Ordered):
    guests_name = "renegotiate"

    def words(self):
        return ":1s"
