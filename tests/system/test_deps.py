# SPDX-License-Identifier: BSD-3-Clause
"""tools/deps, with a package manager that is only pretended: what it asks for, and of whom."""

import os
import subprocess
from pathlib import Path

import pytest

DEPS = Path(__file__).resolve().parents[2] / "tools/deps"
PACKAGES = subprocess.run([DEPS, "--list"], capture_output=True, text=True, check=True).stdout.split()


class Machine:
    """Packages that are installed, and a log of what apt-get was asked."""

    def __init__(self, path: Path) -> None:
        self.bin = path / "bin"
        self.log = path / "log"
        self.installed = path / "installed"
        self.bin.mkdir()
        self.installed.write_text("")
        self.log.write_text("")
        self.tool("dpkg-query", f"sed 's/^/installed /' {self.installed}")
        self.user(0)

    def tool(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def user(self, uid: int) -> None:
        self.tool("id", f"echo {uid}")
        self.tool("sudo", "exit 1")

    def apt(self, works_after_update: bool) -> None:
        """apt-get that installs what it is told, at once or only when there are lists."""
        self.tool("apt-get", f"""
echo "$*" >>{self.log}
case "$*" in
*update*) touch {self.log}.lists ;;
*install*)
    [ {int(works_after_update)} = 0 ] || [ -e {self.log}.lists ] || exit 100
    for word; do case $word in -*|install) ;; *) echo "$word" >>{self.installed} ;; esac; done ;;
esac""")

    def run(self) -> subprocess.CompletedProcess:
        return subprocess.run([DEPS], env=os.environ | {"PATH": f"{self.bin}:{os.environ['PATH']}", "V": ""},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_list_is_plain_and_sorted():
    assert PACKAGES == sorted(PACKAGES)
    assert all(p.replace("-", "").replace("+", "").isalnum() for p in PACKAGES)


def test_nothing_missing_is_silent(machine):
    machine.installed.write_text("\n".join(PACKAGES) + "\n")
    machine.tool("apt-get", "echo apt-get must not be asked; exit 1")
    r = machine.run()
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")


def test_only_what_is_missing_is_installed(machine):
    machine.installed.write_text("\n".join(p for p in PACKAGES if p not in ("gdb", "ovmf")) + "\n")
    machine.apt(works_after_update=False)
    r = machine.run()
    assert (r.returncode, r.stderr) == (0, "")
    assert machine.log.read_text() == "install -y --no-install-recommends gdb ovmf\n"


def test_lists_are_fetched_when_there_are_none(machine):
    machine.apt(works_after_update=True)
    r = machine.run()
    assert (r.returncode, r.stderr) == (0, "")
    calls = machine.log.read_text().splitlines()
    assert [c.split()[0] for c in calls] == ["install", "-q", "install"] and "update" in calls[1]


def test_ordinary_user_gets_the_command_to_hand_over(machine):
    machine.user(1000)
    machine.installed.write_text("\n".join(PACKAGES[:-1]) + "\n")
    machine.apt(works_after_update=False)
    r = machine.run()
    assert r.returncode == 1 and machine.log.read_text() == ""
    assert f"    apt-get update && apt-get install -y --no-install-recommends {PACKAGES[-1]}\n" in r.stderr


def test_failed_installation_says_what_was_tried(machine):
    machine.installed.write_text("\n".join(PACKAGES[1:]) + "\n")
    machine.tool("apt-get", "echo 'E: no such package' >&2; exit 100")
    r = machine.run()
    assert r.returncode == 1
    assert f"apt-get install -y --no-install-recommends {PACKAGES[0]}" in r.stderr
