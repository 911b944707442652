# SPDX-License-Identifier: BSD-3-Clause
"""Configuration: where it comes from, which source wins, what is refused by name before anything starts."""

import shutil
import subprocess

import pytest

from antifreeze import qemu

# token, key as it is named, a word of what is accepted
REFUSED = [
    ("bogus=1", "bogus", "services"),
    ("IP=dhcp", "IP", "ip"),
    ("net0.exit=1s", "net0.exit", "exit"),
    ("net4.ip=dhcp", "net4.ip", "net"),
    ("net9.ip=dhcp", "net9.ip", "net"),
    ("net.ip=dhcp", "net.ip", "net"),
    ("=1", "", ""),
    ("ip", "ip", "dhcp"),
    ("ip=", "ip", "dhcp"),
    ("ip=auto", "ip", "dhcp"),
    ("ip=10.0.0.1", "ip", "A.B.C.D/N"),
    ("ip=10.0.0.1/33", "ip", "A.B.C.D/N"),
    ("ip=10.0.0.256/24", "ip", "A.B.C.D/N"),
    ("ip=10.0.0/24", "ip", "A.B.C.D/N"),
    ("ip=10.0.0.1/24x", "ip", "A.B.C.D/N"),
    ("ip=0.0.0.0/0", "ip", "A.B.C.D/N"),
    ("ip=224.0.0.1/24", "ip", "A.B.C.D/N"),
    ("ip=255.255.255.255/24", "ip", "A.B.C.D/N"),
    ("gw=10.0.0", "gw", "A.B.C.D"),
    ("gw=10.0.0.1/24", "gw", "A.B.C.D"),
    ("ip6=fe80::1/64", "ip6", "ADDR"),
    ("ip6=::1/64", "ip6", "ADDR"),
    ("ip6=ff02::1/64", "ip6", "ADDR"),
    ("ip6=fd00::1", "ip6", "ADDR"),
    ("ip6=fd00::1/129", "ip6", "ADDR"),
    ("ip6=fd00::g/64", "ip6", "ADDR"),
    ("ip6=1:2:3:4:5:6:7:8:9/64", "ip6", "ADDR"),
    ("mtu=67", "mtu", "68"),
    ("mtu=9001", "mtu", "9000"),
    ("mtu=-1", "mtu", "68"),
    ("mtu=1e3", "mtu", "68"),
    ("mtu=99999999999999999999", "mtu", "68"),
    ("irq=msi", "irq", "msix"),
    ("run=sink", "run", "serve"),
    ("services=ftp", "services", "http"),
    ("services=http,", "services", "http"),
    ("services=", "services", "http"),
    ("services=http,ftp", "services", "http"),
    ("interval=1", "interval", "100ms"),
    ("interval=99ms", "interval", "100ms"),
    ("interval=2h", "interval", "1h"),
    ("interval=-1s", "interval", "100ms"),
    ("interval=1.5s", "interval", "100ms"),
    ("exit=1", "exit", "never"),
    ("exit=0s", "exit", "never"),
    ("exit=soon", "exit", "never"),
    ("rate=fast", "rate", "pps"),
    ("target=host", "target", "A.B.C.D"),
    ("max_loss=1", "max_loss", "0.001%"),
    ("exit=999999999999999999999h", "exit", "never"),
    ("features=-tso9", "features", "event_idx"),
    ("features=event_idx", "features", "event_idx"),
    ("features=-", "features", "event_idx"),
    ("seed=0x", "seed", "0x"),
    ("seed=18446744073709551616", "seed", "2^64"),
    ("log=loud", "log", "quiet"),
    ("fault=panic:everything", "fault", "none"),
    ("fault=panic", "fault", "none"),
    ("fault=panic:null@", "fault", "none"),
]


