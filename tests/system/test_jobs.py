# SPDX-License-Identifier: BSD-3-Clause
"""Jobs over HTTP, by the real curl: started, changed and stopped while the guest runs."""

import pytest

import testframe
from antifreeze import frames
from capture import Capture
from http_jobs import jobs
from iperf3_server import server

GAP_MS = 100  # the most that a change of the rate may interrupt
FOREIGN = "52:54:00:00:99:99"


def sent_at(capture):
    """When each frame of a flood was seen, ns."""
    for ns, frame in capture.frames:
        if frame[12:14] == frames.IPV4.to_bytes(2, "big") and int.from_bytes(frame[36:38], "big") == testframe.PORT:
            yield ns


@pytest.mark.alone
def test_job_lives_by_http(boot, tap):
    """A flood from POST to DELETE: no change of its rate leaves a gap, and its counts are those of the tap."""
    guest = boot("", net=tap)
    asked = {"run": "flood", "target": tap.host4, "dst_mac": FOREIGN, "rate": "2kpps", "time": "0", "interval": "500ms"}
    with Capture(tap.name) as capture:
        status, job = jobs(guest, "POST", body=asked)
        assert (status, job["id"], job["state"], job["parameters"]) == (201, 1, "running", asked)
        for rate in ("8kpps", "20kpps", "1M", "4kpps"):
            after = guest.mark()
            status, job = jobs(guest, "PATCH", "/jobs/1", {"rate": rate})
            assert (status, job["parameters"]["rate"]) == (200, rate)
            guest.wait("interval", 20, lambda record: record["job"] == "flood-1", after)
        assert [each["id"] for each in jobs(guest)[1]["jobs"]] == [1]
        assert jobs(guest, "DELETE", "/jobs/1")[0] in (200, 202)
        result = guest.wait("result", 20, lambda record: record["job"] == "flood-1")
    times = list(sent_at(capture))
    assert result["end"] == "done" and result["status"] == "PASS"
    assert result["sent"] == result["tx_packets"] == len(times) > 4000
    # At 1 Mbit/s, the slowest, frames of 60 bytes are 0.48 ms apart.
    assert max(later - before for before, later in zip(times, times[1:])) < GAP_MS * 1_000_000
    assert [record["what"] for record in guest.find("job")] == ["start", *["rate"] * 4, "stop"]
    status, job = jobs(guest, path="/jobs/1")
    assert (status, job["state"], job["status"]) == (200, "over", "PASS")
    assert job["counts"]["sent"] == result["sent"]


def test_refusals_are_those_of_the_boot(guest, boot, net):
    """The same keys, wrong in the same way: the same words."""
    for words in ("run=flood", "run=flood target=10.0.0.1 rate=2Tpps", "run=client target=10.0.0.1 flows=3", "run=flood rate=x",
                  "run=flood target=10.0.0.1 len=60,59,61"):  # fmt: skip
        with_boot = boot(words, net=net, ready=False, healthy=False)
        assert with_boot.wait_exit(60) == 5
        at_boot = with_boot.find("error")[0]
        after = guest.mark()
        status, answer = jobs(guest, "POST", body=dict(word.split("=") for word in words.split()))
        assert status == 422
        record = guest.wait("refused", 10, lambda one: one.get("key") == at_boot["key"], after)
        for said in answer, record:
            assert [said[name] for name in ("key", "value", "accepted")] == [
                at_boot[name] for name in ("key", "value", "accepted")]  # fmt: skip
            assert (said["what"], said["source"]) == ("job", "http")
        assert answer["message"].split(": ", 1)[1] == at_boot["message"].split(": ", 1)[1]


def test_status_says_what_was_wrong(guest):
    assert jobs(guest, path="/jobs/77")[0] == 404
    assert jobs(guest, "DELETE", "/jobs/77")[0] == 404
    assert jobs(guest, "PUT", body={})[0] == 405
    assert jobs(guest, "POST", body='{"run":')[0] == 400
    assert jobs(guest, "POST", body={"run": "flood"}, fields=())[0] == 415  # what curl says is a form
    assert jobs(guest, "POST", body={"run": "flood", "x": "y" * 3000})[0] == 413
    assert jobs(guest, "POST", body={"run": "flood", "speed": 5})[0] == 422
    assert jobs(guest)[1] == {"jobs": []}


def test_client_is_started_and_stopped(guest):
    """A job with connections ends in its own time; and the guest, which serves, goes on."""
    asked = {"run": "client", "target": guest.net.host4, "time": "0", "rate": "1M"}
    with server(guest.net):
        status, job = jobs(guest, "POST", body=asked)
        assert (status, job["kind"]) == (201, "client")
        path = f"/jobs/{job['id']}"
        guest.wait("interval", 30, lambda record: record["job"] == job["job"])
        assert jobs(guest, "PATCH", path, {"rate": "2M"})[0] == 200
        assert jobs(guest, "PATCH", path, {"streams": 2})[0] == 422
        assert jobs(guest, "DELETE", path)[0] == 202
        result = guest.wait("result", 30, lambda record: record["job"] == job["job"])
    assert result["end"] == "done"
    assert jobs(guest, "PATCH", path, {"rate": "3M"})[0] == 409


def test_run_that_is_to_end_with_its_jobs_does(boot, tap):
    guest = boot("exit=done", net=tap)
    short = {"run": "flood", "target": tap.host4, "dst_mac": FOREIGN, "rate": "1kpps", "time": "200ms"}
    assert jobs(guest, "POST", body=short)[0] == 201
    assert guest.wait_exit(30) == 0
