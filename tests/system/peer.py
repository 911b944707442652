# SPDX-License-Identifier: BSD-3-Clause
"""A host on the other end of a guest's NIC that is made of bytes: it sends any frame, right or wrong.

It answers ARP and neighbour solicitations for its addresses, so the guest can talk to it, and keeps
every other frame for expect(). The wire is a socket pair that QEMU inherits: each frame behind its length.
"""

import socket
import struct
import threading
import time

from antifreeze import frames, qemu


class RawPeer(frames.Station):
    """Use as a context manager; nic() goes into the machine."""

    def __init__(self, from_guest=4 << 20):
        """from_guest: bytes that the guest may have on the wire before its back-end blocks."""
        super().__init__(
            "52:54:00:88:00:01", "10.88.0.1", "fd88::1", "52:54:00:88:00:02", "10.88.0.2", "fd88::2"
        )
        self._ours, self._theirs = socket.socketpair()
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self._theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, from_guest)
        self._reading = threading.Event()
        self._reading.set()
        self._frames = []
        self._next_seq = 1
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._read, name="peer", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._reading.set()
        self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._ours.close()
        self._theirs.close()

    def nic(self, **options):
        return qemu.Nic.socket(self._theirs, self.guest_mac, **options)

    def config(self, nic="net0"):
        return f"{nic}.ip={self.guest4}/24 {nic}.ip6={self.guest6}/64"

    # ---- sending ----

    def send(self, frame):
        with self._sending:
            self._ours.sendall(struct.pack("!I", len(frame)) + frame)

    def send_echo(self, payload=b"", family=4):
        """An echo request; returns its number, by which echo_reply() knows the answer."""
        seq = self._next_seq
        self._next_seq = seq % 0xFFFF + 1
        data = frames.echo(0x4146, seq, payload)
        if family == 4:
            self.send(self.packet4(frames.ICMP, frames.icmp(8, 0, data)))
        else:
            message = frames.icmp6(self.ip6, self.guest6, 128, 0, data)
            self.send(self.packet6(frames.ICMPV6, message))
        return seq

    # ---- receiving ----

    def hold(self):
        """Reads nothing more, so that the wire fills up, until release()."""
        self._reading.clear()

    def release(self):
        self._reading.set()

    def expect(self, match, timeout):
        """Removes and returns the first frame that match(frame) accepts; None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for at in range(seen, len(self._frames)):
                    if match(self._frames[at]):
                        return self._frames.pop(at)
                seen = len(self._frames)
                left = deadline - time.monotonic()
                if self._closed or left <= 0:
                    return None
                self._changed.wait(left)

    def forget(self):
        """Drops the frames kept so far."""
        with self._changed:
            self._frames.clear()

    def echo_reply(self, seq, timeout, family=4):
        """The payload of the answer to send_echo()'s number; None if it does not come."""
        at, kind = (34, 0) if family == 4 else (54, 129)
        proto_at, proto = (23, frames.ICMP) if family == 4 else (20, frames.ICMPV6)
        head = bytes([kind, 0])
        tail = frames.echo(0x4146, seq)

        def match(frame):
            return (
                frame[proto_at : proto_at + 1] == bytes([proto])
                and frame[at : at + 2] == head
                and frame[at + 4 : at + 8] == tail
            )

        frame = self.expect(match, timeout)
        if frame is None:
            return None
        if family == 4:
            length = struct.unpack("!H", frame[16:18])[0] - 20
        else:
            length = struct.unpack("!H", frame[18:20])[0]
        return frame[at + 8 : at + length]

    def ping(self, payload=b"ping", timeout=20, family=4):
        """True if the guest answers with the same payload."""
        return self.echo_reply(self.send_echo(payload, family), timeout, family) == payload

    def wait_reachable(self, family, seconds=60):
        """True as soon as the guest answers. Asks once a second, as an address may not be in use yet: an IPv6
        one is first checked for duplicates."""
        return any(self.ping(timeout=1, family=family) for _ in range(seconds))

    def _read(self):
        stream = self._ours.makefile("rb")
        try:
            while True:
                self._reading.wait()
                head = stream.read(4)
                if len(head) < 4:
                    break
                frame = stream.read(struct.unpack("!I", head)[0])
                if self._answer(frame):
                    continue
                with self._changed:
                    self._frames.append(frame)
                    self._changed.notify_all()
        except OSError:
            pass
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _answer(self, frame):
        """True if the frame was a question for our hardware address, and is answered."""
        kind = frame[12:14]
        ours4, ours6, our_mac = frames.ip(self.ip4), frames.ip(self.ip6), frames.mac(self.mac)
        if kind == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == ours4:
            sha, spa = frame[22:28], frame[28:32]
            reply = frames.eth(sha, our_mac, frames.ARP, frames.arp(2, our_mac, ours4, sha, spa))
        elif kind == b"\x86\xdd" and frame[54:55] == b"\x87" and frame[62:78] == ours6:
            src = socket.inet_ntop(socket.AF_INET6, frame[22:38])
            rest = b"\x60\0\0\0" + ours6 + b"\2\1" + our_mac
            message = frames.icmp6(self.ip6, src, 136, 0, rest)
            packet = frames.ip6(self.ip6, src, frames.ICMPV6, message, hops=255)
            reply = frames.eth(frame[6:12], our_mac, frames.IPV6, packet)
        else:
            return False
        try:
            self.send(reply)
        except OSError:
            pass
        return True
