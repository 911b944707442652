# SPDX-License-Identifier: BSD-3-Clause
"""tools/antifreeze: its options are the guest's keys, its exit status is the verdict, and it leaves nothing behind."""

import importlib.machinery
import importlib.util
import json
import os
import shlex
import signal
import socket
import subprocess
import sys

import pytest
from conftest import TOP
from interrupted import Interrupted, descendants, program

from antifreeze import Error, keys, net as networks, qemu, world

TOOL = str(TOP / "tools/antifreeze")
QUICK = ("--exit", "500ms")


@pytest.fixture(scope="module")
def tool():
    """The command as a module."""
    loader = importlib.machinery.SourceFileLoader("tool", TOOL)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tool", loader))
    path = list(sys.path)
    loader.exec_module(module)
    sys.path[:] = path
    return module


@pytest.fixture
def environment(tmp_path):
    """With temporary folders where the test sees them."""
    (tmp_path / "tmp").mkdir()
    return os.environ | {"TMPDIR": str(tmp_path / "tmp"), "ACCEL": qemu.accelerator().name}


@pytest.fixture
def run(tmp_path, environment):
    """run(words…) -> (status, stdout, stderr); nothing is left in the folder of temporary files."""

    def start(*words):
        done = subprocess.run(
            [sys.executable, TOOL, *map(str, words)], env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert not list((tmp_path / "tmp").iterdir())
        return done.returncode, done.stdout, done.stderr

    return start


# ---- the line -----------------------------------------------------------------------------------

EVERY_KEY = [(job, key) for job, (_, table) in keys.RUNS.items() for key in table]


@pytest.mark.parametrize("job,key", EVERY_KEY)
def test_option_is_the_key(tool, job, key):
    options = tool.parser().parse_args([job, f"--{key.replace('_', '-')}", "value"])
    assert tool.guest_words(options, {}) == f"run={job} {key}=value"


def test_any_other_key_can_be_set(tool):
    options = tool.parser().parse_args(["serve", "--set", "net1.ip=off", "--exit", "1s", "--set", "net1.ip6=off"])
    assert tool.guest_words(options, {}) == "run=serve exit=1s net1.ip=off net1.ip6=off"


def test_this_hosts_address_is_filled_in(tool):
    options = tool.parser().parse_args(["client", "--target", "{host}"])
    assert tool.guest_words(options, {"host": "10.0.2.2"}) == "run=client target=10.0.2.2"
    assert tool.guest_words(options, {}) == "run=client target={host}"  # which the guest refuses


@pytest.mark.parametrize("words", [["--ip", "off exit=1s"], ["--ip", ""], ["--set", "exit"], ["--set", "=1s"], ["--set", "a=b c"]])
def test_one_option_is_one_word(tool, words):
    with pytest.raises(Error):
        tool.guest_words(tool.parser().parse_args(["serve", *words]), {})


def test_guest_and_tool_know_the_same_keys(boot):
    guest = boot(append="nonsense=1", ready=False, healthy=False)
    accepted = guest.wait("error", 60)["accepted"]
    assert guest.wait_exit() == qemu.STATUS_FAIL_CONFIG
    before, _, behind = accepted.partition(" (")
    known = set(before.split()) | set(behind.partition(") ")[2].split())
    assert {key for _, key in EVERY_KEY} == known - {"run"}


@pytest.mark.parametrize("job", keys.RUNS)
def test_guest_knows_every_job(boot, job):
    guest = boot(append=f"run={job} exit=maybe", ready=False, healthy=False)
    assert guest.wait("error", 60)["key"] == "exit"


def test_printed_line_boots_the_same_guest_in_a_shell(run):
    status, out, _ = run("serve", *QUICK, "--seed", 7, "--", "-name", "a guest")
    assert status == 0, out
    line = next(text for text in out.splitlines() if text.startswith(shlex.join(qemu.program())))
    assert line.endswith("-name 'a guest'")
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    records = [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]
    assert done.returncode == 0 and records[-1]["status"] == "PASS", done.stdout + done.stderr
    assert records[0]["cmdline"] == "run=serve exit=500ms seed=7"


# ---- the verdict --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words,status,outcome,said",
    [
        ([*QUICK], 0, "PASS", "PASS"),
        (["--check", "repair", "--fault", "lose_buffer@200ms", "--exit", "3s"], 1, "FAIL", "conservation_violations"),
        (["--mtu", "12"], 2, "CONFIG", "mtu=12 is not accepted"),
        (["--", "-no-such-option"], 2, "CONFIG", "-no-such-option: invalid option"),
        (["--fault", "panic:assert@100ms"], 3, "PANIC", "PANIC"),
    ],
    ids=["pass", "fail", "configuration", "QEMU's arguments", "panic"],
)
def test_exit_status_is_the_verdict(run, tmp_path, words, status, outcome, said):
    result = tmp_path / "result.json"
    got, out, err = run("serve", "--json", result, *words)
    assert got == status, out + err
    assert said in out + err
    result = json.loads(result.read_text())
    assert result["outcome"] == outcome
    assert result["command"] in out
    if outcome in ("PASS", "FAIL"):
        assert result["verdict"]["status"] == outcome and result["stats"]["uptime_us"] > 0


