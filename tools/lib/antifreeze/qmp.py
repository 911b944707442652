# SPDX-License-Identifier: BSD-3-Clause
"""A client for QEMU's machine protocol (QMP): commands and their answers, and the events between."""

import json
import threading

from . import Error, reader


class Qmp:
    """Talks over a connected socket; a thread reads, so that events are seen when they happen."""

    def __init__(self, sock, timeout=30):
        self.events = []
        self._sock = sock
        self._answers = {}
        self._closed = False
        self._next_id = 0
        self._greeted = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="qmp", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._greeted or self._closed, timeout)
        if self._greeted:
            try:
                self.command("qmp_capabilities", timeout=timeout)
            except Error:
                pass  # QEMU ended at once: who waits for the guest finds that out, with QEMU's reason

    def command(self, name, /, timeout=30, **arguments):
        """Runs one command, returns its answer. Arguments: `_` in a name stands for `-`."""
        with self._changed:
            self._next_id += 1
            number = self._next_id
        request = {"execute": name, "id": number}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise Error(f"QMP {name}: QEMU has gone ({error})") from None
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self._closed, timeout)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise Error(f"QMP {name}: " + ("QEMU has gone" if self._closed else "no answer"))
        if "error" in answer:
            raise Error(f"QMP {name}: {answer['error'].get('desc')}")
        return answer["return"]

    def close(self):
        reader.end(self._sock, self._thread)

    def _read(self):
        pending = b""
        for chunk in reader.chunks(self._sock):
            *whole, pending = (pending + chunk).split(b"\n")
            with self._changed:
                for line in whole:
                    self._take(line)
                self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, line):
        if not line.strip():
            return
        message = json.loads(line)
        if "QMP" in message:
            self._greeted = True
        elif "event" in message:
            self.events.append(message)
        elif "id" in message:
            self._answers[message["id"]] = message
