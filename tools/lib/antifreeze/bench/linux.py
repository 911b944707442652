# SPDX-License-Identifier: BSD-3-Clause
"""The Linux guest: Debian's kernel and iperf3 with an init of ours, on the QEMU line of our own guest.

Its first file system is all it has: tests/bench/linux_init.c as init, the modules of a virtio NIC and pktgen, iperf3
with its libraries. No shell, no services. SETTINGS are those that help it; each says why.
"""

import re
import socket
import subprocess
import time

from .. import BUILD, Error, net
from . import cpio, packages

INIT = BUILD / "bench" / "linux_init"
INITRD = BUILD / "bench" / "linux.cpio"
MODULES = ("virtio_pci", "virtio_net", "pktgen")
AGENT_PORT = 9000
_LISTENS = re.compile(r"^ *\d+: [0-9A-F]+:1451 [0-9A-F]+:0000 0A ", re.M)  # port 5201, in state LISTEN

SETTINGS = {
    "console=ttyS0": "the host waits for a line on it",
    "quiet": "the console costs time",
    "loglevel=3": "the same",
    "panic=-1": "a kernel that gives up ends QEMU",
    "tsc=reliable": "an emulated counter that is doubted is replaced by a far slower clock",
    "mitigations=off": "ours has none either: there is nobody to hide anything from",
    "init_on_alloc=0": "Debian's kernel clears every page before use",
    "hardened_usercopy=off": "checks at each copy from and to iperf3",
    "apparmor=0": "checks at each call of iperf3",
    "audit=0": "the same",
    "nowatchdog": "timers that only look after the kernel",
    "nokaslr": "faster to boot",
}


def prepare():
    """Writes the initial file system; wants packages.fetch() and the init to be there."""
    root = packages.ROOT
    if not INIT.is_file():
        raise Error(f"{INIT} is missing: start this with `make bench`")
    archive = cpio.Archive()
    archive.add_file("init", INIT.read_bytes(), executable=True)
    archive.add_character_device("dev/console", 5, 1)
    modules = _module_files(root)
    order = _in_order(MODULES, modules)
    for path in order:
        archive.add_file(f"modules/{path.name}", path.read_bytes())
    archive.add_file("modules.order", "".join(f"/modules/{path.name}\n" for path in order).encode())
    for path in _with_libraries(root / "usr/bin/iperf3", root):
        folder = "usr/bin" if path.name == "iperf3" else "lib/x86_64-linux-gnu"
        archive.add_file(f"{folder}/{path.name}", path.read_bytes(), executable=True)
    loader = root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    archive.add_file("lib64/ld-linux-x86-64.so.2", loader.read_bytes(), executable=True)
    INITRD.write_bytes(archive.bytes())


def kernel():
    """The kernel image that has been unpacked."""
    found = sorted((packages.ROOT / "boot").glob("vmlinuz-*"))
    if not found:
        raise Error(f"no kernel in {packages.ROOT}")
    return found[-1]


def _module_files(root):
    """{module: file}; the kernel calls `-` and `_` the same."""
    return {path.stem.replace("-", "_"): path for path in (root / "lib/modules").rglob("*.ko")}


def _in_order(wanted, files):
    """The files of these modules and of all that they need, what is needed first. What is no module of this kernel is
    part of it."""
    order = []

    def add(name):
        path = files.get(name)
        if path is None or path in order:
            return
        for other in depends(path.read_bytes()):
            add(other)
        order.append(path)

    for name in wanted:
        if name not in files:
            raise Error(f"this kernel has no module {name}")
        add(name)
    return order


def depends(module):
    """The modules that a module says it needs."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    names = found[1].decode() if found else ""
    return [name.replace("-", "_") for name in names.split(",") if name]


def _with_libraries(program, root):
    """The program and every library that it needs."""
    needed = [program]
    for path in needed:
        for name in _libraries(path):
            at = [root / folder / name for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")]
            found = next((each for each in at if each.exists()), None)
            if not found:
                raise Error(f"{path.name} needs {name}, which none of the packages has")
            if found not in needed and not name.startswith("ld-linux"):
                needed.append(found)
    return needed


def _libraries(path):
    done = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", done.stdout)


class LinuxGuest(net.NetGuest):
    """On a tap, at the address that our guest would have. Takes the fields of qemu.Machine."""

    def __init__(self, tap, log_dir, options=None, **machine):
        append = " ".join(SETTINGS)
        super().__init__(tap, log_dir, append, options, image=kernel(), initrd=INITRD, **machine)

    def ask(self, command, timeout=20):
        """What the agent inside answers: `get PATH`, `put PATH TEXT`, `pktgen MS`."""
        with socket.create_connection((self.net.guest4, AGENT_PORT), timeout) as sock:
            sock.sendall(command.encode() + b"\n")
            said = b""
            while chunk := sock.recv(65536):
                said += chunk
        text = said.decode(errors="replace")
        if text.startswith("error: "):
            raise self.error(f"{command}: {text[7:].strip()}")
        return text

    def settle(self, timeout=20):
        """Until iperf3's server listens: after a test it needs a moment to begin anew."""
        deadline = time.monotonic() + timeout
        while not any(_LISTENS.search(self.ask(f"get /proc/net/{name}")) for name in ("tcp", "tcp6")):
            if time.monotonic() > deadline:
                raise self.error("iperf3 does not listen")

    def restart(self, seconds):
        """From its kernel on, in the same QEMU."""
        start = self.mark()
        self.qmp.command("set-action", reboot="reset")  # else QEMU ends, as it is told to where a guest resets itself
        self.qmp.command("system_reset")
        self.wait("ready", seconds, after=start)

    def received(self):
        """Frames that the guest's NIC has received."""
        return int(self.ask("get /sys/class/net/eth0/statistics/rx_packets"))

    def alloc_failures(self):
        """None that it tells of."""
        return 0
