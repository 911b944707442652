# SPDX-License-Identifier: BSD-3-Clause
"""The soak's arithmetic: histograms, buckets, slopes with their intervals, and seconds with what touches them."""

import itertools
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest
import soakrecords as records

from antifreeze.bench import meter
from antifreeze.soak import log, slope
from antifreeze.soak.buckets import Buckets, Mean
from antifreeze.soak.histogram import Histogram
from antifreeze.soak.waits import Waits, Watch
from antifreeze.soak.windows import PATIENCE, SLACK, Windows


def test_histogram_is_right_to_half_a_per_cent():
    chance = random.Random(3)
    values = sorted(chance.lognormvariate(6, 2) + 1 for _ in range(20000))
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    for per_cent in (1, 50, 90, 99, 99.9):
        assert histogram.percentile(per_cent) == pytest.approx(values[int(len(values) * per_cent / 100) - 1], rel=0.0055)
    assert histogram.percentile(100) == pytest.approx(histogram.max, rel=0.0055)
    assert histogram.max == values[-1]
    assert len(histogram.bins) < 2100
    assert Histogram().percentile(50) is None


def test_histogram_takes_what_is_out_of_range():
    histogram = Histogram()
    for us in (0, 0.5, 1e15):
        histogram.add(us)
    assert histogram.percentile(10) <= 1.01 and histogram.max == 1e15


def test_histograms_add_up():
    one, two, both = Histogram(), Histogram(), Histogram()
    for value in range(1, 1000):
        (one if value % 3 else two).add(value)
        both.add(value)
    one.merge(two)
    assert (one.bins, one.count, one.max) == (both.bins, both.count, both.max)


def test_buckets_double_their_width_and_lose_nothing():
    buckets = Buckets(Mean, most=16)
    for t in range(1000):
        buckets.at(t).add(t)
    points = buckets.points()
    assert buckets.width == 64 and len(points) <= 16
    assert sum(cell.total for _, cell in points) == sum(range(1000))
    assert (points[0][1].least, points[0][1].most, points[-1][1].most) == (0, 63, 999)
    assert points[0][0] == 32
    assert [cell.count for _, cell in buckets.points(200)] == [256, 256, 256, 232]


def test_buckets_are_joined_until_they_are_full_enough():
    buckets = Buckets(Histogram)
    for t in range(25):
        buckets.at(t).add(1 + t, count=3)
    points = buckets.filled(10)
    assert [cell.count for _, cell in points] == [12] * 6  # the 25th second is left out
    assert [t for t, _ in points][:2] == [2, 6]


# ---- slopes -------------------------------------------------------------------------------------


def line(change, noise, seed=1, points=24, alike=0.0):
    """A figure of about 1000 that changes by a share over the run; `alike`: of the noise, how much stays."""
    chance, rest, found = random.Random(seed), 0.0, []
    for n in range(points):
        rest = alike * rest + (1 - alike**2) ** 0.5 * chance.gauss(0, noise)
        found.append((n * 75.0, 1000 * (1 + change * n / (points - 1) + rest)))
    return found


def test_slope_is_found_with_its_interval():
    found = slope.of(slope.relative(line(-0.05, 0.002)))
    span = 23 * 75
    assert found.value * span == pytest.approx(-0.05, abs=0.005)
    assert found.low < found.value < found.high < -0.02 / span


def test_a_few_bad_points_do_not_move_a_slope():
    points = line(0, 0.002)
    points[20:23] = [(t, value * 0.3) for t, value in points[20:23]]
    found = slope.of(slope.relative(points))
    assert abs(found.value) * 23 * 75 < 0.005 and found.low < 0 < found.high


def test_few_points_say_nothing():
    assert slope.of(line(0.5, 0)[:8]) is None
    assert slope.of() is None
    assert slope.of(line(0.5, 0.0001)[:9]).low > 0


