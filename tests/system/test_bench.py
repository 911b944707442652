# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark's arithmetic, its archive, and its table: whatever needs no guest."""

import contextlib
import json
import os
import subprocess
import sys

import pytest

from antifreeze import TOP, Error, net, world
from antifreeze.bench import cpio, figures, iperf, linux, memory, packages, pairs, plot, readme, report, sink, udp
from antifreeze.bench.meter import Cost
from antifreeze.bench.rows import ROWS, Row


def test_spread_is_median_and_extremes():
    assert figures.spread([5, 1, 9]) == {"median": 5, "min": 1, "max": 9, "n": 3}
    assert figures.spread([1, 2])["median"] == 1.5
    with pytest.raises(ValueError):
        figures.spread([])


def test_ratios_are_pair_by_pair():
    # the host was half as fast for the second pair: neither median knows, the ratios do
    assert figures.ratios([4, 2], [2, 1]) == [2, 2]
    with pytest.raises(ValueError):
        figures.ratios([1, 2], [1])


def test_a_pair_without_a_figure_of_linux_has_no_ratio():
    assert figures.ratios([1, 0, 0, 4], [0, 0, 2, 2]) == [None, None, 0, 2]


def test_percentile_is_a_value_that_was_measured():
    assert figures.percentile(range(1, 101), 99) == 99
    assert figures.percentile([7], 99) == 7
    assert figures.percentile([3, 1, 2], 50) == 2


@pytest.mark.parametrize("limit", [1, 9.9, 50, 1234])
@pytest.mark.parametrize("guess", [1, 40, 3000])
def test_search_comes_close_to_the_limit(limit, guess):
    tried = []

    def trial(rate):
        tried.append(rate)
        return rate <= limit, rate

    best = figures.highest(trial, guess, 30)
    assert 0.95 * limit < best <= limit
    assert len(tried) <= 30


def test_search_stops_at_the_senders_own_limit():
    tried = []

    def trial(rate):
        tried.append(rate)
        return True, min(rate, 100)

    assert figures.highest(trial, 80, 30) == 100
    assert len(tried) <= 3


def test_search_falls_fast_where_the_guess_was_far_too_high():
    assert figures.highest(lambda rate: (rate <= 1, rate), 10, 5, step=1.2) > 0


def test_search_says_zero_where_nothing_passes():
    assert figures.highest(lambda rate: (False, rate), 100, 8) == 0


def test_iperf3_figures_are_those_of_the_receiver():
    sent = {"bits_per_second": 9e9, "seconds": 2.0, "bytes": 1}
    received = {"bits_per_second": 4e9, "seconds": 2.0, "bytes": 1}
    back = {"bits_per_second": 1e9, "seconds": 2.0, "bytes": 1}
    end = {"sum_sent": sent, "sum_received": received, "sum_received_bidir_reverse": back}
    assert iperf.flows(end, False).bps == 4e9
    assert [flow.bps for flow in iperf.flows(end, True)] == [4e9, 1e9]
    udp = iperf.flows({"sum_received": received | {"packets": 1000, "lost_packets": 200}}, False)
    assert (udp.packets, udp.lost, udp.pps) == (1000, 200, 400)


