# SPDX-License-Identifier: BSD-3-Clause
"""`make bench`: this guest and a Linux guest side by side, on the same QEMU line, in one run.

    packages   Debian's packages for the Linux guest: fetched, checked, unpacked; nothing is installed
    cpio       writes the archive that a kernel takes as its first file system
    linux      the Linux guest: its file system, its command line, the agent inside
    meter      what a measurement cost the host: QEMU's threads, the peer
    iperf      the real iperf3, several streams and both ways
    figures    medians, ratios, the search for a rate: nothing but arithmetic
    pairs      the two guests, measured in turn
    rows       what is measured
    report     JSON, table, plot
"""
