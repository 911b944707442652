# SPDX-License-Identifier: BSD-3-Clause
"""What the readers of QEMU's sockets share: each socket has a thread that reads it until its end."""


def chunks(sock):
    """What comes over the socket, until the other side, or end() here, has closed it."""
    while True:
        try:
            chunk = sock.recv(65536)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


def end(sock, thread):
    """Ends the thread that reads the socket, and closes that."""
    try:
        sock.shutdown(2)
    except OSError:
        pass
    thread.join(5)
    sock.close()
