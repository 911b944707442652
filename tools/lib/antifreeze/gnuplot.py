# SPDX-License-Identifier: BSD-3-Clause
"""Runs gnuplot."""

import subprocess

from . import Error


def run(script):
    """What it writes to its standard output; Error if it cannot draw this."""
    try:
        done = subprocess.run(["gnuplot", "-"], input=script, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Error(f"gnuplot cannot be run ({error}): run `make deps`") from None
    if done.returncode:
        raise Error(f"gnuplot: {done.stderr.strip()[:300]}")
    return done.stdout
