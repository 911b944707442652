# SPDX-License-Identifier: BSD-3-Clause
"""QEMU: the only place that knows its flags.

    machine = Machine(append="ip=10.77.0.2/24", nics=[Nic.tap("tap0")])
    with Guest(machine, log_dir) as guest:
        guest.wait("ready", 30)
        …
        guest.quit()

A guest dies with the process that started it (parent-death signal), is asked to quit through QMP at
the end of the `with` block, and killed by its process id if it does not. Console and QMP are
socket pairs inherited by QEMU: no port, no path, nothing to clean up.

QEMU= names the program, ACCEL= the accelerator; without ACCEL, KVM is used if a guest really runs under it.
"""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import time

from . import BUILD, Error, own_folder
from .console import Console, GuestError
from .qmp import Qmp

# One CPU model for every accelerator, so that figures compare. Without ERMS, because TCG emulates fast
# string instructions byte by byte and a Linux guest that believes in them is halved; our guest does
# not use them. Without ARCH_CAPABILITIES, because QEMU aborts where a nested KVM offers that register
# but refuses to set it.
CPU_MODEL = "max,-erms,-fsrm,-arch-capabilities"

# Exit statuses of QEMU, from the guest's codes through isa-debug-exit: 2 * code + 1.
STATUS_PASS = 0
STATUS_FAIL = 3
STATUS_FAIL_CONFIG = 5
STATUS_PANIC = 7

OVMF_CODE = (
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_CODE.fd",
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
)
OVMF_VARS = (
    "/usr/share/OVMF/OVMF_VARS_4M.fd",
    "/usr/share/OVMF/OVMF_VARS.fd",
    "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
)

IMAGES = {"pvh": "antifreeze.elf", "efi": "antifreeze.efi", "disk": "antifreeze.img"}


def image_path(boot="pvh", build=BUILD):
    """The artifact that boots this way; Error if make has not built it."""
    path = pathlib.Path(build) / IMAGES[boot]
    if not path.is_file():
        raise Error(f"{path} is missing: run `make` first")
    return path


def program():
    """QEMU= or qemu-system-x86_64, as a list of words; Error if there is none."""
    words = shlex.split(os.environ.get("QEMU") or "qemu-system-x86_64")
    if not words or not shutil.which(words[0]):
        name = words[0] if words else "QEMU"
        raise Error(f"{name} is not installed: run `make deps`, or name one in QEMU=")
    return words


@dataclasses.dataclass
class Nic:
    """One virtio NIC: where its frames go, and the options of the device. Its id is nic0, nic1, …

    A classic one is asked for as in QEMU's first years, -net nic,model=virtio -net …, and has no options."""

    netdev: str  # the -netdev text without its id
    mac: str = ""
    options: dict = dataclasses.field(default_factory=dict)  # e.g. {"vectors": 0, "host_mtu": 9000}
    fds: tuple = ()  # descriptors that QEMU inherits
    classic: bool = False

    @classmethod
    def tap(cls, ifname, mac="", classic=False, **options):
        """A tap interface that exists already."""
        return cls(f"tap,ifname={ifname},script=no,downscript=no", mac, options, classic=classic)

    @classmethod
    def user(cls, forwards=(), mac="", classic=False, **options):
        """QEMU's user network; forwards are (protocol, host port, guest port)."""
        text = "".join(
            f",hostfwd={protocol}:127.0.0.1:{host}-:{guest}" for protocol, host, guest in forwards
        )
        return cls("user" + text, mac, options, classic=classic)

    @classmethod
    def socket(cls, sock, mac="", **options):
        """A stream socket: each frame behind its length in four bytes, big-endian."""
        return cls(f"socket,fd={sock.fileno()}", mac, options, (sock.fileno(),))


