# SPDX-License-Identifier: BSD-3-Clause
"""What may go wrong in a soak: a table, of which the plan, the faults and the judge make their own use.

Times are in seconds. A fault lasts `short` in soaks below a block of the plan and `long` in others, from when it has begun, for which
the plan gives it `begins`. Then it may go on for `rest`, in which its strength is less and recovery is judged already: half the load after
an overload. `settle` is what recovery may take: 1, or 2 where the guest has to reset a device. It touches the
path it is done to, or all of them. What others began with it, `lingers` says, may keep its places in the guest's
pools for so long after that; behind QEMU's user network, which goes on for who is gone with both queues full, until the guest
gives up on who takes nothing.
"""

import dataclasses

TAP, PLAIN, USER, WIRE = "tap", "plain", "user", "wire"
TAPS = (TAP, PLAIN)  # where frames can be sent that no socket would
NICS = (TAP, PLAIN, USER)
PATHS = (*NICS, WIRE)
ALL = ()  # as the paths of one fault: every path

IDLE = 120  # CONFIG_IDLE_MS of the guest

REPAIR = 1  # the guest goes on, or rings again
RESET = 2  # a device is reset and brought up anew


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    help: str  # a line for people
    paths: tuple = ALL  # it is done to one of these; ALL: to the whole guest
    begins: int = 0  # on a quiet host, as far as the plan has to know
    short: int = 3
    long: int = 10
    rest: tuple = (0, 0)  # of a short and of a long one
    settle: int = REPAIR
    lingers: int = 3  # what was a connection has 2 s of TIME_WAIT
    lingers_user: int = 0  # the same on path user, if it is longer
    causes: tuple = ()  # of stalls for which the guest takes itself or its device to answer, and that are then no defect
    stands: bool = False  # the guest's time does not go on meanwhile
    choices: dict = dataclasses.field(default_factory=dict)  # parameter: values, one of which the plan takes

    def linger(self, path):
        """For how long what was begun with it on that path may keep its places."""
        return max(self.lingers, self.lingers_user if path == USER else 0)

    def length(self, brief):
        """(how long it lasts, how long it goes on after that)"""
        return (self.short, self.rest[0]) if brief else (self.long, self.rest[1])


_LIST = (
    Kind("overload", "150 % of what the guest takes, then half of that", TAPS, begins=1, short=9, long=60, rest=(4, 20),
         choices={"size": (60, 590, 1514)}),
    Kind("blocked", "the host stops reading what the guest sends", (WIRE,), causes=("backend_blocked",)),
    Kind("link", "the link goes and comes back", NICS),
    Kind("stop", "the whole machine stops and goes on, its clock behind", stands=True),
    Kind("peer_killed", "clients are killed with data queued for them", NICS, lingers_user=IDLE + 5,
         choices={"count": (1, 16)}),
    Kind("slow_readers", "every connection that there may be is read slowly", TAPS, begins=1, long=20),
    Kind("syn_flood", "connections are asked for and never completed", TAPS, long=20, lingers=25,
         choices={"senders": ("near", "far")}),
    Kind("half_open", "control connections that begin to say something and never go on", TAPS),
    Kind("fragments", "datagrams of which a piece never comes", TAPS, choices={"family": (4, 6)}),
    Kind("arp_storm", "questions for hardware addresses", TAPS),
    Kind("nd_storm", "the same over IPv6", TAPS),
    Kind("noise", "random, wrong and cut frames", TAPS, lingers=25),
    Kind("lost_kicks", "doorbells that the device does not hear", choices={"every": (1, 3, 7)}),
    Kind("lost_irqs", "interrupts that the guest does not hear", choices={"every": (1, 2, 11)}),
    Kind("broken_device", "a bad descriptor breaks every device", short=1, long=1, settle=RESET),
    Kind("snapshot", "the machine is saved, and goes on from what was saved", short=2, long=4, stands=True),
    Kind("renegotiate", "every device is reset, with fewer features, and again with all", settle=RESET),
)  # fmt: skip

KINDS = {kind.name: kind for kind in _LIST}
