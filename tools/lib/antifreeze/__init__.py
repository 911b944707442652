# SPDX-License-Identifier: BSD-3-Clause
"""What runs on the host: QEMU, the private network world, the real iperf3.

Used by tools/antifreeze, tools/run, tools/bench and the system tests. Python's standard library only.
"""

import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR") or TOP / "build")


class Error(Exception):
    """Something a user can read: one sentence, perhaps followed by a few lines of evidence."""


def own_folder(path):
    """The folder, made if it is not there; Error if this user cannot write to it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(path, os.W_OK) else "Permission denied"
    except OSError as error:
        why = error.strerror
    if why:
        raise Error(f"{path} cannot be written to ({why}): remove it, perhaps as the user who made it, and try again")
    return path