@dataclasses.dataclass
class Machine:
    """What is booted, and on what."""

    boot: str = "pvh"  # pvh, efi, disk
    image: object = None  # None: the artifact under build/
    machine: str = "q35"  # q35, pc
    memory_mib: int = 64
    cpus: int = 1  # the guest uses the first
    accel: str = ""  # "": the best one that works
    append: str = ""  # the command line; load options under UEFI
    initrd: object = None  # a file that a kernel of another kind begins with
    fw_cfg: object = None  # text of opt/antifreeze/config
    nics: list = dataclasses.field(default_factory=list)
    debug_exit: bool = True  # isa-debug-exit is there
    reboot: bool = False  # a reset starts over instead of ending QEMU
    devices: tuple = ()  # more devices, in front of the NICs: "pcie-root-port,id=port0"
    settings: tuple = ()  # -global texts
    plugin: str = ""  # the emulator's -plugin text
    state: object = None  # a qcow2 file that snapshots are saved to
    incoming: object = None  # a file with the state of a machine that goes on here
    more: tuple = ()  # whatever else, at the end

    def command(self, console_fd, qmp_fd):
        """The whole command line, as a list of words: console and QMP are sockets that QEMU inherits."""
        return self._words(
            "-chardev", f"socket,id=console,fd={console_fd}", "-serial", "chardev:console",
            "-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control",
        )  # fmt: skip

    def plain_command(self):
        """The same for a shell: the console is the terminal, and there is no QMP."""
        return self._words("-serial", "stdio")

    def debug_command(self, port):
        """The same for a person with gdb: stopped before the first instruction, a stub listens on the port of
        127.0.0.1, the console is the terminal."""
        return self._words("-serial", "stdio", "-S", "-gdb", f"tcp:127.0.0.1:{port}")

    def _words(self, *console):
        image = str(self.image or image_path(self.boot))
        accel = self.accel or accelerator().name
        words = program() + [
            "-nodefaults", "-display", "none", "-no-user-config",
            "-machine", f"{self.machine},accel={accel}",
            "-cpu", CPU_MODEL, "-smp", str(self.cpus), "-m", f"{self.memory_mib}M",
            *console,
        ]  # fmt: skip
        if not self.reboot:
            words += ["-no-reboot"]
        if self.debug_exit:
            words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        if self.boot != "pvh":
            words += _firmware()
        if self.boot == "disk":
            words += ["-drive", f"format=raw,snapshot=on,file={_escaped(image)}"]
        else:
            words += ["-kernel", image]
            if self.append:
                words += ["-append", self.append]
            if self.initrd:
                words += ["-initrd", str(self.initrd)]
        if self.fw_cfg is not None:
            words += ["-fw_cfg", f"name=opt/antifreeze/config,string={_escaped(self.fw_cfg)}"]
        if self.plugin:
            words += ["-plugin", self.plugin]
        for setting in self.settings:
            words += ["-global", setting]
        for device in self.devices:
            words += ["-device", device]
        if self.state:
            words += ["-drive", f"if=none,id=state,format=qcow2,file={_escaped(self.state)}"]
        if self.incoming:
            words += ["-incoming", f"exec:cat {shlex.quote(str(self.incoming))}"]
        for k, nic in enumerate(self.nics):
            words += _classic_nic(nic) if nic.classic else _nic(k, nic)
        return words + list(self.more)

    def inherited(self):
        return tuple(fd for nic in self.nics for fd in nic.fds)


def _nic(k, nic):
    # No boot ROM: the firmware would spend time on an offer to boot from the network.
    device = {"netdev": f"n{k}", "id": f"nic{k}", "romfile": ""} | nic.options
    if nic.mac:
        device["mac"] = nic.mac
    text = "".join(f",{key}={value}" for key, value in device.items())
    return ["-netdev", f"{nic.netdev},id=n{k}", "-device", "virtio-net-pci" + text]


def _classic_nic(nic):
    mac = f",macaddr={nic.mac}" if nic.mac else ""
    return ["-net", "nic,model=virtio" + mac, "-net", nic.netdev]


def _escaped(text):
    """A value inside one of QEMU's comma-separated options."""
    return str(text).replace(",", ",,")


def _firmware():
    code = next((path for path in OVMF_CODE if os.path.exists(path)), None)
    variables = next((path for path in OVMF_VARS if os.path.exists(path)), None)
    if not code or not variables:
        raise Error("no UEFI firmware found: install the package ovmf (`make deps`)")
    return [
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
        "-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={variables}",
    ]  # fmt: skip