def test_quiet_run_says_what_the_guest_refuses(run):
    status, out, err = run("serve", "--quiet", "--mtu", "12")
    assert (status, out) == (2, "") and err.startswith("error: cmdline: mtu=12 is not accepted")


@pytest.mark.parametrize("words", [[], ["dance"], ["serve", "--no-such-option"], ["serve", "--tap", "none0"], ["serve", "--nic", "x"]])
def test_wrong_command_line_is_status_2(run, words):
    status, out, err = run(*words)
    assert (status, out) == (2, "") and err


def test_result_that_cannot_be_written_is_said_before_the_run(run, tmp_path):
    status, out, err = run("serve", "--json", tmp_path / "none" / "x.json", "--set", "exit=1s")
    assert (status, out) == (2, "") and "x.json" in err


def test_qemu_that_dies_is_status_3(environment):
    with Interrupted([TOOL, "serve"], environment) as tool:
        tool.until_it_says("ready")
        [pid] = descendants(tool.process.pid)
        os.kill(pid, signal.SIGKILL)
        assert tool.process.wait(20) == 3


def test_qemu_that_dies_beside_a_program_is_status_3_and_said(environment, tmp_path):
    result = tmp_path / "result.json"
    with Interrupted([TOOL, "serve", "--beside", "sleep 60", "--json", result], environment) as tool:
        tool.until_descendant("sleep")
        [pid] = [pid for pid in descendants(tool.process.pid) if program(pid) == qemu.program()[0]]
        os.kill(pid, signal.SIGKILL)
        assert tool.process.wait(20) == 3
    assert json.loads(result.read_text())["outcome"] == "DIED"


def test_records_are_written_whole_and_as_they_come(run, tmp_path):
    status, out, _ = run("serve", *QUICK, "--quiet", "--records", tmp_path / "records", "--keep", tmp_path / "kept")
    assert (status, out) == (0, "")
    records = [json.loads(line) for line in (tmp_path / "records").read_text().splitlines()]
    console = [json.loads(line) for line in (tmp_path / "kept/console.log").read_text().splitlines() if line.startswith("{")]
    assert records == console and records[-1]["event"] == "verdict"


def test_standard_output_can_have_the_records_alone(run):
    status, out, err = run("serve", *QUICK, "--records", "-")
    assert status == 0 and "PASS" in err
    assert [json.loads(line)["event"] for line in out.splitlines()][-1] == "verdict"


# ---- the network --------------------------------------------------------------------------------


def test_program_beside_a_private_guest_drives_it_and_ends_the_run(run, tmp_path):
    if world.why_no_taps():
        pytest.skip(f"needs a tap interface: {world.why_no_taps()}")
    result = tmp_path / "result.json"
    status, out, err = run("serve", "--private", "--beside", "iperf3 -c {guest} -t 1 -R", "--json", result)
    assert status == 0, out + err
    [transfer] = json.loads(result.read_text())["results"]
    assert transfer["end"] == "done" and transfer["tx_bytes"] > 0
    assert "iperf3-1" in out


@pytest.mark.parametrize("words", [["--private"], []], ids=["private", "user"])
def test_client_job_drives_a_server_beside_it(run, tmp_path, words):
    if words and world.why_no_taps():
        pytest.skip(f"needs a tap interface: {world.why_no_taps()}")
    result = tmp_path / "result.json"
    beside = ["--beside", "iperf3 -s", "--target", "{host}", "--json", result]
    status, out, err = run("client", *words, *beside, "--time", "1s", "--dir", "both", "--min-bps", "1M", "--max-gap", "5s")
    assert status == 0, out + err
    assert "client-1" in out
    [transfer] = json.loads(result.read_text())["results"]
    assert transfer["end"] == "done" and transfer["tx_bytes"] > 0 and transfer["rx_bytes"] > 0


