# SPDX-License-Identifier: BSD-3-Clause
"""tools/antifreeze soak: what it writes down, however it ends, and that nobody is left behind."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from conftest import TOP, need_taps
from interrupted import Interrupted, descendants
from soakdocs import SEED, workflow

from antifreeze import qemu
from antifreeze.soak import log, plan, traffic
from antifreeze.soak.live import Live, clock

TOOL = str(TOP / "tools/antifreeze")


@pytest.fixture
def soak(tmp_path):
    """soak(words…) -> (exit status, output, records); it has a world of its own, as a user has it."""
    need_taps()
    folder = tmp_path / "soak"

    def run(*words, limit=110):
        where = () if "--folder" in words else ("--folder", folder)
        done = subprocess.run(
            [sys.executable, TOOL, "soak", *map(str, words), *where], env=environment(), stdin=subprocess.DEVNULL, cwd=tmp_path,
            capture_output=True, text=True, timeout=limit,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr, list(log.read(folder)) if folder.exists() else []

    return run


def environment():
    mine = {key: value for key, value in os.environ.items() if key != "ANTIFREEZE_WORLD"}
    return mine | {"ACCEL": qemu.accelerator().name}


def of(records, src, **fields):
    return [r for r in records if r["src"] == src and all(r.get(key) == value for key, value in fields.items())]


# ---- runs ---------------------------------------------------------------------------------------


def test_short_soak_carries_its_mix_on_every_path_and_says_so(soak, tmp_path):
    """With the words of the CI example of docs/soak.md, but for its length and faults: one line and the exit status."""
    [[tool, job, level, *words]] = [command for command in workflow() if command[0] == "tools/antifreeze"]
    assert (tool, job, level, words[-2:]) == ("tools/antifreeze", "soak", "5m", ["--folder", "soak"])
    status, output, records = soak("10s", *words, "--no-faults", "--set", "check=panic")
    assert re.fullmatch(r"(PASS|FAIL) after \d+ s \(done\): .*; soak\n", output)
    assert status == (0 if output.startswith("PASS") else 1)
    [begin], [end] = of(records, "soak", what="begin"), of(records, "soak", what="end")
    assert (begin["seed"], begin["seconds"], end["why"]) == (SEED, 10, "done")
    assert begin["plan"] == json.loads(json.dumps(plan.make(10, SEED, []).fields()))
    assert "qemu-system" in begin["qemu"] and "iperf" in begin["versions"]["iperf3"]
    for path in ("tap", "plain", "user"):
        assert sum(r["bytes"] for r in of(records, "traffic", path=path)) > 0, path
    for path in ("tap", "plain", "user", "wire"):
        probes = of(records, "probe", path=path)
        assert len(probes) >= 9 and all(r["sent"] and r["rtt_us"] for r in probes[:9]), path
    hosts = of(records, "host")
    assert len(hosts) >= 9
    assert sum(r["cpu_soak"] for r in hosts) / len(hosts) < 0.10  # of a core: what a soak may cost itself
    guest = [r["record"]["event"] for r in of(records, "guest", guest="dut")]
    assert guest.index("boot") < guest.index("ready") and guest.count("stats") > 9 and "verdict" in guest
    assert len(of(records, "soak", what="idle")) == 2
    [certified], [load] = of(records, "soak", what="certificate"), of(records, "soak", what="load")
    assert certified["rate_pps"] == load["pps"] == 2000 and not load["certified"]
    assert certified["intended"] == 2000 and 0 < certified["received"] <= certified["offered"] and certified["gap_ms"] > 0
    assert certified["pacing_error_us"]["p50"] <= certified["pacing_error_us"]["p99"] and 0 < certified["delay_us"]["min"] < 10000
    verdict = json.loads((tmp_path / "soak/verdict.json").read_text())
    assert verdict["certificate"]["gap_ms"] == certified["gap_ms"] and "not a share of a measured rate" in verdict["load"]["words"]
    assert ("the instrument's own noise" in output) == bool(verdict["noise"])


@pytest.mark.long
def test_fault_that_is_asked_for_happens(soak):
    status, output, records = soak("20s", "--fault", "link", "--verdict-only")
    faults = of(records, "fault")
    assert [(r["what"], r["name"]) for r in faults] == [("begin", "link"), ("end", "link")] and "error" not in faults[1]
    silent = [r for r in of(records, "probe", path=faults[0]["path"]) if faults[0]["t"] + 1 < r["t"] < faults[1]["t"]]
    assert silent and not any(r["packets"] for r in silent)


def test_interrupted_soak_is_judged_by_what_was_run(tmp_path):
    need_taps()
    folder = tmp_path / "run"
    with Interrupted([TOOL, "soak", "10s", "--folder", str(folder)], environment()) as tool:
        tool.until_it_says(" of 00:10")
        _, rest = tool.end(os.kill, signal.SIGINT, 30)
    assert re.search(r"^(PASS|FAIL|INCOMPLETE) after \d+ s \(interrupted\)", rest.splitlines()[-1]), rest
    assert (folder / "index.html").is_file() and (folder / "verdict.json").is_file()
    records = list(log.read(folder))
    assert records[-1]["what"] == "end" and records[-1]["why"] == "interrupted"
    assert of(records, "guest", guest="dut")[-1]["record"]["event"] == "verdict"


def test_killed_soak_leaves_nobody_and_a_report_of_what_it_saw(tmp_path):
    need_taps()
    folder = tmp_path / "run"
    with Interrupted([TOOL, "soak", "10s", "--folder", str(folder)], environment()) as tool:
        tool.until_it_says(" of 00:10")
        assert len(descendants(tool.process.pid)) > 5
        tool.end(os.killpg, signal.SIGKILL, 20)  # sees that nobody is left, not even who writes the report; taps and namespaces go with them
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["end"] == "the records end in the middle" and verdict["seconds"] > 0
    assert verdict["status"] in (folder / "index.html").read_text() and (folder / "junit.xml").is_file()
    done = subprocess.run([sys.executable, TOOL, "soak", "--report", folder], capture_output=True, text=True, timeout=60)
    assert verdict["status"] in done.stdout and done.returncode in (1, 2), done.stdout + done.stderr


def test_guest_that_panics_ends_the_soak_as_a_failure(soak):
    status, output, records = soak("10s", "--set", "fault=panic:assert@2s", "--verdict-only")
    assert status == 1 and output.startswith("FAIL") and "panics" in output
    assert of(records, "soak", what="gone")
    assert records[-1]["why"] == "broken"


@pytest.mark.parametrize("words,said", [(["5x"], "no duration"), (["1s"], "at least"), (["10s", "--nic", "x"], "--nic x"), (["10s", "--qemu", "nobody"], "nobody"), (["--report", "/nowhere"], "no records.ndjson")])
def test_wrong_words_are_status_2(soak, words, said):
    status, output, records = soak(*words)
    assert (status, records) == (2, []) and said in output


@pytest.mark.long
@pytest.mark.parametrize("level", ["30s", "5m"])
@pytest.mark.limit(420)
def test_level_passes(soak, level):
    status, output, _ = soak(level, limit=400)
    assert status == 0, output


# ---- what people see ----------------------------------------------------------------------------


def test_line_has_rates_gap_and_fault(capsys):
    live = Live(90)
    live.feed({"t": 1, "src": "traffic", "dir": "both", "bytes": 1_000_000})
    live.feed({"t": 1, "src": "probe", "path": "tap", "gap_ms": 41.4})
    live.tick(1.0)
    live.feed({"t": 2, "src": "fault", "what": "begin", "name": "link", "path": "user"})
    live.feed({"t": 3, "src": "probe", "path": "user", "gap_ms": 3000.0})  # which is the fault's
    assert live.line(3).endswith("worst gap 41 ms (tap)   now: link on user")
    live.feed({"t": 5, "src": "fault", "what": "end", "name": "link", "path": "user"})
    live.feed({"t": 6, "src": "probe", "path": "user", "gap_ms": 2000.0})
    assert live.line(17).endswith("worst gap 41 ms (tap)   link on user 12 s ago")
    out = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"  00:01 of 01:30, 01:29 left   in +8.00 Mbit/s   out +8.00 Mbit/s   worst gap 41 ms \(tap\)", out[0])
    assert out[1:] == ["  00:02 begin of fault link on user", "  00:05 end of fault link on user"]


def test_clock():
    assert [clock(s) for s in (0, 59.6, 3599, 86400)] == ["00:00", "01:00", "59:59", "24:00:00"]


def test_every_mix_of_the_plan_has_its_program():
    assert set(traffic.KINDS) == set(plan.MIXES) | set(plan.OURS.values())
