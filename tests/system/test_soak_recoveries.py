# SPDX-License-Identifier: BSD-3-Clause
"""What a soak's verdict and its page say of each fault."""

import re

import pytest
import soakrecords as records
from soakjudged import changed, one, silent_after, verdict_of

from antifreeze.soak import page
from antifreeze.soak.story import Story


def of(verdict, at):
    return next(fault for fault in verdict["faults"] if fault["at"] == at)


def rows(verdict):
    """The page's, as text, a list of cells each."""
    html = page.make(verdict, Story())
    table = html[html.index("<h2>Faults") : html.index("<h2>Over time")]
    return [[re.sub("<.*?>", " ", cell).strip() for cell in re.findall("<td.*?>(.*?)</td>", row)] for row in re.findall("<tr>(.*?)</tr>", table)[1:]], table


def at_fault(at, what, **fields):
    def change(record):
        return record | fields if record["src"] == "fault" and records.at(record, at) and record["what"] == what else None

    return change


def test_every_fault_has_what_the_criteria_measured_of_each_path():
    """Two paths are silent for 0.9 s and one for 1.5 s more than the fault lasts: the verdict has each, and the worst of all is the criterion's."""

    def change(record):
        return silent_after(200.0, 5900)(record) or silent_after(400.0, 6500, ("plain",))(record) or silent_after(600.0, 5900, ("tap", "plain"))(record)

    verdict = verdict_of(changed(change))
    assert len(verdict["faults"]) == len(records.faults())
    first, second, third, reset = (of(verdict, t) for t in (200.0, 400.0, 600.0, 1000.0))
    assert first["recovery_s"] == {"tap": 0.9, "plain": 0.0} and (first["slowest"], first["limit_s"], first["ok"]) == ("tap", 1, True)
    assert second["recovery_s"] == {"tap": 0.0, "plain": 1.5} and (second["slowest"], second["ok"]) == ("plain", False)
    assert third["recovery_s"] == third["silent_s"] == {"tap": 0.9, "plain": 0.9}
    assert reset["limit_s"] == 2 and reset["ok"]
    assert one(verdict, "recovery_s")["value"] == max(max(fault["recovery_s"].values()) for fault in verdict["faults"])


def test_what_the_host_explains_is_told_apart():
    """It did not run QEMU, and the others were silent as well, for a second behind the fault: 0.5 s are left of 1.5."""

    def change(record):
        return silent_after(200.0, 6500, ("tap", "plain"))(record) or (
            record | {"pause_ms": 1000} if record["src"] == "host" and records.at(record, 206) else None
        )

    fault = of(verdict_of(changed(change)), 200.0)
    assert fault["silent_s"]["tap"] == 1.5 and fault["recovery_s"]["tap"] == pytest.approx(0.5, abs=0.01) and fault["ok"]


def test_what_came_of_a_fault_is_in_the_verdict():
    verdict = verdict_of(changed(at_fault(205, "end", sent=49096, refused=0, took_s=0.2)))
    fault = of(verdict, 200.0)
    assert fault["figures"] == {"sent": 49096, "refused": 0, "took_s": 0.2} and fault["seconds"] == 5.0
    assert (fault["name"], fault["path"], fault["error"]) == ("fault1", "", None)
    assert of(verdict, 400.0)["figures"] == {}
    assert "begun in 0.2 s" in rows(verdict)[1] and "sent 49096, refused 0" in rows(verdict)[1]


def test_fault_that_could_not_be_done_was_not_recovered_from():
    verdict = verdict_of(changed(at_fault(205, "end", error="storm has <ended>")))
    assert of(verdict, 200.0)["ok"] is None
    (first, *_), table = rows(verdict)
    assert first[0] == "NOT DONE" and "storm has &lt;ended&gt;" in first[-1] and "1 could not be done" in table


def test_fault_that_goes_on_when_the_records_end_has_no_recovery():
    verdict = verdict_of(record for record in records.good() if record["t"] < 203)
    assert [(fault["seconds"], fault["recovery_s"], fault["ok"]) for fault in verdict["faults"]] == [(None, {}, None)]
    [row], table = rows(verdict)
    assert (row[0], row[4]) == ("not seen", "still on") and "0 of 1 recovered in time, 1 were not seen to their end." in table


def test_page_has_the_slowest_recovery_first():
    verdict = verdict_of(changed(lambda record: silent_after(400.0, 6500, ("plain",))(record) or silent_after(600.0, 5900)(record)))
    (late, slow, *others), table = rows(verdict)
    assert late == ["TOO LATE", "fault1", "all", "6:40", "5.0", "0", "1.5", "1", ""]
    assert slow == ["recovered", "fault1", "all", "10:00", "5.0", "0.9", "0", "1", ""]
    assert {row[0] for row in others} == {"recovered"} and len(others) == len(records.faults()) - 2
    assert f"{len(others) + 1} of {len(others) + 2} recovered in time, 1 too late; nearest to its limit: fault1, 1.5 s on plain, limit 1 s." in table
    assert "<b>1.5</b>" in table and "<b>0.9</b>" in table


def test_page_says_so_where_nothing_was_silent():
    _, table = rows(verdict_of(records.good()))
    assert "nothing was silent behind one that the host or a sender's time-out does not explain" in table.replace("&#x27;", "'")


def test_page_of_many_faults_shows_the_slowest_and_folds_the_others():
    verdict = verdict_of(records.good())
    verdict["faults"] = verdict["faults"] * 10
    _, table = rows(verdict)
    assert table[: table.index("<details><summary>the other 40</summary>")].count("<tr>") == 41
