# SPDX-License-Identifier: BSD-3-Clause
"""The classic freeze of a virtio NIC, replayed: the machine, the network and the traffic under which guests' receive
rings ran dry for good, once with our guest and once with a Linux guest; tools/freeze-replay runs it."""
