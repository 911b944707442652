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
    "services": ("LIST|all|off", "of iperf3, echo, discard, chargen, http"),
    "exit": ("TIME|never", "when the run ends, counted from the boot"),
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

# What the guest is to do: (in one line, its keys).
RUNS = {
    "serve": ("answer iperf3, HTTP, echo, discard and chargen clients until Ctrl-C", GUEST),
}


def option(key):
    return "--" + key.replace("_", "-")
