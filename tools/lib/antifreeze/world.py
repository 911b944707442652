# SPDX-License-Identifier: BSD-3-Clause
"""A private world: network, process and mount namespaces of our own, and a user namespace if needed.

Inside, tap interfaces need no root, ports collide with nobody, and when the first process of the world
ends, whatever the way, the kernel ends all others. enter() runs the calling script again inside:

    outer process (supervises)  ->  setpriv --pdeathsig  ->  unshare --kill-child  ->  the script again

The outer one passes signals on and ends with the inner one's status; killed by SIGKILL it takes the
world with it. Signals are held back while either of them starts, so that none is lost or meets half of it.
Where namespaces are refused the script runs as it is, without taps.
"""

import os
import signal
import subprocess
import sys
import time

from . import Error

_MARK = "ANTIFREEZE_WORLD"  # in the environment: "private", or why the world is not
GRACE = 15  # seconds that the inner process has to end after a signal, if nothing else is said
_START = 5  # seconds that unshare may take to begin it
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def enter(grace=GRACE, keep=()):
    """Returns inside the world, or where there is none to be had. The outer process never returns: it
    exits with the inner one's status. `grace`: seconds that the inner one has to end after a signal; after a second
    signal it has no more than GRACE. `keep` are descriptors that stay open in the world's first process."""
    if _MARK not in os.environ:
        flags, refusal = _namespaces()
        os.environ[_MARK] = refusal or "private"
        if not refusal:
            sys.exit(_supervise(["unshare", *flags, "--", sys.executable, *sys.orig_argv[1:]], grace, keep))
    if private():
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        except OSError as error:
            raise Error(f"iproute2's ip cannot be run ({error}): run `make deps`") from None
    interruptible()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def interruptible():
    """Every signal that ends a run does so like Ctrl-C: everything is closed."""
    _handle(signal.default_int_handler)


def private():
    """True inside a world with a network of its own."""
    return os.environ.get(_MARK) == "private"


def why_no_taps():
    """Empty where tap interfaces can be made, else the reason."""
    if not private():
        return os.environ.get(_MARK) or "no private network: start the tests with tests/run-tests"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun is missing or may not be opened"
    return ""


def _namespaces():
    """(flags of unshare, "") or ([], why there are none). Root needs no user namespace, and without one
    it can still read other users' files."""
    tries = [["--user", "--map-root-user", *_NAMESPACES]]
    if os.geteuid() == 0:
        tries.insert(0, _NAMESPACES)
    for flags in tries:
        try:
            done = subprocess.run(
                ["unshare", *flags, "--", "ip", "link", "set", "lo", "up"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return [], f"namespaces are not to be had here: {error}"
        if done.returncode == 0:
            return flags, ""
        said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return [], f"namespaces are not to be had here: {said}"


def _handle(handler):
    """Has all signals that end a run handled. SIGINT even if it was ignored: so does a shell start what runs in
    its background, where an interrupt would then end iperf3 and not us. SIGHUP not: that was nohup."""
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _wait_begun(pid):
    """Until unshare has forked: a signal that it gets before, the inner process never would."""
    deadline = time.monotonic() + _START
    try:
        while time.monotonic() < deadline:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                if file.read().strip():
                    return
            time.sleep(0.005)
    except OSError:
        pass  # it has ended, or this kernel does not tell


def _supervise(command, grace, keep=()):
    """Runs the command in a process group of its own, passes signals on, returns its exit status."""
    # Blocked signals stay pending, in the inner process until enter() takes them there: as the first
    # process of its world it would not even notice one for which it has no handler yet.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, process_group=0, pass_fds=keep
    )
    interrupted = []

    def pass_on(number, _frame):
        _wait_begun(child.pid)
        # unshare itself holds SIGINT and SIGTERM back while its child lives, but not SIGHUP
        os.killpg(child.pid, signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
        left = signal.alarm(0)
        signal.alarm(min(left, GRACE) if interrupted else grace)
        interrupted.append(number)

    _handle(pass_on)
    signal.signal(signal.SIGALRM, lambda *_: child.kill())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    status = child.wait()
    if interrupted and status < 0:
        print("not ended in time after the signal: killed", file=sys.stderr)
        return 128 + signal.SIGINT
    return status if status >= 0 else 128 - status