def test_what_series_have_in_common_is_found_where_each_is_too_short():
    series = [slope.relative([(t + 600 * n, value * 10**n) for t, value in line(-0.1, 0.003, seed=n, points=6)]) for n in range(5)]
    assert all(slope.of(one) is None for one in series)
    assert slope.of(*series).high < 0


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_noise_is_no_drift(alike):
    """Also not that of a neighbour whose work lasts for some points."""
    alarms = sum(slope.of(slope.relative(line(0, 0.05, seed, alike=alike))).high < 0 for seed in range(400))
    assert alarms <= (1 if not alike else 4)


# ---- seconds ------------------------------------------------------------------------------------


def feed(*records):
    windows = Windows()
    closed = [second for record in records for second in windows.feed(record)]
    return closed + windows.flush()


def test_seconds_are_closed_in_order_and_once():
    windows = Windows()
    closed = []
    for tenth in range(200):
        closed += windows.feed({"t": tenth / 10, "src": "probe"})
    assert [second.at for second in closed] == list(range(16))
    assert [second.at for second in windows.flush()] == [16, 17, 18, 19]
    assert windows.flush() == []


def probe(t, **more):
    return {"t": t, "src": "probe", "seconds": 1.0} | more


def fault(t, what, **more):
    return {"t": t, "src": "fault", "name": "link", "what": what} | more


def quiet(seconds):
    return [second.at for second in seconds for entry in second.of("probe") if entry.quiet]


def test_a_fault_touches_from_its_begin_until_it_is_settled():
    seconds = feed(*[probe(t + 0.5) for t in range(3)], fault(3.2, "begin"), probe(3.5), probe(4.5), fault(5.1, "end", settle=2),
                   *[probe(t + 0.5) for t in range(5, 11)])  # fmt: skip
    # settled at 7.1; the record of 7.5 tells of the second before
    assert quiet(seconds) == [0, 1, 2, 8, 9, 10]


def test_half_load_after_a_fault_is_part_of_it():
    seconds = feed(fault(1.0, "begin"), fault(2.0, "end", settle=1, rest=4), *[probe(t + 0.5) for t in range(2, 9)])
    assert quiet(seconds) == [7, 8]


def test_a_fault_that_does_not_end_touches_all_that_follows():
    assert quiet(feed(fault(1.0, "begin"), *[probe(t + 0.5) for t in range(20)])) == [0]


def test_a_fault_is_of_its_path():
    seconds = feed(fault(1.0, "begin", path="tap", paths=["tap"]), probe(1.5, path="tap"), probe(1.6, path="user"))
    assert [entry.record["path"] for second in seconds for entry in second.of("probe") if entry.quiet] == ["user"]


def test_a_pause_that_is_told_later_touches_what_was_before():
    seconds = feed(probe(10.0), probe(11.0), probe(12.0), {"t": 12.4, "src": "host", "pause_ms": 900}, probe(13.3), probe(14.5))
    assert quiet(seconds) == [10, 11, 14]


def test_a_late_tick_of_a_time_slice_is_no_pause():
    assert quiet(feed(probe(1.0), {"t": 1.0, "src": "host", "pause_ms": 99})) == [1]


def test_statistics_tell_of_the_time_since_the_last_ones():
    stats = {"src": "guest", "guest": "dut", "record": {"event": "stats"}}
    seconds = feed({"t": 1.0} | stats, fault(3.0, "begin"), fault(4.0, "end"), {"t": 9.0} | stats)
    assert [entry.quiet for second in seconds for entry in second.of("guest")] == [True, False]