@pytest.mark.parametrize("token,key,accepted", REFUSED, ids=[row[0] or "empty" for row in REFUSED])
def test_bad_token_is_refused_by_name(boot, token, key, accepted):
    guest = boot(append=token, ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    errors = guest.find("error")
    assert len(errors) == 1
    error = errors[0]
    assert error["key"] == key
    assert error["source"] == "cmdline"
    assert accepted in error["accepted"] + error["message"]
    if "=" in token:
        assert error["value"] == token.split("=", 1)[1]
    assert not guest.find("ready") and not guest.find("nic"), "refused only after something had started"


@pytest.mark.parametrize(
    "words,key",
    [("run=client", "target"), ("rate=1M", "rate"), ("run=client target=10.0.0.1 rate=1kpps", "rate")],
)
def test_job_that_makes_no_sense_is_refused_by_name(boot, words, key):
    guest = boot(append=words, ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    error = guest.find("error")[0]
    assert (error["source"], error["key"]) == ("configuration", key)
    assert not guest.find("nic")


def test_key_of_a_nic_that_is_not_there_is_refused_by_name(boot):
    guest = boot(append="net1.mtu=1200 net2.ip=10.0.0.2/24", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    error = guest.find("error")[0]
    assert (error["source"], error["key"], error["value"]) == ("cmdline", "net1.mtu", "1200")
    assert error["accepted"].endswith(": net0")
    assert not guest.find("ready")


def test_first_bad_token_is_the_one_named(boot):
    guest = boot(append="log=info mtu=1 exit=maybe", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    assert [error["key"] for error in guest.find("error")] == ["mtu"]


def test_a_later_token_of_one_source_wins(boot):
    guest = boot(append="exit=1h exit=never exit=300ms")
    assert guest.wait_exit() == qemu.STATUS_PASS


def test_a_very_long_value_is_refused_and_shown_shortened(boot):
    guest = boot(append="seed=" + "9" * 1500, ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    assert guest.find("error")[0]["value"].endswith("...")


def test_command_line_wins_over_fw_cfg(boot):
    guest = boot(fw_cfg="exit=1h # the command line knows better\nlog=debug\n", append="exit=300ms")
    assert guest.wait_exit() == qemu.STATUS_PASS


def test_fw_cfg_alone_is_obeyed(boot):
    guest = boot(fw_cfg="exit=300ms")
    assert guest.wait_exit() == qemu.STATUS_PASS


def test_bad_fw_cfg_is_named_as_the_source(boot):
    guest = boot(fw_cfg="log=info\nmtu=abc", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    error = guest.find("error")[0]
    assert (error["source"], error["key"], error["value"]) == ("fw_cfg", "mtu", "abc")


def test_error_in_the_losing_source_is_still_refused(boot):
    guest = boot(fw_cfg="mtu=abc", append="mtu=1500", ready=False, healthy=False)
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG


@pytest.fixture
def disk_with(log_dir):
    """disk_with(text, folder): a copy of the disk image whose only antifreeze.conf says this."""

    def make(text, folder="EFI/BOOT"):
        log_dir.mkdir(parents=True, exist_ok=True)
        image, conf = log_dir / "disk.img", log_dir / "antifreeze.conf"
        shutil.copyfile(qemu.image_path("disk"), image)
        conf.write_text(text)
        table = subprocess.run(["sgdisk", "-i", "1", image], capture_output=True, text=True, check=True)
        first = next(line for line in table.stdout.splitlines() if line.startswith("First sector"))
        offset = int(first.split()[2]) * 512
        file_system = ["-i", f"{image}@@{offset}"]
        subprocess.run(["mdel", *file_system, "::/EFI/BOOT/antifreeze.conf"], check=True)
        subprocess.run(["mcopy", *file_system, conf, f"::/{folder}/antifreeze.conf"], check=True)
        return image

    return make


@pytest.mark.limit(240)
def test_fw_cfg_wins_over_the_file_on_the_disk(boot, disk_with, net):
    image = disk_with("# of the disk\nexit=1h log=debug\n")
    guest = boot(boot="disk", image=image, memory_mib=256, fw_cfg=f"{net.config()} exit=300ms")
    assert guest.wait_exit() == qemu.STATUS_PASS
    assert guest.find("boot")[0]["entry"] == "uefi"


@pytest.mark.limit(240)
@pytest.mark.parametrize("folder", ["EFI/BOOT", ""], ids=["beside the application", "on the root"])
def test_bad_file_on_the_disk_is_named_as_the_source(boot, disk_with, folder):
    image = disk_with("log=info\nservices=gopher # no longer\n", folder)
    guest = boot(
        boot="disk", image=image, memory_mib=256, fw_cfg="log=info", ready=False, healthy=False
    )
    assert guest.wait_exit(120) == qemu.STATUS_FAIL_CONFIG
    error = guest.find("error")[0]
    assert (error["source"], error["key"], error["value"]) == ("antifreeze.conf", "services", "gopher")