def test_flood_job_sends_at_its_rate_and_counts(run, tmp_path):
    result = tmp_path / "result.json"
    words = ["--target", "{host}", "--rate", "1kpps", "--time", "500ms", "--len", "60,590", "--json", result]
    status, out, err = run("flood", *words)
    assert status == 0, out + err
    [done] = json.loads(result.read_text())["results"]
    assert done["intended"] == done["tx_packets"] + done["slipped"] == 500
    assert "flood-1" in out


def test_two_nics_on_a_hub_are_measured_without_a_network(run, tmp_path):
    result = tmp_path / "result.json"
    status, out, err = run("flood", "--loop", "--target", "net1", "--rate", "1kpps", "--time", "300ms", "--max-lost", "0", "--json", result)
    assert status == 0, out + err
    done = next(each for each in json.loads(result.read_text())["results"] if each["job"] == "flood-1")
    assert done["received"] == done["sent"] > 0 and done["delay"]["count"] == done["received"]


def test_criterion_that_is_missed_is_status_1(run):
    status, out, err = run("client", "--beside", "iperf3 -s", "--target", "{host}", "--time", "500ms", "--min-bps", "100T")
    assert status == 1, out + err
    assert "min_bps" in out and "FAIL" in out


def test_program_beside_that_fails_is_said_and_status_1(run, tmp_path):
    result = tmp_path / "result.json"
    status, out, err = run("serve", "--beside", "sh -c 'exit 7'", "--json", result)
    assert status == 1, out + err
    assert "--beside 'sh -c '\"'\"'exit 7'\"'\"'' ended with status 7" in err
    said = json.loads(result.read_text())
    assert said["outcome"] == "FAIL" and said["verdict"]["status"] == "PASS"
    assert said["beside"] == {"command": "sh -c 'exit 7'", "status": 7}


def test_server_beside_that_fails_is_said(run):
    status, out, err = run("client", "--beside", "false", "--target", "{host}", "--time", "500ms")
    assert status == 1, out + err
    assert "--beside false ended with status 1" in err


@pytest.mark.parametrize("memory", ["10", "0", "-1", "some"])
def test_memory_that_is_no_machine_for_the_guest_is_status_2(run, memory):
    status, out, err = run("serve", "--memory", memory, *QUICK)
    assert status == 2, out + err
    assert "memory" in out + err


def test_client_without_a_server_is_status_1(run):
    status, out, err = run("client", "--target", "{host}", "--time", "1s")
    assert status == 1, out + err


def test_taps_that_exist_are_used_and_stay(run, tap):
    with networks.Tap() as other:
        status, out, err = run(
            "serve", "--tap", tap.name, "--tap", other.name, "--ip", f"{tap.guest4}/24", "--set", f"net1.ip={other.guest4}/24", *QUICK
        )  # fmt: skip
        assert status == 0, out + err
        macs = [line.split()[1] for line in out.splitlines() if line.startswith(("net0: ", "net1: "))]
        assert len(set(macs)) == 2
        assert socket.if_nametoindex(other.name)


# ---- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["serve"], ["serve", "--private"]], ids=["user", "private"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_brings_the_verdict_and_leaves_nothing(environment, tmp_path, words, number):
    if "--private" in words:
        if world.why_no_taps():
            pytest.skip(f"needs a tap interface: {world.why_no_taps()}")
        del environment["ANTIFREEZE_WORLD"]  # with a world of its own, as a user has it
    with Interrupted([TOOL, *words], environment) as tool:
        tool.until_it_says("ready")
        status, rest = tool.end(os.kill, number, 20)
    assert status == 0 and rest.splitlines()[-1] == "PASS", rest
    assert not list((tmp_path / "tmp").iterdir())


def test_second_interrupt_ends_a_guest_that_does_not_answer(environment, tmp_path):
    with Interrupted([TOOL, "serve", "--", "-S"], environment) as tool:  # it never starts
        tool.until_it_says("its iperf3")
        os.kill(tool.process.pid, signal.SIGINT)
        tool.until_it_says("asking the guest")
        status, rest = tool.end(os.kill, signal.SIGINT, 5)
    assert status == 130 and "Traceback" not in rest
    assert not list((tmp_path / "tmp").iterdir())
