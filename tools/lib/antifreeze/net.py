# SPDX-License-Identifier: BSD-3-Clause
"""The guest's network, seen from the host: a tap interface, or QEMU's user network.

Both have the same three things: nic() for Machine, config() for the guest's command line, and
address() for a client that wants to reach a port of the guest. best() takes the tap where one can be had.
"""

import hashlib
import http.client
import json
import pathlib
import socket
import subprocess

from . import Error, qemu, world

# The guest's services, all of which the user network forwards.
PORTS = {"iperf3": 5201, "echo": 7, "discard": 9, "chargen": 19, "http": 80}
_FORWARDS = [(protocol, port) for port in PORTS.values() for protocol in ("tcp", "udp") if port != 80]
_FORWARDS.append(("tcp", 80))


def best():
    """A tap in the private world, else the user network."""
    return UserNet() if world.why_no_taps() else Tap()


class UserNet:
    """QEMU's user network: no rights needed, DHCP and router advertisements included; the host reaches
    the forwarded ports of 127.0.0.1 only."""

    kind = "user"
    host4 = "10.0.2.2"  # as the guest sees it

    def __init__(self):
        self._host_ports = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def nic(self, **options):
        # chosen anew for each guest: another program may have taken one meanwhile
        self._host_ports = {port: _free_port() for port in PORTS.values()}
        forwards = [(protocol, self._host_ports[port], port) for protocol, port in _FORWARDS]
        return qemu.Nic.user(forwards, **options)

    def config(self):
        """What the guest has to be told: nothing, DHCP answers at once."""
        return ""

    def address(self, port):
        return "127.0.0.1", self._host_ports[port]

    def close(self):
        pass


def _free_port():
    """A number that is free for TCP and UDP on 127.0.0.1."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Error("no free port on 127.0.0.1")


class Tap:
    """A tap interface in the private world with a subnet of its own: the host is .1 and ::1, the guest
    may be .2 and ::2. DHCP and router advertisements on request. `netdev` is more of QEMU's words for it."""

    kind = "tap"
    _next = 1

    def __init__(self, mtu=1500, queues=1, netdev=""):
        k = Tap._next
        Tap._next += 1
        self.name = f"tap{k}"
        self.mtu = mtu
        self.queues = queues
        self._netdev = "," + netdev if netdev else ""
        subnet = f"10.{77 + k // 256}.{k % 256}"
        self.host4, self.guest4, self.prefix4 = f"{subnet}.1", f"{subnet}.2", 24
        self.host6, self.guest6, self.prefix6 = f"fd77:{k}::1", f"fd77:{k}::2", 64
        self.pool4 = (f"{subnet}.100", f"{subnet}.150")
        self.mac = f"52:54:00:77:{k >> 8:02x}:{k & 255:02x}"  # the guest's
        self._dnsmasq = None
        ip(f"tuntap add dev {self.name} mode tap" + (" multi_queue" if queues > 1 else ""))
        sysctl = pathlib.Path("/proc/sys/net/ipv6/conf") / self.name
        self.has_ipv6 = sysctl.is_dir()
        if self.has_ipv6:
            (sysctl / "disable_ipv6").write_text("0")
            (sysctl / "accept_dad").write_text("0")  # our own addresses count at once
        ip(
            f"link set dev {self.name} mtu {mtu} up",
            f"addr add {self.host4}/{self.prefix4} dev {self.name}",
            *([f"addr add {self.host6}/{self.prefix6} dev {self.name} nodad"] if self.has_ipv6 else []),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def nic(self, **options):
        nic = qemu.Nic.tap(self.name, self.mac, **options)
        if self.queues > 1:
            nic.netdev += f",queues={self.queues}"
        nic.netdev += self._netdev
        return nic

    def config(self, nic="net0"):
        """The fixed addresses."""
        ip6 = f"{self.guest6}/{self.prefix6}" if self.has_ipv6 else "off"
        return f"{nic}.ip={self.guest4}/{self.prefix4} {nic}.gw={self.host4} {nic}.ip6={ip6}"

    def address(self, port):
        return self.guest4, port

    def set_up(self, up):
        """Switches the host's end off or on; the guest's link stays up."""
        ip(f"link set dev {self.name} {'up' if up else 'down'}")

    def know_guest(self):
        """Enters the guest's hardware address by hand, so that the first packet needs no question."""
        ip(f"neigh replace {self.guest4} lladdr {self.mac} dev {self.name} nud permanent")

    def serve_addresses(self, log_dir, dhcp=True, slaac=True):
        """Starts dnsmasq on this interface: DHCP for IPv4, router advertisements for IPv6."""
        log_dir = pathlib.Path(log_dir)
        log_dir.mkdir(parents=True, exist_ok=True)
        leases = log_dir / f"{self.name}.leases"
        leases.unlink(missing_ok=True)
        words = [
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=0",
            f"--interface={self.name}", "--except-interface=lo", "--bind-interfaces",
            f"--dhcp-leasefile={leases}", "--log-dhcp", "--no-ping", "--dhcp-authoritative",
        ]  # fmt: skip
        if dhcp:
            words += [f"--dhcp-range={self.pool4[0]},{self.pool4[1]},255.255.255.0,1h"]
        if slaac:
            words += ["--enable-ra", f"--dhcp-range={self.host6[:-1]},ra-only,64,1h"]
        try:
            with open(log_dir / f"{self.name}.dnsmasq.log", "wb") as log:
                self._dnsmasq = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *words],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        except OSError as error:
            raise Error(f"dnsmasq cannot be run: {error}") from None

    def close(self):
        if self._dnsmasq:
            self._dnsmasq.kill()
            self._dnsmasq.wait()
            self._dnsmasq = None
        ip(f"link del dev {self.name}")


