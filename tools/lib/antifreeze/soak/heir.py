# SPDX-License-Identifier: BSD-3-Clause
"""Who writes the report of a soak that was killed: a process that outlives it, and not for long.

    start()         before the private world is entered: what is in there dies with it
    name(folder)    there are records in this folder from now on
    dismiss()       the report is written, there is nothing to inherit

It sleeps until the soak and its world have ended, however they did: until nobody holds the other end of its pipe any more. If there are records
and no report it writes that, and ends. It has a process group of its own, so what ends a terminal's programs or the soak's does
not reach it; what kills every process of a container does, and then the records wait for `--report`.
"""

import contextlib
import os
import pathlib
import signal

from . import report

_PIPE = "ANTIFREEZE_HEIR"  # in the environment: the pipe's end that the soak holds
_DISMISSED = b"\0"


def start(seconds):
    """The descriptors that the world has to hold as long as it lasts. The report may take so many seconds. Inside, where
    the program begins again, nothing is to be done."""
    if _PIPE in os.environ:
        return ()
    ours, soaks = os.pipe()
    heir = os.fork()
    if heir == 0:
        os.close(soaks)
        _wait(ours, seconds)
    os.setpgid(heir, heir)
    os.close(ours)
    os.environ[_PIPE] = str(soaks)
    return (soaks,)


def name(folder):
    _say(bytes(pathlib.Path(folder).resolve()))


def dismiss():
    _say(_DISMISSED)


def _say(text):
    with contextlib.suppress(OSError):  # somebody has killed it
        os.write(int(os.environ[_PIPE]), text)


def _wait(pipe, seconds):
    """The life of the heir."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        said = b""
        while more := os.read(pipe, 4096):
            said += more
            if said.endswith(_DISMISSED):
                return
        signal.alarm(seconds)
        if said:
            report.write(os.fsdecode(said))
    finally:
        os._exit(0)
