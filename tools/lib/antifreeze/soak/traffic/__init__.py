# SPDX-License-Identifier: BSD-3-Clause
"""The programs at the other end: what each path carries in a phase, and what of it arrived in each second.

A kind is one word of the plan (plan.MIXES; up is to the guest), and each has a file here. Every running source writes a
record each second, also when nothing moved: that is what a freeze looks like. One whose program ended too early or says
nothing any more says that it has `failed`, and is started again. A second guest that ended is `gone`.
"""

from .flood import Flood
from .phases import KINDS, Traffic

__all__ = ["KINDS", "Flood", "Traffic"]
