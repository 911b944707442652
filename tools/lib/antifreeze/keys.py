# SPDX-License-Identifier: BSD-3-Clause
"""The guest's configuration keys as options of tools/antifreeze: `--rx-ring 64` is rx_ring=64.

One row for each key: how its value is written, and what it is for. What a value means, and whether it is accepted, the
guest alone says (docs/configuration.md).
"""

GUEST = {
    "ip": ("A.B.C.D/N|dhcp|off", "IPv4 address of the first NIC"),
    "gw": ("A.B.C.D", "default gateway, beside a static address"),
    "ip6": ("ADDRESS/64|auto|off", "IPv6 address of the first NIC"),
    "mtu": ("BYTES", "of an IP packet, at most what the device offers"),
    "services": ("LIST|all|off", "of iperf3, echo, discard, chargen, http, sink, stamp"),
    "relay": ("LIST|off", "TCP carried to another host, PORT:TARGET:PORT"),
    "stamp": ("stateless|stateful", "whether the reflector numbers its answers itself"),
    "exit": ("TIME|done|never", "when the run ends: with its job, or so long after the boot"),
    "interval": ("TIME|0", "period of the interval records"),
    "seed": ("N", "makes a run repeatable"),
    "features": ("LIST", "virtio features not to use: -tso,-event_idx"),
    "irq": ("msix|intx|poll", "how the NIC wakes the guest"),
    "rx": ("big|mergeable", "receive buffers"),
    "rx_ring": ("N", "most frames that the device has to receive into"),
    "tx_ring": ("N", "most frames that the device has to send"),
    "fault": ("LIST", "what the guest does to itself: drop_kick:7"),
    "check": ("repair|panic", "what a lost buffer leads to"),
    "log": ("info|debug|quiet", "lines for people, in the console's log"),
}

JOB = {
    "target": ("A.B.C.D|[IPV6]", "the other end; {host} is this host, as the guest sees it"),
    "port": ("N", "its port"),
    "proto": ("tcp|udp", "what carries the data"),
    "dir": ("tx|rx|both", "who sends: the guest, the other end, both"),
    "streams": ("N", "in each direction"),
    "time": ("TIME|0", "how long; 0: until it is stopped"),
    "omit": ("TIME", "warm-up that does not count"),
    "bytes": ("N", "ends it instead of the time: 1G"),
    "rate": ("BITS|Npps|0", "each second, of all streams: 100M, 50kpps; 0: as fast as possible"),
    "len": ("BYTES", "of a datagram or write"),
    "min_bps": ("BITS", "fails below this rate"),
    "min_pps": ("N", "fails below so many packets a second"),
    "max_gap": ("TIME", "fails if nothing moves for longer"),
    "max_loss": ("SHARE", "fails if more packets are lost: 0.01%"),
    "max_lost": ("N", "fails if more packets are lost"),
}

# What is asked of frames that the guest receives and counts.
RECEIVER = {
    "max_loss": JOB["max_loss"],
    "max_lost": JOB["max_lost"],
    "max_late": ("N", "fails if more come behind the window"),
    "max_reordered": ("N", "fails if more come behind later ones"),
    "max_duplicate": ("N", "fails if more come twice"),
    "max_corrupt": ("N", "fails if more come damaged"),
}

RATES = {name: JOB[name] for name in ("min_bps", "min_pps", "max_gap")}

# With one clock at both ends.
DELAY = {
    "max_p50": ("TIME", "fails if the median of the delay is longer"),
    "max_p90": ("TIME", "the same of 90 % of the frames"),
    "max_p99": ("TIME", "of 99 %"),
    "max_p99.9": ("TIME", "of 99.9 %"),
    "max_p99.99": ("TIME", "of 99.99 %"),
    "max_delay": ("TIME", "of all"),
}

FLOOD = {
    "target": ("A.B.C.D|[IPV6]|net1", "the other end; {host} is this host, as the guest sees it; net1: its own second NIC"),
    "from": ("net0", "the NIC that sends"),
    "port": ("N", "its UDP port"),
    "dst_mac": ("MAC", "the next station, which is asked for otherwise"),
    "rate": ("BITS|Npps|0", "each second: 100M, 50kpps; 0: as fast as possible"),
    "gap": ("cbr|poisson|burst:N", "how frames follow each other"),
    "ramp": ("TIME", "in which the rate rises to its value"),
    "len": ("LIST|imix", "bytes of a frame without FCS, in turn: 60,590,1514"),
    "flows": ("N", "distinct by their ports, 1 to 65536"),
    "vlan": ("N", "an 802.1Q tag"),
    "dscp": ("N", "in the IP header"),
    "time": JOB["time"],
    "bytes": JOB["bytes"],
    "first_seq": ("N", "sequence of each flow's first frame"),
    **RATES,
    **RECEIVER,
    **DELAY,
}

STAMP = {
    "target": JOB["target"],
    "port": ("N", "its UDP port, 862"),
    "rate": ("BITS|Npps", "each second; 10pps if nothing is said"),
    "len": ("OCTETS", "of a packet, 44 or more"),
    "time": JOB["time"],
    "count": ("N", "ends it after so many packets"),
    "reflector": ("stateless|stateful", "stateful: it numbers its answers, so the direction of a loss is known"),
    **RATES,
    **{name: RECEIVER[name] for name in ("max_loss", "max_lost", "max_reordered", "max_duplicate")},
    **DELAY,
}

CONNECT = {
    "target": JOB["target"],
    "port": ("N", "its port: 7 unless the request is HTTP's, then 80"),
    "request": ("echo|get|post", "what each connection asks; of port 80 get, else echo"),
    "len": ("BYTES", "to be echoed, got or posted"),
    "rate": ("N|0", "connections each second; 0: as fast as they go"),
    "streams": ("N", "connections that may be open at once"),
    "hold": ("TIME|0", "so many are opened once and held, and their data is checked each so often"),
    "time": JOB["time"],
    "min_cps": ("N", "fails if fewer connections are completed a second"),
    "max_failed": ("N", "fails if more connections fail; else if any does"),
    **RATES,
    **DELAY,
}

# What the guest is to do: (in one line, its keys).
RUNS = {
    "serve": ("answer iperf3, HTTP, echo, discard and chargen clients, and count test frames, until Ctrl-C",
              GUEST | RATES | RECEIVER | {"first_seq": FLOOD["first_seq"]}),
    "client": ("be an iperf3 client: send to a server, receive from it, or both", GUEST | JOB),
    "stamp": ("ask a STAMP reflector (RFC 8762): round trip, and losses there and back", GUEST | STAMP),
    "flood": ("send UDP frames that a receiver can count, at a rate or as fast as they go", GUEST | FLOOD),
    "connect": ("open many connections, short ones or held ones, and check what comes back", GUEST | CONNECT),
}


def option(key):
    return "--" + key.replace("_", "-")
