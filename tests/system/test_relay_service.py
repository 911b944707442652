# SPDX-License-Identifier: BSD-3-Clause
"""Real programs through the guest's relay: rsync both ways, curl, and what becomes of clients without a target."""

import os
import socket
import subprocess
import sys

import pytest

from pools import settled, used

MODULE = """
use chroot = no
pid file = {folder}/pid
[data]
path = {folder}/data
read only = no
{ids}
"""


class Process:
    """Ends with the test; returns when something accepts on its port, without a connection to it."""

    def __init__(self, log, *words, port):
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, words)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        wanted = f":{port:04X} "
        while not any(wanted in line and " 0A " in line for line in open("/proc/net/tcp")):
            assert self.process.poll() is None, log.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def relayed(boot, tap):
    """A guest with two relays to this host, and nothing kept when the test is over."""
    guest = boot(f"relay=7000:{tap.host4}:8730,7001:{tap.host4}:8731", net=tap)
    before = used(guest.stats())
    yield guest
    over = settled(guest, before, but=["lwip.TCP_PCB"])
    assert not over, f"not given back (idle, now): {over}"
    assert guest.stats()["services"]["relay"]["open"] == 0


def files(folder, count, size):
    for k in range(count):
        (folder / f"file{k}").write_bytes(os.urandom(size))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rsync(*words):
    done = subprocess.run(["rsync", "-a", *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_rsync_through_the_guest(relayed, tmp_path):
    """Its protocol talks both ways at once, and says FIN on one before the other is done."""
    for name in ("data", "up", "down"):
        (tmp_path / name).mkdir()
    sent = files(tmp_path / "up", 8, 500_000)
    ids = "uid = 0\ngid = 0" if os.getuid() == 0 else ""
    (tmp_path / "rsyncd.conf").write_text(MODULE.format(folder=tmp_path, ids=ids))
    url = f"rsync://{relayed.net.guest4}:7000/data/"
    server = ["rsync", "--daemon", "--no-detach", f"--config={tmp_path}/rsyncd.conf", "--port=8730", "--ipv4"]
    with Process(tmp_path / "rsyncd.log", *server, port=8730):
        rsync(f"{tmp_path}/up/", url)
        rsync(url, f"{tmp_path}/down/")
    assert {path.name: path.read_bytes() for path in (tmp_path / "down").iterdir()} == sent
    relay = relayed.stats()["services"]["relay"]
    assert relay["accepted"] == 2 and relay["resets"] == 0 and relay["unreachable"] == 0
    assert min(relay["to_target_bytes"], relay["to_client_bytes"]) > 4_000_000


def test_curl_through_the_guest(relayed, tmp_path):
    (tmp_path / "data").mkdir()
    (content,) = files(tmp_path / "data", 1, 3_000_000).values()
    server = [sys.executable, "-m", "http.server", "--bind", relayed.net.host4, "--directory", tmp_path / "data", "8731"]
    with Process(tmp_path / "http.log", *server, port=8731):
        url = f"http://{relayed.net.guest4}:7001/file0"
        done = subprocess.run(["curl", "-sS", "--fail", url, url], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 2 * content


def test_client_whose_target_refuses_is_reset(relayed):
    with pytest.raises(ConnectionResetError), socket.create_connection((relayed.net.guest4, 7000), 20) as client:
        client.recv(1)
    assert relayed.wait("refused", 20)["reason"] == "relay: the target refuses"
    assert relayed.stats()["services"]["relay"]["unreachable"] == 1


def test_port_of_another_service_ends_the_run(boot, tap):
    guest = boot(f"relay=7:{tap.host4}:8730", net=tap, ready=False, healthy=False)
    assert "port 7 cannot be bound" in guest.wait("error", 60)["message"]
    assert guest.wait_exit(60) == 3
