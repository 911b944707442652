# SPDX-License-Identifier: BSD-3-Clause
"""The soak's records: whole lines in order, whoever writes them, and readable whenever the writer was killed."""

import json
import threading

import pytest

from antifreeze.soak.log import NAME, Log, read


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(tmp_path, clock):
    with Log(tmp_path, clock) as log:
        yield log


def test_record_has_its_time_since_the_begin_and_is_in_the_file_at_once(log, clock, tmp_path):
    clock.now += 1.5
    log.write("soak", what="begin", seed=7)
    assert list(read(tmp_path)) == [{"t": 1.5, "src": "soak", "what": "begin", "seed": 7}]
    assert log.at(1002.0) == 2.0


def test_nobody_else_may_speak(log):
    with pytest.raises(ValueError):
        log.write("nobody")


def test_listeners_get_what_the_file_gets_in_its_order(log, tmp_path):
    heard = []
    log.listen(heard.append)
    log.listen(lambda record: record["src"] == "soak" and log.write("host", of=record["what"]))
    log.write("soak", what="begin")
    assert [record["src"] for record in heard] == ["soak", "host"]
    assert list(read(tmp_path)) == heard


def test_many_writers_tear_no_line_and_time_never_goes_back(tmp_path):
    with Log(tmp_path) as log:
        threads = [threading.Thread(target=lambda: [log.write("probe", rtt_us=[1] * 50) for _ in range(200)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    records = list(read(tmp_path))
    assert len(records) == 800
    assert [r["t"] for r in records] == sorted(r["t"] for r in records)


def test_torn_last_line_is_left_out(log, tmp_path):
    log.write("soak", what="begin")
    log.write("soak", what="end")
    log.close()
    whole = (tmp_path / NAME).read_text()
    (tmp_path / NAME).write_text(whole[:-5])
    assert [record["what"] for record in read(tmp_path)] == ["begin"]


def test_line_broken_in_the_middle_is_an_error(tmp_path):
    (tmp_path / NAME).write_text('{"t":0}\n{"t"\n{"t":2}\n')
    with pytest.raises(json.JSONDecodeError):
        list(read(tmp_path))


def test_another_run_is_never_written_over(log, tmp_path):
    with pytest.raises(FileExistsError):
        Log(tmp_path)


def test_late_writer_is_not_an_error(log, tmp_path):
    log.close()
    assert log.write("probe", path="tap") is None
