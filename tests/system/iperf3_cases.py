# SPDX-License-Identifier: BSD-3-Clause
"""What the real iperf3 client is made to do to the guest's server, as a table.

Every case names the client's words and what has to come out beyond the rules that hold for all of them
(test_iperf3.py). Lengths of datagrams are given where the client would take them from the path, which on
QEMU's user network is the host's loopback.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    words: str
    bps: float = 0  # the rate asked for, per stream; the result is within 15 % of it
    loss_max: float = None  # UDP: the most that may be lost, as a fraction; None = any
    moved: int = 0  # bytes that have to be there at least
    refused: str = ""  # the client says this, and no test takes place
    tap: bool = False  # only on a tap
    seconds: int = 40  # limit
    long: bool = False  # others have its rule: only in the long run

    @property
    def udp(self):
        return "-u" in self.words.split()

    @property
    def reverse(self):
        return "-R" in self.words.split()

    @property
    def bidir(self):
        return "--bidir" in self.words

    @property
    def parallel(self):
        words = self.words.split()
        return int(words[words.index("-P") + 1]) if "-P" in words else 1


BLOCK_SIZE = "block size invalid"

CASES = [
    # TCP: directions and numbers of streams
    Case("tcp", "-t 1"),
    Case("tcp-reverse", "-t 1 -R"),
    Case("tcp-bidir", "-t 1 --bidir"),
    Case("tcp-8", "-t 1 -P 8", long=True),
    Case("tcp-8-reverse", "-t 1 -P 8 -R", long=True),
    # (Every stream has to move: the guest divides what may be on its way, so that 128 senders do not
    # overrun the host's queue towards it.)
    Case("tcp-128", "-t 2 -P 128", seconds=90, long=True),
    Case("tcp-128-reverse", "-t 2 -P 128 -R", seconds=90, long=True),
    Case("tcp-128-bidir", "-t 4 -P 128 --bidir", seconds=110),
    # TCP: when it ends
    # The client ends the test once it has handed over so much; up to 4 MiB (tcp_wmem) may not have left it.
    Case("tcp-bytes", "-n 10M", moved=6_000_000),
    Case("tcp-bytes-reverse", "-n 10M -R", moved=9_000_000),
    Case("tcp-blocks", "-k 100", moved=8_900_000),
    Case("tcp-blocks-reverse", "-k 100 -R"),
    Case("tcp-warm-up", "-t 1 -O 1", long=True),
    Case("tcp-warm-up-reverse", "-t 1 -O 1 -R", long=True),
    Case("tcp-warm-up-bidir", "-t 1 -O 1 --bidir"),
    # TCP: sizes and rates
    Case("tcp-rate", "-t 2 -b 10M", bps=10e6, long=True),
    Case("tcp-rate-reverse", "-t 2 -b 10M -R", bps=10e6),
    Case("tcp-slow-reverse", "-t 2 -b 500K -l 4K -R", bps=500e3, long=True),
    Case("tcp-blocks-of-1", "-t 1 -l 1"),
    Case("tcp-blocks-of-1-reverse", "-t 1 -l 1 -R"),
    Case("tcp-blocks-of-1M", "-t 1 -l 1M", long=True),
    Case("tcp-blocks-of-1M-reverse", "-t 1 -l 1M -R", long=True),
    Case("tcp-nodelay", "-t 1 -N", long=True),
    Case("tcp-nodelay-small-reverse", "-t 1 -N -l 100 -R"),
    Case("tcp-mss", "-t 1 -M 536", long=True),
    Case("tcp-mss-reverse", "-t 1 -M 536 -R"),
    Case("tcp-window", "-t 1 -w 64K", long=True),
    Case("tcp-window-reverse", "-t 1 -w 64K -R", long=True),
    Case("tcp-window-small-reverse", "-t 1 -w 2K -R"),
    # TCP: words that the server has no use for
    Case(
        "tcp-no-use", "-t 1 -Z --repeating-payload -S 0x20 -C cubic --fq-rate 1G "
        "--title " + "t" * 300 + " --extra-data " + "x" * 3000,
    ),  # fmt: skip
    Case("tcp-zerocopy", "-t 1 -Z", long=True),
    Case("tcp-repeating", "-t 1 --repeating-payload", long=True),
    Case("tcp-tos", "-t 1 -S 0x20", long=True),
    Case("tcp-tos-reverse", "-t 1 -S 0x20 -R", long=True),
    Case("tcp-title", "-t 1 --title " + "t" * 300 + " --extra-data " + "x" * 3000, long=True),
    Case("tcp-congestion-unknown-to-us", "-t 1 -C cubic", long=True),
    Case("tcp-fq-rate", "-t 1 --fq-rate 1G", long=True),
    Case("tcp-fq-rate-reverse", "-t 2 --fq-rate 10M -R", bps=10e6, long=True),
    Case("tcp-fq-rate-below-rate-reverse", "-t 2 -b 20M --fq-rate 5M -R", bps=5e6),
    # UDP: directions and numbers of streams
    Case("udp", "-u -t 1 -l 1400", bps=1048576, loss_max=0, long=True),
    Case("udp-reverse", "-u -t 1 -l 1400 -R", bps=1048576, loss_max=0, long=True),
    Case("udp-bidir", "-u -t 1 -l 1400 --bidir", bps=1048576, loss_max=0),
    Case("udp-default-len", "-u -t 1", bps=1048576, loss_max=0, tap=True),
    Case("udp-default-len-reverse", "-u -t 1 -R", bps=1048576, loss_max=0, tap=True),
    Case("udp-4-bidir", "-u -t 1 -l 1400 -P 4 --bidir", bps=1048576, loss_max=0, long=True),
    # (QEMU's user network takes all that is sent to a UDP port of the guest from one socket of the host,
    # whose buffer holds some 90 of these datagrams: a burst from 128 streams overruns it, and a pause of QEMU
    # does so after 100 ms at 10 Mbit/s. What the guest sends goes to a socket of each stream's own.)
    Case("udp-128", "-u -t 1 -l 1400 -b 100K -P 128", bps=100e3, loss_max=0.02, seconds=90, tap=True, long=True),
    Case("udp-128-reverse", "-u -t 1 -l 1400 -b 100K -P 128 -R", bps=100e3, loss_max=0.02, seconds=90, long=True),
    Case("udp-128-bidir", "-u -t 1 -l 1400 -b 100K -P 128 --bidir", bps=100e3, loss_max=0.05, seconds=90, tap=True),
    # UDP: sizes, rates, counters
    Case("udp-10M", "-u -t 1 -l 1400 -b 10M", bps=10e6, loss_max=0.01, tap=True),
    Case("udp-10M-reverse", "-u -t 1 -l 1400 -b 10M -R", bps=10e6, loss_max=0.01),
    Case("udp-unlimited", "-u -t 1 -l 1400 -b 0"),
    Case("udp-unlimited-reverse", "-u -t 1 -l 1400 -b 0 -R"),
    Case("udp-smallest", "-u -t 1 -l 16 -b 1M", loss_max=0.05),
    Case("udp-smallest-reverse", "-u -t 1 -l 16 -b 1M -R", bps=1e6, loss_max=0.05),
    Case("udp-largest", "-u -t 1 -l 1472 -b 5M", bps=5e6, loss_max=0.01, tap=True),
    Case("udp-largest-reverse", "-u -t 1 -l 1472 -b 5M -R", bps=5e6, loss_max=0.01, tap=True),
    Case("udp-wide-counters", "-u -t 1 -l 1400 --udp-counters-64bit", bps=1048576, loss_max=0, long=True),
    Case("udp-wide-counters-reverse", "-u -t 1 -l 1400 --udp-counters-64bit -R", bps=1048576, loss_max=0),
    Case("udp-bytes", "-u -n 1M -l 1400 -b 20M", moved=1_000_000, loss_max=0.01, tap=True),
    Case("udp-blocks-reverse", "-u -k 100 -l 1400 -b 5M -R", moved=140_000, loss_max=0.01),
    Case("udp-warm-up", "-u -t 1 -O 1 -l 1400", bps=1048576, loss_max=0),
    Case("udp-warm-up-reverse", "-u -t 1 -O 1 -l 1400 -R", bps=1048576, loss_max=0, long=True),
    Case("udp-burst", "-u -t 1 -l 1400 -b 5M/10", bps=5e6, loss_max=0.01),
    # refused before the test starts
    Case("udp-too-long-for-mtu", "-u -t 1 -l 1473", refused=BLOCK_SIZE),
    Case("udp-too-long-for-mtu-reverse", "-u -t 1 -l 65507 -R", refused=BLOCK_SIZE),
]

# The same over IPv6.
CASES_V6 = [
    Case("v6-tcp", "-t 1", tap=True, long=True),
    Case("v6-tcp-reverse", "-t 1 -R", tap=True, long=True),
    Case("v6-tcp-bidir-4", "-t 1 --bidir -P 4", tap=True),
    Case("v6-udp", "-u -t 1 -b 5M", bps=5e6, loss_max=0.01, tap=True, long=True),
    Case("v6-udp-reverse", "-u -t 1 -b 5M -R", bps=5e6, loss_max=0.01, tap=True, long=True),
    Case("v6-udp-bidir-4", "-u -t 1 --bidir -P 4", bps=1048576, loss_max=0, tap=True),
    Case("v6-udp-largest", "-u -t 1 -l 1452", bps=1048576, loss_max=0, tap=True),
    Case("v6-udp-too-long", "-u -t 1 -l 1453", refused=BLOCK_SIZE, tap=True),
]