class Guest:
    """A running QEMU. The log directory gets console.log, qemu.log and the command line."""

    def __init__(self, machine, log_dir, console_held=False):
        self.machine = machine
        self.log_dir = own_folder(pathlib.Path(log_dir))
        console_ours, console_theirs = socket.socketpair()
        qmp_ours, qmp_theirs = socket.socketpair()
        theirs = (console_theirs.fileno(), qmp_theirs.fileno())
        command = machine.command(*theirs)
        (self.log_dir / "command").write_text(shlex.join(command) + "\n")
        self.qmp = None
        with open(self.log_dir / "qemu.log", "wb") as stderr:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=theirs + machine.inherited(), process_group=0,
            )  # fmt: skip
        console_theirs.close()
        qmp_theirs.close()
        self.console = Console(console_ours, self.log_dir / "console.log", console_held)
        self.qmp = Qmp(qmp_ours)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def records(self):
        return self.console.records

    def mark(self):
        """Where the records are now: pass it as `after` to wait only for what comes later."""
        return len(self.console.records)

    def find(self, event):
        """Every record of this event so far."""
        return [record for record in list(self.console.records) if record["event"] == event]

    def wait(self, event, timeout=60, match=None, after=0):
        """The first such record; GuestError with the guest's last lines if it does not come in time."""
        record = self.console.wait(event, timeout, match, after)
        if record is None:
            why = "the guest ended" if self.console.closed else f"nothing for {timeout} s"
            raise self.error(f"no `{event}` record: {why}")
        return record

    def wait_exit(self, timeout=60):
        """QEMU's exit status once the guest has ended itself."""
        if not self.console.wait_closed(timeout):
            raise self.error(f"the guest still runs after {timeout} s")
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            raise self.error("QEMU closed the console but does not end") from None
        shutdown = next((e["data"] for e in self.qmp.events if e["event"] == "SHUTDOWN"), {})
        if status == 0 and shutdown.get("reason") == "guest-reset":
            raise self.error("the guest reset itself (a triple fault?) instead of powering off")
        return status

    def wait_running(self, timeout=60):
        """Until a machine that came from elsewhere (Machine.incoming) runs here."""
        deadline = time.monotonic() + timeout
        while (status := self.qmp.command("query-status")["status"]) != "running":
            if time.monotonic() > deadline:
                raise self.error(f"the machine is still {status} after {timeout} s")

    def error(self, sentence):
        """A GuestError: the sentence, what QEMU said, and the guest's last lines."""
        said = (self.log_dir / "qemu.log").read_text(errors="replace").strip()
        parts = [sentence]
        if said:
            parts.append("QEMU said: " + said[-600:])
        tail = self.console.tail()
        parts.append(f"the guest's last lines ({self.log_dir / 'console.log'}):\n{tail}" if tail else
                     "the guest printed nothing")  # fmt: skip
        return GuestError("\n".join(parts))

    def alive(self):
        return self.process.poll() is None

    def quit(self, timeout=10):
        """Ends QEMU from outside, politely; returns its status."""
        if self.alive():
            try:
                self.qmp.command("quit", timeout=5)
            except Error:
                pass  # it may end before it answers; the wait below decides
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def close(self):
        """Quits if need be and frees everything; may be called twice."""
        try:
            if self.qmp:
                self.quit(5)
            else:
                self.process.kill()
        finally:
            self.process.wait()
            self.console.close()
            if self.qmp:
                self.qmp.close()
                self.qmp = None


# ---- accelerator --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Accelerator:
    name: str  # kvm, tcg
    why: str  # one line for people


@functools.lru_cache(maxsize=None)
def accelerator():
    """The best accelerator that really works here: KVM counts only if a guest says `boot` under it."""
    wanted = os.environ.get("ACCEL", "")
    if wanted:
        return Accelerator(wanted, f"{wanted}, as ACCEL= asks")
    if not os.path.exists("/dev/kvm"):
        return Accelerator("tcg", "TCG emulation: there is no /dev/kvm here")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Accelerator("tcg", "TCG emulation: this user may not open /dev/kvm")
    cache = BUILD / "accel.json"
    key = _probe_key()
    try:
        known = json.loads(cache.read_text())
        if known["key"] == key:
            return Accelerator(known["name"], known["why"])
    except (OSError, ValueError, KeyError):
        pass
    own_folder(BUILD)
    found = _probe_kvm()
    cache.write_text(json.dumps({"key": key, "name": found.name, "why": found.why}) + "\n")
    return found


def _probe_key():
    """Valid until the host boots anew or QEMU changes."""
    path = shutil.which(program()[0])
    status = os.stat(path)
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return hashlib.sha256(f"{boot_id} {path} {status.st_mtime_ns} {CPU_MODEL}".encode()).hexdigest()


def _probe_kvm(timeout=2):
    """A guest boots within 0.3 s under any KVM worth having; where the host only emulates what KVM needs it
    takes seconds, and TCG is the faster one."""
    with Guest(Machine(accel="kvm", append="services=off ip=off ip6=off"), BUILD / "accel") as guest:
        if guest.console.wait("boot", timeout):
            return Accelerator("kvm", "KVM")
        said = (guest.log_dir / "qemu.log").read_text(errors="replace").strip().splitlines()
    reason = said[-1] if said else f"a guest has not booted after {timeout} s"
    return Accelerator("tcg", f"TCG emulation: KVM does not work here ({reason})")
