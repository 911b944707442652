# SPDX-License-Identifier: BSD-3-Clause
"""A guest's jobs over HTTP, by the real curl."""

import json
import subprocess

JSON = "Content-Type: application/json"


def jobs(guest, method="GET", path="/jobs", body=None, fields=(JSON,)):
    """(status, answer) of a request; a dictionary is sent as JSON, a string as it is."""
    host, port = guest.address("http")
    words = [word for field in fields for word in ("-H", field)]
    if body is not None:
        words += ["--data-binary", body if isinstance(body, str) else json.dumps(body)]
    command = ["curl", "-sS", "--max-time", "20", "-X", method, "-w", "\n%{http_code}", *words, f"http://{host}:{port}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    text, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(text) if text.startswith("{") else text
