# SPDX-License-Identifier: BSD-3-Clause
"""Where the guest gets its addresses from: DHCP, router advertisements, configuration."""

import ipaddress

import pytest

from antifreeze import net as networks, qemu
from ping import ping_sizes


def expected_slaac(tap):
    """The address that stateless autoconfiguration makes of prefix and MAC [RFC 4862, EUI-64]."""
    mac = bytes.fromhex(tap.mac.replace(":", ""))
    suffix = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    prefix = ipaddress.ip_address(tap.host6).packed[:8]
    return str(ipaddress.ip_address(prefix + suffix))


@pytest.fixture
def dynamic(boot, tap, log_dir):
    """A guest with nothing configured, on a tap; dnsmasq is up to the test."""

    def start(append="", **options):
        return boot(append=f"gw=none ip=dhcp ip6=auto {append}", net=tap, **options)

    return start


def test_dhcp_lease_is_taken_and_used(dynamic, tap, log_dir):
    tap.serve_addresses(log_dir)
    guest = dynamic()
    address = ipaddress.ip_interface(guest.find("ready")[0]["ip"])
    low, high = map(ipaddress.ip_address, tap.pool4)
    assert low <= address.ip <= high and address.network.prefixlen == tap.prefix4
    # one first: the guest has yet to ask for our hardware address, and keeps one packet meanwhile
    assert not ping_sizes(str(address.ip), [56])
    assert not ping_sizes(str(address.ip), [0, 56, 1472])


def test_dhcp_server_that_comes_late_is_still_found(dynamic, tap, log_dir):
    guest = dynamic("ip6=off", ready=False)
    guest.wait("nic")
    tap.serve_addresses(log_dir, slaac=False)
    ready = guest.wait("ready", 90)
    assert ipaddress.ip_interface(ready["ip"]).ip >= ipaddress.ip_address(tap.pool4[0])


def test_no_dhcp_server_means_not_ready_but_alive(dynamic):
    guest = dynamic("ip6=off exit=2s", ready=False)
    assert guest.wait_exit() == qemu.STATUS_PASS
    assert not guest.find("ready")


def test_slaac_address_is_made_of_prefix_and_mac(dynamic, tap, log_dir):
    if not tap.has_ipv6:
        pytest.skip("this host has no IPv6")
    tap.serve_addresses(log_dir, dhcp=False)
    guest = dynamic("ip=off")
    # ready may name the link-local address, which is there first; the other answers as soon as it is
    assert guest.find("ready")[0]["ip6"]
    assert not ping_until_answered(expected_slaac(tap), 60)


def test_ipv6_alone_is_ready_and_answers(boot, tap):
    if not tap.has_ipv6:
        pytest.skip("this host has no IPv6")
    guest = boot(append="ip=off gw=none", net=tap)
    ready = guest.find("ready")[0]
    assert ready["ip"] == ""
    assert ipaddress.ip_interface(ready["ip6"]) == ipaddress.ip_interface(f"{tap.guest6}/64")
    assert not ping_sizes(tap.guest6, [0, 56, 1452])


def test_ipv4_alone_has_no_ipv6(boot, tap):
    guest = boot(append="ip6=off", net=tap)
    assert guest.find("ready")[0]["ip6"] == ""
    assert not ping_sizes(tap.guest4, [56])


def test_user_network_gives_an_address_by_dhcp(boot):
    guest = boot(net=networks.UserNet())
    assert guest.find("ready")[0]["ip"] == "10.0.2.15/24"
    assert guest.stats()["alloc_failures"] == 0


def ping_until_answered(address, seconds):
    """The first answer ends it; a request is repeated each second, for the address may not be there yet."""
    wrong = {56: "not asked"}
    for _ in range(seconds):
        try:
            wrong = ping_sizes(address, [56], timeout=1)
        except OSError as error:  # no neighbour yet
            wrong = {56: str(error)}
        if not wrong:
            break
    return wrong
