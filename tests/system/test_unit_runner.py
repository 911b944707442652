# SPDX-License-Identifier: BSD-3-Clause
"""tests/unit/run: what counts as a passed unit test program, and what does not."""

import subprocess
import xml.etree.ElementTree as xml

import pytest
from conftest import TOP

XML = """cat >"$(echo "$CMOCKA_XML_FILE" | sed s/%g/group/)" <<END
<testsuites><testsuite name="group" tests="2">
<testcase name="one"></testcase>
<testcase name="two">{}
</testcase></testsuite></testsuites>
END
"""
PASS, FAIL = XML.format(""), XML.format("<failure>why</failure>")


@pytest.fixture
def run(tmp_path):
    """run({name: shell script}, variable="…") -> (exit status, what is printed, {program: its test cases})"""

    def start(programs, **environment):
        for name, script in programs.items():
            path = tmp_path / name
            path.write_text("#!/bin/sh\n" + script)
            path.chmod(0o755)
        done = subprocess.run(
            [TOP / "tests/unit/run", *(f"./{name}" for name in programs)],
            cwd=tmp_path, env={"PATH": "/usr/bin:/bin"} | environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        cases = {
            name: [case for path in (tmp_path / "build/junit").glob(f"unit-{name}-*.xml")
                   for case in xml.parse(path).iter("testcase")]
            for name in programs
        }  # fmt: skip
        return done.returncode, done.stdout + done.stderr, cases

    return start


def failures(cases):
    return [case.find("failure").text for case in cases if case.find("failure") is not None]


def test_tests_that_pass_are_summed_up(run):
    status, said, cases = run({"test_a": PASS, "test_b": PASS})
    assert status == 0
    assert said.splitlines()[-1] == "unit: 4 passed, 0 failed"
    assert not failures(cases["test_a"] + cases["test_b"])


def test_failed_test_is_counted_once_and_shown(run):
    status, said, _ = run({"test_a": FAIL + "exit 1", "test_b": PASS})
    assert status == 1
    assert said.splitlines()[-1] == "unit: 3 passed, 1 failed"
    assert "FAIL  test_a" in said and "PASS  test_b" in said
    assert "why" in said


@pytest.mark.parametrize(
    "script,why,numbers",
    [
        ("exit 0", "no test was run", "0 passed, 1 failed"),
        ("echo last words; exit 7", "exit status 7\nlast words", "0 passed, 1 failed"),
        ("kill -SEGV $$", "exit status 139", "0 passed, 1 failed"),
        (PASS + "exit 3", "exit status 3", "2 passed, 1 failed"),
        ("exec sleep 20", "exit status 124", "0 passed, 1 failed"),
    ],
    ids=["nothing written", "status", "signal", "status in spite of results", "too slow"],
)
def test_program_that_does_not_tell_counts_as_failed(run, script, why, numbers):
    status, said, cases = run({"test_a": script}, UNIT_TIMEOUT="1")
    assert status == 1
    assert said.splitlines()[-1] == f"unit: {numbers}"
    found = failures(cases["test_a"])
    assert len(found) == 1 and why in found[0]


def test_results_of_an_earlier_run_do_not_count(run):
    assert run({"test_a": PASS})[0] == 0
    status, said, _ = run({"test_a": "exit 0"})
    assert status == 1
    assert said.splitlines()[-1] == "unit: 0 passed, 1 failed"
