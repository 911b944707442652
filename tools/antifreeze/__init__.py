# SPDX-License-Identifier: BSD-3-Clause
"""What runs on the host: QEMU, the private network world, the real iperf3.

Used by tools/run, tools/bench-boot and the system tests. Python's standard library only.
"""

import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR") or TOP / "build")


class Error(Exception):
    """Something a user can read: one sentence, perhaps followed by a few lines of evidence."""
