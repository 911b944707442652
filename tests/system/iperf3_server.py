# SPDX-License-Identifier: BSD-3-Clause
"""The real iperf3 server, for a guest that is its client."""

import contextlib
import subprocess
import threading

PORT = 5201


@contextlib.contextmanager
def server(net, *words):
    """A real server that ends after one test; it listens when this returns."""
    command = ["setpriv", "--pdeathsig", "KILL", "iperf3", "-s", "-p", str(PORT), "--forceflush", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert any("Server listening" in line for line in process.stdout), "iperf3 -s has not started"
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield process
    finally:
        process.kill()
        process.wait()