def _entries(data):
    """{name: (mode, content)} of an archive, by the published layout."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701"
        field = [int(data[at + 6 + 8 * k : at + 14 + 8 * k], 16) for k in range(13)]
        size, name_size = field[6], field[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        at = -(-(at + 110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = field[1], data[at : at + size]
        at = -(-(at + size) // 4) * 4


def test_archive_has_files_folders_and_devices():
    archive = cpio.Archive()
    archive.add_file("a/b/c", b"12345", executable=True)
    archive.add_file("a/d", b"")
    archive.add_character_device("dev/console", 5, 1)
    assert _entries(archive.bytes()) == {
        "a": (0o40755, b""), "a/b": (0o40755, b""), "a/b/c": (0o100755, b"12345"), "a/d": (0o100644, b""),
        "dev": (0o40755, b""), "dev/console": (0o20600, b""),
    }  # fmt: skip


def test_least_memory_is_found_by_halving():
    for least in (8, 56, 128):
        tried = []

        def serving(mib, least=least, tried=tried):
            tried.append(mib)
            return mib >= least

        assert memory.least(serving, 128, 8) == least
        assert len(tried) <= 6
    assert memory.least(lambda mib: False, 128) is None


def test_modules_say_what_they_need():
    assert linux.depends(b"x\0license=GPL\0depends=net-failover,virtio\0name=v\0") == ["net_failover", "virtio"]
    assert linux.depends(b"x\0depends=\0name=v\0") == []


def test_both_guests_get_the_same_machine():
    """What differs is the kernel with its words; a tap each, since both are up at once."""
    lines = {}
    for name in pairs.GUESTS:
        nic = net.qemu.Nic.tap("tap0", "52:54:00:00:00:01", **pairs.OFFLOADS_OFF)
        kernel = {"image": "ours"} if name == pairs.OURS else {"image": "theirs", "initrd": "file"}
        machine = net.qemu.Machine(nics=[nic], memory_mib=pairs.MEMORY_MIB, append="words", accel="tcg", **kernel)
        lines[name] = machine.command(8, 9)
    ours, theirs = lines[pairs.OURS], lines[pairs.THEIRS]
    at = theirs.index("-initrd")
    assert theirs[at + 1] == "file"
    del theirs[at : at + 2]
    assert [(a, b) for a, b in zip(ours, theirs) if a != b] == [("ours", "theirs")]
    assert len(ours) == len(theirs)


def _row_of(ours, theirs, main_loop=0.2, **options):
    row = Row("name", "Title", "Gbit/s", None, bar=3.0, **options)
    cost = Cost(8, 0.9, main_loop, 0.3)
    samples = {
        pairs.OURS: [pairs.Sample(value, cost, 7) for value in ours],
        pairs.THEIRS: [pairs.Sample(value, Cost(8, 1, 0.1, 0.1)) for value in theirs],
    }
    return pairs.summary(row, True, samples)


def _lines_of(*rows):
    """Of the table, behind its head."""
    return report.table({"alloc_failures": 0, "rows": rows}).splitlines()[2 : 2 + len(rows)]


def test_row_has_medians_ratios_and_gap():
    row = _row_of([6, 8], [2, 2])
    assert row["ratio"]["pairs"] == [3, 4]
    assert row["antifreeze"]["values"] == [6, 8]
    assert row["gap_max_us"] == 7
    assert row["linux"]["median"] == 2
    assert row["ratio_per_cpu"]["median"] == pytest.approx(3.5 * 1.2 / 1.4)


def test_trial_with_too_much_lost_has_no_gap():
    class Guest:
        records = [
            {"event": "result", "gap_max_us": 1, "rx_packets": 999, "tx_packets": 0, "lost": 1},
            {"event": "result", "gap_max_us": 2, "rx_packets": 9000, "tx_packets": 0, "lost": 10},
            {"event": "result", "gap_max_us": 3, "rx_packets": 0, "tx_packets": 500, "peer_lost": 1},
            {"event": "interval", "gap_max_us": 4, "rx_packets": 1, "tx_packets": 1},
        ]

    assert pairs.longest_gap(Guest, 0) == 1
    assert pairs.longest_gap(Guest, 1) is None
    del Guest.records[2]["peer_lost"]  # TCP
    assert pairs.longest_gap(Guest, 0) == 3


def test_table_tells_met_from_missed():
    rows = [_row_of([6], [2]), _row_of([5], [2]), _row_of([5], [2], more_is_better=False)]
    table = report.table({"alloc_failures": 0, "rows": rows})
    assert "longest gap in any iperf3 test: 0.0 ms. Allocation failures: 0." in table
    assert [line.count("met") for line in table.splitlines()[2:5]] == [1, 0, 1]
    assert [line.count("missed") for line in table.splitlines()[2:5]] == [0, 1, 0]


def test_ratio_is_that_of_the_pairs_in_which_linux_found_a_rate():
    row = _row_of([50, 6, 8, 7, 50], [0, 2, 2, 2, 0])
    assert row["ratio"]["pairs"] == [None, 3, 4, 3.5, None]
    assert (row["ratio"]["median"], row["ratio"]["max"], row["ratio"]["n"]) == (3.5, 4, 3)
    assert row["ratio_per_cpu"]["max"] == pytest.approx(4 * 1.2 / 1.4)
    [line] = _lines_of(row)
    assert "linux: 2 of 5 found no rate" in line and "met" in line


@pytest.mark.parametrize(
    "ours,theirs,bar",
    [
        ([9] * 5, [2, 2, 2, 0, 0], "met"),
        ([9] * 5, [2, 2, 0, 0, 0], "not judged"),
        ([9] * 5, [0] * 5, "not judged"),
        ([9] * 2, [2, 2], "met"),
        ([9] * 2, [2, 0], "not judged"),
        ([0] * 5, [2] * 5, "missed"),
    ],
)
def test_bar_is_judged_by_three_pairs_or_all_of_a_short_run(ours, theirs, bar):
    [line] = _lines_of(_row_of(ours, theirs))
    assert f"≥ 3: {bar} |" in line
    assert ("found no rate" in line) == (0 in ours + theirs)


def _pair_of(**guests):
    class Guest:
        records = ()

        def __init__(self, value):
            self.value, self.restarts, self.qmp = value, 0, self

        def command(self, _word):
            pass

        def alive(self):
            return True

        def settle(self):
            pass

        def mark(self):
            return 0

        def restart(self, _seconds):
            self.restarts += 1

    pair = pairs.Pair(True)
    pair.guests = {name: Guest(value) for name, value in guests.items()}
    return pair


def test_linux_that_hangs_is_started_anew_and_has_no_figure(monkeypatch):
    def measure(guest, _seconds):
        if guest.value == 2 and not guest.restarts:
            raise iperf.Hung("nothing moves")
        return guest.value

    monkeypatch.setattr(pairs, "Meter", lambda _guest: contextlib.nullcontext())
    monkeypatch.setattr(contextlib.nullcontext, "cost", Cost(8, 1, 0.1, 0.1), raising=False)
    pair, row = _pair_of(antifreeze=8, linux=2), Row("name", "Title", "Gbit/s", measure, bar=3.0)
    samples = {name: [pair.sample(name, row, 1) for _ in range(4)] for name in pair.guests}
    report_row = pairs.summary(row, True, samples)
    assert pair.guests["linux"].restarts == 1
    assert (report_row["linux"]["hung"], report_row["linux"]["median"]) == (1, 2)
    assert report_row["ratio"]["pairs"] == [None, 4, 4, 4]
    [line] = _lines_of(report_row)
    assert "linux: 1 of 4 hung" in line and "no rate" not in line


def test_our_guest_may_not_hang(monkeypatch):
    def measure(_guest, _seconds):
        raise iperf.Hung("nothing moves")

    monkeypatch.setattr(pairs, "Meter", lambda _guest: contextlib.nullcontext())
    with pytest.raises(iperf.Hung):
        _pair_of(antifreeze=8).sample(pairs.OURS, Row("name", "Title", "Gbit/s", measure), 1)


def test_table_says_where_qemu_is_the_bound():
    assert "bounded" not in report.table({"alloc_failures": 0, "rows": [_row_of([6], [2])]})
    assert "antifreeze: bounded by QEMU" in report.table({"alloc_failures": 0, "rows": [_row_of([6], [2], main_loop=0.95)]})


def _row_with_ceiling(ours):
    row = Row("raw", "Raw", "kpps", None, bar_ceiling=0.9, note=lambda: "burst 7")
    figures_of = {pairs.OURS: ours, pairs.THEIRS: 100, pairs.CEILING: 500}
    return pairs.summary(row, True, {name: [pairs.Sample(f, Cost(8, 1, 0.1, 0.1))] for name, f in figures_of.items()})


def test_row_has_our_share_of_the_ceiling():
    row = _row_with_ceiling(450)
    assert (row["ratio"]["median"], row["of_ceiling"]["median"], row["bar_ceiling"]) == (4.5, 0.9, 0.9)
    said = "| Raw, kpps | on | 450 (450–450) | 100 (100–100) |", "90% of the ceiling's 500 (500–500), ≥ 90%: met; burst 7"
    table = report.table({"alloc_failures": 0, "rows": [row]})
    assert all(text in table for text in said), table
    assert "88% of the ceiling's 500 (500–500), ≥ 90%: missed" in report.table({"rows": [_row_with_ceiling(440)]})


def test_a_rows_own_guests_stand_in_for_the_pairs():
    """Each is stopped but while it is measured, the pair's are back afterwards, and none's failures are forgotten."""
    running = []

    class Guest:
        def __init__(self, value, failures=0):
            self.value, self.failures, self.records, self.qmp = value, failures, [], self

        def command(self, word):
            {"stop": running.remove, "cont": running.append}[word](self)

        def alive(self):
            return True

        def alloc_failures(self):
            return self.failures

    def measure(guest, _seconds):
        assert running == [guest]
        return guest.value

    @contextlib.contextmanager
    def own():
        guests = {pairs.OURS: Guest(8, failures=2), pairs.CEILING: Guest(10)}
        running.extend(guests.values())
        yield guests

    pair = pairs.Pair(True)
    pair.guests = {pairs.OURS: Guest(1, failures=3), pairs.THEIRS: Guest(4)}
    usual = dict(pair.guests)
    with pair.with_guests_of(Row("raw", "Raw", "kpps", measure, guests=own)):
        for name, value in (pairs.OURS, 8), (pairs.THEIRS, 4), (pairs.CEILING, 10):
            with pair.only(name) as guest:
                assert measure(guest, 1) == value
    assert pair.guests == usual and running == []
    assert pair.alloc_failures() == 5


def test_table_has_the_upper_limit_and_how_busy_the_host_was():
    cost = pairs.cost([pairs.Sample(100, Cost(8, 1, 0.45, 0, 0, 0.5))])
    entry = {"title": "frames", "cost": cost, **figures.spread([100, 90])}
    table = report.table({"rows": [], "ceiling": [entry]})
    assert "| frames | 95 (90–100) | 100 / 45 / 0 | bounded by QEMU |" in table
    assert "no CPU for it for 25 % of the time" in table


def test_plot_shows_better_where_less_is_better():
    assert plot.better(_row_of([6, 12], [2, 2])) == (4.5, 3, 6)
    assert plot.better(_row_of([1, 2], [4, 4], more_is_better=False)) == (pytest.approx(8 / 3), 2, 4)


def test_plot_has_room_for_a_guest_that_found_nothing(tmp_path):
    about = {"accelerator": "tcg"}
    assert plot.draw({"rows": [_row_of([0, 6], [2, 2])], "about": about}, tmp_path / "plot.svg")
    assert not plot.draw({"rows": [_row_of([6, 6], [0, 0])], "about": about}, tmp_path / "none.svg")


def test_plot_is_drawn_and_has_every_row(tmp_path):
    rows = [_row_of([6, 8], [2, 2]), _row_of([1, 2], [4, 4], more_is_better=False)]
    rows[1] |= {"title": "Less is better", "offloads": "off"}
    assert plot.draw({"rows": rows, "about": {"accelerator": "tcg"}}, tmp_path / "plot.svg")
    picture = (tmp_path / "plot.svg").read_text()
    assert "Title" in picture and "Less is better, offloads off" in picture
    assert not plot.draw({"rows": []}, tmp_path / "none.svg")


def test_a_thousandth_may_be_lost():
    assert udp.passes(iperf.Flow(packets=1000, lost=1))
    assert not udp.passes(iperf.Flow(packets=1000, lost=2))
    assert not udp.passes(iperf.Flow(packets=0, lost=0))
    assert sink.arrived(1000, 999) and not sink.arrived(1000, 998) and not sink.arrived(0, 0)


def test_row_names_are_unique():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


def test_registry_out_of_reach_is_said_with_the_remedy(tmp_path, monkeypatch):
    fake = tmp_path / "apt-cache"
    fake.write_text("#!/bin/sh\necho 'E: No packages found' >&2\nexit 100\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Error, match="No packages found\n.*apt-get update"):
        packages.fetch()


def test_readme_shows_the_run_that_is_kept():
    shown = readme.README.read_text()
    kept = json.loads(readme.KEPT.read_text())
    notes = readme.NOTES.read_text()
    assert readme.with_section(shown, kept, notes) == shown, "run `tools/bench readme`"


def _run_of(*rows, guest=None):
    about = json.loads(readme.KEPT.read_text())["about"] | ({"guest": guest} if guest else {})
    return {"about": about, "alloc_failures": 0, "rows": [_row_of([6], [theirs]) | more for theirs, more in rows]}


def test_readme_explains_the_rows_that_missed_their_bar_alone():
    run = _run_of((3, {"row": "tcp-in-1"}), (3, {"row": "tcp-in-1", "offloads": "off"}), (2, {"row": "tcp-out-1"}))
    notes = "# Head\n\n## tcp-in-1, offloads off\n\nCopies\ncost.\n\n## tcp-out-1\n\nWas met.\n"
    shown = readme.section(run, notes)
    assert shown.endswith("\n**Title, offloads off**: Copies cost.\n") and "Was met" not in shown
    for wrong in ("# Head\n\n## tcp-sideways\n\nText.\n", "# Head\n\n## tcp-in-1\n\n## tcp-out-1\n\nText.\n"):
        with pytest.raises(Error, match="bench-notes.md"):
            readme.section(run, wrong)


def test_readme_names_what_was_not_measured():
    run = _run_of(*((2, {"row": row.name}) for row in ROWS if row.name != "raw-in"))
    run["ceiling"] = []
    absent = readme.missing(run)
    assert "60-byte frames received" in absent and "boot to first ping" in absent
    assert "TCP both ways, sum, offloads off" in absent and "TCP both ways, sum" not in absent
    assert "64 KiB segments sent by a guest that does only ring work" in absent
    run["ceiling"] = [{"mode": "tso"}]
    assert len(readme.missing(run)) == len(absent) - 1


def test_readme_says_which_guest_was_measured():
    assert "Antifreeze 1a2b3c; " in readme.section(_run_of((2, {"row": "ping"}), guest={"commit": "1a2b3c", "dirty": False}), "")
    assert "Antifreeze 1a2b3c, with changes; " in readme.section(
        _run_of((2, {"row": "ping"}), guest={"commit": "1a2b3c", "dirty": True}), ""
    )


def test_report_knows_the_guests_commit(tmp_path):
    def git(*words):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    assert report.guest_version(tmp_path / "none") == {"commit": None, "dirty": None}
    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "one")
    git("tag", "v7")
    assert report.guest_version(tmp_path) == {"commit": "v7", "dirty": False}
    (tmp_path / "file").write_text("2")
    assert report.guest_version(tmp_path) == {"commit": "v7", "dirty": True}


@pytest.mark.parametrize("words", [["--pairs", "0"], ["--seconds", "0"]])
def test_none_at_all_is_refused(words, tmp_path):
    words = [sys.executable, TOP / "tools" / "bench", "readme", "--out", tmp_path, *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "at least 1" in done.stderr


# ---- with guests --------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.limit(400)
def test_short_look_has_both_guests_and_their_ratio(request, log_dir):
    ratios = request.getfixturevalue("figures")
    if world.why_no_taps():
        pytest.skip(world.why_no_taps())
    if not packages.fetched():
        pytest.skip("the Linux guest's packages could not be fetched")
    rows = "tcp-in-1,tcp-out-1,udp-in-18,raw-in,raw-out,ping-p99,tcp-rr,ceiling,boot"
    words = ["quick", "--rows", rows, "--pairs", "1", "--seconds", "1", "--offloads", "on", "--out", str(log_dir)]
    done = subprocess.run(
        [sys.executable, TOP / "tools" / "bench", *words], capture_output=True, text=True, timeout=380, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads((log_dir / "bench.json").read_text())
    assert {row["row"] for row in said["rows"]} == set(rows.split(",")) - {"ceiling"}
    assert {entry["mode"] for entry in said["ceiling"]} == {"60", "1514", "tso", "rx"}
    for row in said["rows"]:
        assert row["antifreeze"]["median"] > 0 and row["linux"]["median"] > 0, row
        ratios[row["row"]] = round(row["ratio"]["median"], 2)
    assert said["alloc_failures"] == 0
    assert (log_dir / "bench.svg").read_text().startswith("<?xml")
