# SPDX-License-Identifier: BSD-3-Clause
"""The long run's table, with tests that are none: what is kept, what is replaced, what is left out."""

import json
import types

import pytest
from summary import Summary


@pytest.fixture
def run(tmp_path):
    """run({name: outcome, or an exception's text}, …) -> the names that were run; "never" stands for not reached."""

    def start(tests, fresh=False, resume=False, image=None, figures=None):
        summary = Summary(tmp_path, fresh, resume)
        summary.image = image or summary.image
        items = [types.SimpleNamespace(nodeid=name, figures=figures or {}) for name in tests]
        hook = types.SimpleNamespace(pytest_deselected=lambda items: None)
        summary.pytest_collection_modifyitems(types.SimpleNamespace(hook=hook), items)
        for item in items:
            outcome = tests[item.nodeid]
            if outcome == "never":
                break
            summary.pytest_runtest_setup(item)
            for when in ("setup", "call", "teardown"):
                result = outcome if when == "call" else "passed"
                failed = result not in ("passed", "skipped")
                summary.take(item, types.SimpleNamespace(
                    when=when, outcome="failed" if failed else result, failed=failed, skipped=result == "skipped",
                    longrepr=result,
                ))  # fmt: skip
        return [item.nodeid for item in items]

    return start


def outcomes(folder):
    rows = json.loads((folder / "summary.json").read_text())["tests"]
    return {row["test"]: row["outcome"] for row in rows}


def test_interrupted_run_leaves_what_it_knows(run, tmp_path):
    run({"a": "passed", "b": "never", "c": "passed"})
    assert outcomes(tmp_path) == {"a": "passed", "b": "not run", "c": "not run"}


def test_failure_says_why_and_teardown_does_not_hide_it(run, tmp_path):
    run({"t.py::a[1]": "it broke\nat length"})
    assert outcomes(tmp_path) == {"t.py::a[1]": "failed"}
    assert "1: `it broke`" in (tmp_path / "summary.md").read_text()


def test_some_tests_replace_their_rows_only(run, tmp_path):
    run({"a": "passed", "b": "bad"})
    run({"b": "passed"})
    assert outcomes(tmp_path) == {"a": "passed", "b": "passed"}
    run({"c": "skipped"}, fresh=True)
    assert outcomes(tmp_path) == {"c": "skipped"}


def test_resumed_run_leaves_out_what_passed_with_this_image(run):
    run({"a": "passed", "b": "bad", "c": "never"})
    assert run({"a": "passed", "b": "bad", "c": "passed"}, resume=True) == ["b", "c"]
    assert run({"a": "passed"}, resume=True, image="another") == ["a"]


def test_faults_have_a_table_of_their_own(run, tmp_path):
    run({"t.py::test_it[3]": "passed"}, figures={"fault": "lost", "repetitions": 100})
    text = (tmp_path / "summary.md").read_text()
    assert "## Faults" in text and "| lost | passed |" in text and "t.py" not in text