def test_memory_does_not_grow_with_time():
    windows = Windows()
    for t in range(20000):
        windows.feed(fault(t, "begin" if t % 20 else "end", path=str(t // 20 % 3)))
        windows.feed(fault(t + 0.5, "end", path=str(t // 20 % 3)))
        windows.feed({"t": t + 0.6, "src": "host", "pause_ms": 200})
    assert len(windows.marks) < 300 and len(windows._open) < 6 and len(windows._faults) <= 3


# ---- who had no CPU -----------------------------------------------------------------------------


def test_waits_are_of_their_time():
    waits = Waits()
    waits.feed(records.sliced(5.0, qemu=[0, 0, 0.5, 1, 0, 0, 0, 0, 0, 0]))
    assert waits.of(4.0, 5.0, ["qemu"]) == pytest.approx(0.15)
    assert waits.of(4.3, 4.4, ["qemu"]) == pytest.approx(0.1)
    assert waits.of(4.35, 9.0, ["qemu"]) == pytest.approx(0.05)
    assert waits.of(4.4, 5.0, ["qemu"]) == waits.of(4.0, 5.0, ["main"]) == 0
    assert waits.share(4, 5, ["qemu"]) == pytest.approx(0.15)


def test_those_on_the_way_wait_one_after_the_other_and_never_longer_than_it_was():
    waits = Waits()
    waits.feed(records.sliced(4.0))
    waits.feed(records.sliced(5.0, qemu=0.3, main=0.3, wire=0.9))
    assert waits.of(4.0, 5.0, ["qemu", "main"]) == pytest.approx(0.6)
    assert waits.of(4.0, 5.0, ["qemu", "main", "wire"]) == pytest.approx(1)


def test_a_wait_is_told_when_it_is_over_and_was_before():
    waits = Waits()
    waits.feed(records.sliced(4.0, qemu=0))
    waits.feed(records.sliced(5.0, qemu=[0, 0, 0, 0, 7, 0.2, 0, 0, 0, 0]))
    assert waits.of(3.8, 4.5, ["qemu"]) == pytest.approx(0.7)
    assert waits.of(0.0, 3.8, ["qemu"]) == 0
    assert waits.of(4.5, 5.0, ["qemu"]) == pytest.approx(0.02)


@pytest.mark.parametrize("held_up", [350, 0])
@pytest.mark.parametrize("waited", [600, 300, 50])
def test_a_wait_may_have_been_over_when_a_late_slice_began(waited, held_up):
    """It is counted there and before it, as nobody knows; for sure, only where it has no other place."""
    waits = Waits()
    for k in range(20):
        waits.feed({"slices": [0.05 * (k + 1)], "waits": {}})
    waits.feed({"slices": [1.4], "waits": {"soak": [held_up], "wire": [waited]}})
    beyond = max(0, waited / 1000 - 0.4)
    assert waits.of(1, 1.4, ["wire"]) == pytest.approx(min(0.4, waited / 1000))
    assert waits.of(0, 1, ["wire"]) == pytest.approx(waited / 1000 if held_up else beyond)
    assert waits.whole(0, 1, "wire") == pytest.approx(beyond)


def test_who_waits_at_the_same_time_is_counted_once():
    waits = Waits()
    waits.feed(records.sliced(4.0))
    waits.feed(records.sliced(5.0, qemu=[0.3] * 5 + [0.8] * 5, main=0.5))
    assert waits.longest(4.0, 5.0, ["qemu", "main"]) == pytest.approx(0.65)


def test_slices_of_long_ago_are_forgotten():
    waits = Waits()
    for t in range(500):
        waits.feed(records.sliced(t, qemu=1))
    assert len(waits._slices) < 2000 and waits.of(0, 100, ["qemu"]) == 0 and waits.of(490, 499, ["qemu"]) == pytest.approx(9)


class Clock:
    """A log, whose writers are held up as long as that, and whose time goes on where a test says so."""

    held = 0.0
    seconds = 1000.0

    def now(self):
        return self.seconds

    def wait(self):
        self.seconds += self.held


@pytest.fixture
def watch(tmp_path, monkeypatch):
    """A watch that takes a slice when it is told to, of a thread in tmp_path."""
    monkeypatch.setattr(Watch, "start", lambda self: None)
    return Watch(Clock())


def has_waited(folder, milliseconds):
    (folder / "schedstat").write_text(f"5 {milliseconds * 1000000} 7\n")


def test_waits_are_watched_from_when_they_are_asked_for(watch, tmp_path):
    has_waited(tmp_path, 70)
    watch.watch({"qemu": [str(tmp_path)]})
    has_waited(tmp_path, 400)
    watch.watch({"qemu": [str(tmp_path)], "main": [str(tmp_path / "none")]})
    watch._slice()
    watch._slice()
    has_waited(tmp_path, 412)
    watch._slice()
    said = watch.take()
    assert len(said["slices"]) == 3 and said["waits"]["qemu"] == [330, 0, 12] and "main" not in said["waits"]
    assert watch.take() == {"slices": [], "waits": {}}


def does(folder, state, runs, waited=0):
    folder.mkdir(exist_ok=True)
    (folder / "stat").write_text(f"17 (a) b) {state} 1 2 3\n")
    (folder / "schedstat").write_text(f"5 {waited} {runs}\n")


def test_who_is_held_in_the_kernel_waits_from_when_it_had_a_cpu_last(watch, tmp_path):
    program, reader = tmp_path / "program", tmp_path / "reader"
    watch.watch({"qemu": [str(program), str(reader)], "main": [str(tmp_path / "none")]})
    # Twice in D with a turn between; in D for two slices, then both of them; runs; sleeps.
    for state, runs, other in [("S", 1, "S"), ("D", 2, "S"), ("D", 3, "S"), ("D", 3, "S"), ("D", 3, "D"), ("R", 4, "S"), ("S", 4, "S")]:
        does(program, state, runs, waited=10**6 * runs)
        does(reader, other, 9)
        watch._log.seconds += 0.02
        watch._slice()
    said = watch.take()
    ends = said["slices"]
    lengths = [1000 * (end - begin) for begin, end in itertools.pairwise([1000, *ends])]
    assert said["waits"]["qemu"] == pytest.approx([0, 1, 1, lengths[3], lengths[4], 1, 0], abs=0.1) and "main" not in said["waits"]
    waits = Waits()
    waits.feed({"slices": ends, "waits": said["waits"]})
    assert waits.of(ends[0], ends[2], ["qemu"]) < 0.005 < 0.035 < waits.of(ends[2], ends[4], ["qemu"])


def test_who_had_a_cpu_while_it_was_looked_at_is_not_held(watch, tmp_path, monkeypatch):
    """Between the look at how often it had one and that at its state."""
    does(tmp_path, "D", 5)
    watch.watch({"qemu": [str(tmp_path)]})
    state = meter.state

    def runs_first(folder):
        does(tmp_path, "D", runs)
        return state(folder)

    monkeypatch.setattr(meter, "state", runs_first)
    runs = 6
    for held in (False, False, True):
        watch._log.seconds += 0.02
        watch._slice()
        assert ("qemu" in watch.take()["waits"]) is held


def test_soak_that_is_held_up_is_so_late_with_a_slice(watch):
    for held in (0, 0.2, 0.07):
        watch._log.held = held
        watch._slice()
    said = watch.take()
    first, late, last = said["waits"]["soak"]
    assert (first, late, last) == (0, 150, 0)


def test_log_is_waited_for_while_somebody_writes(tmp_path):
    with log.Log(tmp_path) as one:
        writes, may = threading.Event(), threading.Event()
        one.listen(lambda record: (writes.set(), may.wait(10)))
        thread = threading.Thread(target=one.write, args=["soak"])
        thread.start()
        assert writes.wait(10)
        threading.Timer(0.2, may.set).start()
        one.wait()
        assert may.is_set()
        thread.join()


# A parent is held until its vfork()ed child has ended, as others are for the disk.
STUCK = "#include <unistd.h>\nint main(void) { if (vfork() == 0) { sleep(30); _exit(0); } return 0; }\n"


def test_one_who_is_held_is_told_from_one_who_sleeps(tmp_path):
    subprocess.run(["gcc", "-x", "c", "-", "-o", tmp_path / "stuck"], input=STUCK, text=True, check=True)
    for words, state in ([tmp_path / "stuck"], "D"), (["sleep", "30"], "S"):
        with subprocess.Popen(words, start_new_session=True) as process:
            try:
                deadline = time.monotonic() + 10
                while meter.state(pathlib.Path(f"/proc/{process.pid}")) != state:
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
    assert meter.state(tmp_path / "none") == ""


def test_thread_that_begins_with_less_has_waited_for_nothing(watch, tmp_path):
    has_waited(tmp_path, 70)
    watch.watch({"tcp_up@tap": [str(tmp_path)]})
    has_waited(tmp_path, 1)
    watch._slice()
    assert "tcp_up@tap" not in watch.take()["waits"]


def silence(t, gap_ms, path="tap", **more):
    return probe(t, path=path, gap_ms=gap_ms, gap_at=t - gap_ms / 1000) | more


def host(t, **waits):
    return {"t": t, "src": "host", "pause_ms": 0} | records.sliced(t, **waits)


def entries(*fed, elsewhere=700):
    """What becomes of silences while path plain was silent, too."""
    return [e for s in feed(silence(4.0, elsewhere, "plain"), *fed) for src in ("probe", "traffic") for e in s.of(src) if e.record.get("path") != "plain"]


def unexplained(*fed, **more):
    return [entry.unexplained for entry in entries(*fed, **more)]


def test_only_what_the_host_has_no_excuse_for_is_left_of_a_silence():
    assert unexplained(silence(4.0, 700), host(4.1)) == [pytest.approx(700)]
    assert unexplained(silence(4.0, 700), host(4.0, qemu=0.5)) == [pytest.approx(350)]
    assert unexplained(silence(4.0, 700), host(4.0, qemu=0.5, main=0.3)) == [pytest.approx(140)]
    assert unexplained(silence(4.0, 700), host(4.0, qemu=1, main=1)) == [pytest.approx(0, abs=1e-6)]


def test_a_wait_besides_a_silence_is_no_excuse():
    assert unexplained(silence(4.0, 400), host(4.0, qemu=[1] * 6 + [0] * 4)) == [pytest.approx(400)]


@pytest.mark.parametrize("who,path,left", [
    ("wire", "wire", 0), ("wire", "tap", 700), ("probe@tap", "tap", 0), ("probe@tap", "wire", 700), ("probe@wire", "wire", 0), ("steal", "user", 0),
])  # fmt: skip
def test_a_wait_excuses_those_on_whose_way_it_was(who, path, left):
    assert unexplained(silence(4.0, 700, path), host(4.0, **{who: 1})) == [pytest.approx(left, abs=1e-6)]


@pytest.mark.parametrize("elsewhere,left", [
    ([], 700), ([silence(3.9, 300)], 400), ([silence(3.6, 300), silence(4.0, 200)], 200), ([silence(3.6, 300), silence(3.8, 500)], 200), ([silence(4.1, 900, "user")], 0),
])  # fmt: skip
def test_a_qemu_that_waits_excuses_the_quiet_path_only_as_far_as_others_are_silent_too(elsewhere, left):
    """The probes of the others are told last, and one tells again of a silence that lasts."""
    seconds = feed(silence(4.0, 700, "wire"), *elsewhere, *[probe(5.0, path="tap", gap_ms=1, gap_at=4.9)], host(4.2, qemu=1, main=1), host(5.2))
    assert [e.unexplained for s in seconds for e in s.of("probe") if e.record["path"] == "wire"] == [pytest.approx(left, abs=1e-6)]


STREAM = {"src": "traffic", "name": "tcp_up@tap", "proto": "tcp"}


@pytest.mark.parametrize("path,more,elsewhere,left", [
    ("tap", {}, 100, 300), ("tap", {}, 10, 660), ("tap", {}, 200, 0), ("user", STREAM, 10, 540), ("tap", STREAM, 40, 60),
])  # fmt: skip
def test_a_qemu_that_waits_excuses_other_paths_several_times_as_far_as_others_are_silent(path, more, elsewhere, left):
    said = unexplained(silence(4.0, 700, path, **more), host(4.0, qemu=1, main=1), elsewhere=elsewhere)
    assert said == [pytest.approx(left, abs=1e-6)]


def test_who_is_on_the_way_of_one_path_only_excuses_it_whatever_others_do():
    assert unexplained(silence(4.0, 700), host(4.0, **{"probe@tap": 1}), elsewhere=1) == [pytest.approx(0, abs=1e-6)]
    assert unexplained(silence(4.0, 700), {"t": 4.0, "src": "host", "pause_ms": 300} | records.sliced(4.0, qemu=1), elsewhere=1) == [pytest.approx(396)]


def test_others_show_it_that_were_silent_right_before_or_behind_and_not_long_ago():
    for begin, left in ((2.4, 0), (4.6, 0), (1.4, 700), (5.6, 700)):
        seconds = feed(probe(begin + 0.2, path="plain", gap_ms=200, gap_at=begin), silence(4.0, 700), host(4.0, qemu=1), host(7.0))
        assert [e.unexplained for s in seconds for e in s.of("probe") if e.record["path"] == "tap"] == [pytest.approx(left, abs=1e-6)]


def test_what_a_fault_silences_on_its_path_shows_nothing_of_the_host():
    blocked = [fault(2.0, "begin", path="wire", paths=["wire"]), fault(5.0, "end", path="wire")]
    for faults, left in ((blocked, 660), ([], 0)):
        seconds = feed(*faults[:1], silence(4.0, 700), silence(4.0, 700, "wire"), silence(4.0, 10, "plain"), host(4.0, qemu=1), *faults[1:], host(6.0))
        assert [e.unexplained for s in seconds for e in s.of("probe") if e.record["path"] == "tap"] == [pytest.approx(left, abs=1e-6)]


def test_a_program_may_write_two_records():
    both = {"src": "traffic", "name": "tcp_both@tap.rx"}
    assert unexplained(silence(4.0, 700, **both), host(4.0, **{"tcp_both@tap": 1})) == [pytest.approx(0, abs=1e-6)]


def test_a_pause_excuses_what_it_lasted_and_not_twice():
    pause = {"t": 4.0, "src": "host", "pause_ms": 300}
    assert unexplained(silence(4.0, 700), pause) == [pytest.approx(400)]
    assert unexplained(silence(4.0, 700), pause | records.sliced(4.0, qemu=1)) == [pytest.approx(0, abs=1e-6)]
    before = host(4.2, qemu=[0, 1, 1, 1, 1] + [0] * 5)  # from 3.3 to 3.7
    assert unexplained(silence(4.0, 900), pause, pause | {"t": 3.9}, before) == [pytest.approx(200)]


def test_what_waited_is_not_quiet_but_no_fault():
    [entry] = entries(silence(4.0, 700), host(4.0, qemu=0.5))
    assert not entry.quiet and not entry.faulty
    [entry] = entries(silence(4.0, 90), host(4.0, qemu=0.5))
    assert entry.quiet and entry.unexplained == pytest.approx(40)


def test_a_second_is_open_until_the_host_has_told_of_it():
    """The soak itself was not run for longer than others are waited for."""
    late = host(11.0) | {"slices": [4.0, 11.0], "waits": {"qemu": [0, 7000]}}
    seconds = feed(host(4.0), silence(6.0, 700), silence(6.0, 700, "plain"), *[probe(t / 2) for t in range(13, 22)], late, probe(11.5))
    assert [entry.unexplained for second in seconds for entry in second.of("probe") if second.at == 6][0] == pytest.approx(0)


def test_a_host_that_tells_nothing_more_is_not_waited_for_without_end():
    windows = Windows()
    closed = [second.at for record in (host(4.0), *[probe(t + 0.5) for t in range(4, 200)]) for second in windows.feed(record)]
    assert closed[-1] == 198 - PATIENCE - SLACK and len(windows._open) < PATIENCE + SLACK + 2


def stall(t, **fields):
    return {"t": t, "src": "guest", "guest": "dut", "record": {"event": "stall", "cause": "guest_late"} | fields}


@pytest.mark.parametrize("slept", [0, 600000])
@pytest.mark.parametrize("wait,believed", [(1, True), (0.9, True), (0.5, False), (0, False)])
def test_a_guest_that_says_it_was_not_run_is_believed_if_somebody_waited(slept, wait, believed):
    seconds = feed(stall(4.0, stalled_us=600000, asleep_us=slept), probe(4.0), host(4.0, qemu=wait))
    assert (quiet(seconds) == []) is believed


def test_the_seconds_share_in_which_the_guest_waited():
    assert {second.at: second.wait for second in feed(probe(3.5), host(4.0, qemu=0.4), probe(5.2))}[3] == pytest.approx(0.4)
