# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the system tests. Start them with tests/run-tests, which provides the private network.

    guest     a booted guest shared by the tests of one file; checked after each of them. The file may name
              another NETWORK() for it, on taps, and WORDS for its command line
    boot      boots guests of the test's own: boot(append="…", machine="pc", …)
    net       the network of the test's own guests: a tap where possible, else QEMU's user network
    tap       the same, but the test is skipped where there are no taps
    log_dir   build/test/<test>/, kept: console.log, qemu.log, command of each guest
    link      the relay of a shared guest whose NETWORK is relay.Relayed, for rules
    served_afterwards   each test of the file ends with good iperf3 clients that are served
    figures   a dictionary for what a test has measured: columns of the long run's table

Those marked `long` are chosen by -m long. Their logs and their table (summary.py) are in build/test-long/.
Those marked `alone` compare times with a limit: nothing else of ours runs beside them.

Nothing here or in a test sleeps: guest.wait(event, seconds) returns with the record, and seconds is only
the limit after which the test fails, generous enough for an emulated guest on a busy machine.
"""

import pathlib
import re
import shutil
import signal
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/lib"))

from antifreeze import BUILD, Error, net as networks, qemu, world  # noqa: E402
from books import check_books  # noqa: E402
from iperf3_client import good_client, wait_idle  # noqa: E402
from summary import Summary  # noqa: E402

STRICT = "check=panic"  # a lost buffer ends the guest at once, unless the test says otherwise
BOOT_SECONDS = 120  # the most that a boot may take, firmware included
LOGS = BUILD / "test"
LONG_LOGS = BUILD / "test-long"


# ---- every test ---------------------------------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption("--resume", action="store_true", help="leave out what passed in the long run before")


def is_long(config):
    return config.getoption("markexpr") == "long"


def pytest_configure(config):
    """A new run starts with an empty folder; one of chosen tests joins what is there."""
    option = config.option
    fresh = not (option.keyword or option.resume or option.file_or_dir)
    if fresh:
        shutil.rmtree(LONG_LOGS if is_long(config) else LOGS, ignore_errors=True)
    if is_long(config):
        config.pluginmanager.register(Summary(LONG_LOGS, fresh, option.resume), "summary")


def pytest_report_header():
    accel = qemu.accelerator()
    taps = world.why_no_taps()
    return [
        f"guest: {accel.why}; CPU {qemu.CPU_MODEL}",
        "network: " + (f"QEMU user network, no taps: {taps}" if taps else "taps in a private namespace"),
    ]


def _limited(item):
    """Set-up, call and teardown each end in bounded time, whatever they wait for."""
    marker = item.get_closest_marker("limit")
    seconds = marker.args[0] if marker else 120

    def expired(*_):
        raise TimeoutError(f"took more than {seconds} s")

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from _limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from _limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from _limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows the last lines of every guest it had."""
    outcome = yield
    report = outcome.get_result()
    summary = item.config.pluginmanager.get_plugin("summary")
    if summary:
        summary.take(item, report)
    if report.failed:
        item.failed = True
        for guest in getattr(item, "guests", []):
            report.sections.append((f"guest {guest.log_dir}", guest.console.tail(25)))


def log_directory(node):
    name = re.sub(r"[^\w.\[\]=-]+", "_", node.nodeid.split("/")[-1])
    return (LONG_LOGS if is_long(node.config) else LOGS) / name


@pytest.fixture
def log_dir(request):
    return log_directory(request.node)


@pytest.fixture
def figures(request):
    request.node.figures = {}
    return request.node.figures


# ---- guests -------------------------------------------------------------------------------------


def check_health(guest):
    """What holds of every guest at every moment of an ordinary test."""
    assert not guest.console.malformed, f"not a record: {guest.console.malformed[0]!r}"
    for event in ("panic", "error"):
        assert not guest.find(event), guest.error(f"the guest reports: {guest.find(event)[0]}")
    assert guest.alive(), guest.error("the guest has ended")


@pytest.fixture
def net():
    with networks.best() as network:
        yield network


def need_taps():
    """Skips the test where there are none."""
    why = world.why_no_taps()
    if why:
        pytest.skip(f"needs a tap interface: {why}")


@pytest.fixture
def tap():
    need_taps()
    with networks.Tap() as network:
        yield network


@pytest.fixture
def boot(request, net, log_dir):
    """boot(append="…", net=…, ready=True, healthy=True, **fields of qemu.Machine) -> NetGuest.

    Waits for the `ready` record unless ready=False. When the test is over the guest must be healthy
    unless healthy=False (a guest that has ended by itself always may), then it is ended."""
    guests = request.node.guests = []
    unhealthy = []

    def start(append="", net=net, ready=True, healthy=True, options=None, **machine):
        directory = log_dir / f"guest{len(guests)}" if guests else log_dir
        guest = networks.NetGuest(net, directory, f"{STRICT} {append}", options, **machine)
        guests.append(guest)
        if not healthy:
            unhealthy.append(guest)
        if ready:
            guest.wait("ready", BOOT_SECONDS)
        return guest

    yield start
    try:
        for guest in guests:
            assert not guest.console.malformed, f"not a record: {guest.console.malformed[0]!r}"
            if guest not in unhealthy and guest.alive():
                check_health(guest)
    finally:
        for guest in guests:
            guest.close()


class _Shared:
    """The guest of one test file; booted anew if a test broke it."""

    def __init__(self, directory, net, words):
        self.directory = directory
        self.net = net
        self.words = words
        self.guest = None

    def get(self):
        if self.guest is None:
            self.guest = networks.NetGuest(self.net, self.directory, f"{STRICT} {self.words}")
            self.guest.wait("ready", BOOT_SECONDS)
        return self.guest

    def drop(self):
        if self.guest:
            self.guest.close()
            self.guest = None


@pytest.fixture(scope="module")
def _shared(request):
    network = getattr(request.module, "NETWORK", None)
    if network:
        need_taps()
    words = getattr(request.module, "WORDS", "")
    shared = _Shared(log_directory(request.node), (network or networks.best)(), words)
    yield shared
    shared.drop()
    shared.net.close()


@pytest.fixture
def guest(request, _shared):
    """The file's shared guest: PVH, q35, 64 MiB, fixed addresses on a tap (or the user network), or as it says."""
    try:
        guest = _shared.get()
        request.node.guests = [guest]
        yield guest
        check_health(guest)
        assert guest.stats()["alloc_failures"] == 0
    except BaseException:
        _shared.drop()
        raise
    if getattr(request.node, "failed", False):
        _shared.drop()  # the next test is not to suffer for this one


@pytest.fixture
def link(guest):
    """The relay, without rules; afterwards nothing was lost but by rules, and the guest is well."""
    link = guest.net.relay
    link.rule("seed 1")
    try:
        yield link
        link.counts()
    finally:
        link.clear()
    check_books(guest)


@pytest.fixture
def served_afterwards(guest):
    yield
    good_client(guest)
    wait_idle(guest)