def ip(*commands):
    """Runs iproute2 commands, all in one process."""
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True
    )
    if done.returncode:
        raise Error(f"ip {'; '.join(commands)}: {done.stderr.strip()}")


class ExistingTap:
    """A tap interface that somebody else has made and looks after."""

    kind = "existing tap"
    host4 = None  # not ours to know

    def __init__(self, name):
        if name not in (known for _, known in socket.if_nameindex()):
            raise Error(f"there is no tap {name} here: `ip tuntap add dev {name} mode tap`, as root, makes one")
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def nic(self, **options):
        """With an address of its name's own, so that two guests on one bridge are told apart."""
        own = hashlib.sha256(self.name.encode()).digest()
        return qemu.Nic.tap(self.name, f"52:54:00:{own[0]:02x}:{own[1]:02x}:{own[2]:02x}", **options)

    def config(self):
        return ""


class Loop:
    """Two NICs of one guest on a hub inside QEMU: what one sends the other receives, and nobody else."""

    kind = "loop"
    guest4, host4 = "10.0.0.1", None

    def nic(self, **options):
        return qemu.Nic("hubport,hubid=0", options=options)

    def config(self):
        return "net0.ip=10.0.0.1/24 net1.ip=10.0.0.2/24"


def get(address, path, timeout):
    """(status, reason, body) of one GET over HTTP; OSError or HTTPException. We close the connection, so the guest keeps
    nothing of it."""
    return _ask("GET", address, path, timeout)


def order_fault(address, words, timeout=20):
    """Asks a guest that allows it for a fault, "drop_kick:3@0s+5s"; the status of its answer."""
    try:
        return _ask("POST", address, "/fault?" + words, timeout)[0]
    except (OSError, http.client.HTTPException) as error:
        raise Error(f"POST /fault?{words}: {error!r}") from None


def _ask(method, address, path, timeout):
    client = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        client.request(method, path)
        answer = client.getresponse()
        return answer.status, answer.reason, answer.read()
    finally:
        client.close()


class NetGuest(qemu.Guest):
    """A guest with one NIC on such a network."""

    def __init__(self, net, log_dir, append="", options=None, console_held=False, **machine):
        self.net = net
        # The caller's words come later and win. A disk has no command line.
        words = f"{net.config()} {append}".strip()
        source = "fw_cfg" if machine.get("boot") == "disk" and "fw_cfg" not in machine else "append"
        nics = [net.nic(**(options or {})), *machine.pop("more_nics", ())]
        machine = qemu.Machine(nics=nics, **{source: words}, **machine)
        super().__init__(machine, log_dir, console_held)

    def address(self, service):
        """(host, port) at which a client on this host reaches a service, by name or port."""
        return self.net.address(PORTS.get(service, service))

    def iperf3(self, *words):
        """The command line of a real client: ["iperf3", "-c", …, words…]."""
        host, port = self.address("iperf3")
        return ["iperf3", "-c", host, "-p", str(port), *map(str, words)]

    def get(self, path, timeout=20):
        """GET over HTTP: the body."""
        try:
            status, reason, body = get(self.address("http"), path, timeout)
        except (OSError, http.client.HTTPException) as error:
            raise self.error(f"GET {path}: {error!r}") from None
        if status != 200:
            raise self.error(f"GET {path}: {status} {reason}")
        return body

    def stats(self, timeout=20):
        """The object that GET /stats answers with."""
        return json.loads(self.get("/stats", timeout))
