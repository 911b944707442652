# SPDX-License-Identifier: BSD-3-Clause
"""The certificate of a soak's generator: its figures, and where they say that the instrument is worse than its criteria.
(That it is measured before each soak is test_soak.py's.)"""

import json
import struct

import pytest
import soakrecords as records

from antifreeze import Error
from antifreeze.soak import certificate, cli, criteria, log, report

PPS = 1000
FRAME = b"\xff" * 12 + b"\x08\x00" + b"\x45" + b"\0" * 8 + b"\x11" + b"\0" * 12 + struct.pack(">H", 8862) + b"\0" * 10


def capture(packets, endian="<", magic=0xA1B2C3D4):
    """A file as QEMU writes it, of (ns, frame)."""
    unit = 1000 if magic == 0xA1B2C3D4 else 1
    parts = [struct.pack(endian + "IHHiIII", magic, 2, 4, 0, 0, 64, 1)]
    for ns, frame in packets:
        parts.append(struct.pack(endian + "IIII", ns // 10**9, ns % 10**9 // unit, len(frame), 1514) + frame)
    return b"".join(parts)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_departures_are_those_of_test_frames(endian, magic):
    arp = b"\xff" * 12 + b"\x08\x06" + b"\0" * 46
    other = FRAME.replace(struct.pack(">H", 8862), struct.pack(">H", 53))
    packets = [(5 * 10**9, arp), (5 * 10**9 + 1000, FRAME), (6 * 10**9 + 2000, other), (7 * 10**9 + 3000, FRAME)]
    assert list(certificate.departures(capture(packets, endian, magic))) == [5 * 10**9 + 1000, 7 * 10**9 + 3000]
    assert len(certificate.departures(capture(packets, endian, magic)[:-3])) == 2  # a torn end


def test_no_capture_is_an_error():
    with pytest.raises(Error, match="no capture"):
        certificate.departures(b"")


def result(**more):
    delay = {"min_us": 20.5, "p50_us": 40.0, "p99_us": 90.0, "max_us": 200.0}
    return {"intended": 1000, "offered": 1000, "received": 1000, "lost": 0, "duplicate": 0, "corrupt": 0, "gap_max_us": 1100, "delay": delay} | more


def every(ms, count=1000, pause=0):
    """ns of frames so many ms apart, one of them so much later."""
    return [round(1e6 * (k * ms + (pause if k >= count // 2 else 0))) for k in range(count)]


def test_gap_is_the_longest_of_all_that_saw_one():
    assert certificate.figures(PPS, 1, result(), 0, every(1, pause=40))["gap_ms"] == 41
    assert certificate.figures(PPS, 1, result(gap_max_us=60000), 0, every(1, pause=40))["gap_ms"] == 60
    assert certificate.figures(PPS, 1, result(), 70000, every(1, pause=40))["gap_ms"] == 70


def test_pacing_is_how_far_frames_are_from_their_slots():
    exact = certificate.figures(PPS, 1, result(), 0, every(1))
    assert exact["pacing_error_us"] == {"p50": 0, "p99": 0}
    uneven = certificate.figures(PPS, 1, result(), 0, sorted(every(2, 500) + [ns + 300000 for ns in every(2, 500)]))
    assert uneven["pacing_error_us"] == {"p50": 700, "p99": 700}


def test_what_was_not_sent_and_what_was_lost_are_shares():
    one = certificate.figures(PPS, 1, result(offered=900, received=891, lost=9), 0, every(1))
    assert (one["rate_error"], one["loss_ratio"]) == (0.1, 0.01)
    with pytest.raises(Error, match="1 frames"):
        certificate.figures(PPS, 1, result(), 0, [5])
    with pytest.raises(Error, match="of 1000 frames of the generator none"):
        certificate.figures(PPS, 1, result(received=0, lost=1000), 0, every(1))


def test_lengths():
    assert [certificate.length(seconds) for seconds in (10, 30, 300, 1799, 1800, 86400)] == [1, 3, 5, 5, 60, 60]


def certified(**more):
    return certificate.figures(PPS, 1, result(**more), 0, every(1))


def test_a_good_instrument_is_not_worse_than_any_criterion():
    assert certificate.worse(certified(), criteria.load()) == {}


@pytest.mark.parametrize("name,more", [("gap_ms", {"gap_max_us": 251000}), ("loss_ratio", {"lost": 1}), ("offered_error", {"offered": 990}),
                                       ("duplicates", {"duplicate": 1}), ("corrupt", {"corrupt": 2})])
def test_an_instrument_that_is_worse_is_told_by_the_criterion(name, more):
    assert list(certificate.worse(certified(**more), criteria.load())) == [name]


def judged(tmp_path, certificate_of, change=lambda record: record):
    """(verdict, page) of good records with this certificate."""
    stream = list(records.good(300))
    stream[1:1] = [
        {"t": 0.0, "src": "soak", "what": "load", "pps": PPS, "words": "so many, of <what> was measured"},
        {"t": 0.0, "src": "soak", "what": "certificate"} | certificate_of,
    ]
    (tmp_path / log.NAME).write_text("".join(json.dumps(change(record)) + "\n" for record in stream))
    return report.write(tmp_path), (tmp_path / "index.html").read_text()


def test_certificate_and_load_are_in_every_form_of_the_report(tmp_path):
    verdict, page = judged(tmp_path, certified())
    assert verdict["status"] == "PASS" and verdict["noise"] == []
    saved = json.loads((tmp_path / "verdict.json").read_text())
    assert saved["certificate"] == certified() and saved["load"]["pps"] == PPS
    first_screen = page[: page.index("<h2>")]
    assert "the generator alone at 1000 frames/s" in first_screen and "so many, of &lt;what&gt; was measured" in first_screen
    assert "own noise" not in page and "noise" not in cli._line(verdict, tmp_path)


def test_noise_of_the_instrument_is_in_the_verdicts_words_and_excuses_nothing(tmp_path):
    def silent(record):
        return record | {"gap_ms": 300, "gap_at": 149.9} if record["src"] == "probe" and int(record["t"]) == 150 else record

    verdict, page = judged(tmp_path, certified(gap_max_us=400000), silent)
    [gap] = [one for one in verdict["criteria"] if one["ok"] is False]
    assert (gap["name"], verdict["status"], verdict["noise"]) == ("gap_ms", "FAIL", ["gap_ms"])
    assert gap["why"].endswith("the instrument's own noise: the generator alone has 400 ms, limit ≤ 250")
    assert "the instrument's own noise is over the limit of gap_ms" in cli._line(verdict, tmp_path)
    assert "own noise is over the limit of gap_ms" in page[: page.index("<h2>")]
    assert "own noise" in (tmp_path / "junit.xml").read_text()


# A QEMU that cannot join two NICs, or not write down when frames leave.
LACKING = """\
#!/bin/sh
case "$*" in *filter-dump*) echo "qemu: invalid object type: filter-dump" >&2; exit 1;; esac
exec qemu-system-x86_64 "$@"
"""


def test_certificate_that_cannot_be_made_is_told_and_the_soak_goes_on(tmp_path, monkeypatch):
    program = tmp_path / "qemu"
    program.write_text(LACKING)
    program.chmod(0o755)
    monkeypatch.setenv("QEMU", str(program))
    made = certificate.make(tmp_path / "certificate", PPS, 1)
    assert made["failed"].endswith("QEMU said: qemu: invalid object type: filter-dump") and made["rate_pps"] == PPS
    verdict, page = judged(tmp_path, made)
    assert verdict["status"] == "PASS" and verdict["noise"] == [] and verdict["certificate"]["failed"] == made["failed"]
    assert "<p class=\"soft\">No certificate: " in page[: page.index("<h2>")]


def test_capture_that_was_not_written_is_no_certificate(tmp_path, monkeypatch):
    class Guest:
        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def wait(self, *_):
            pass

        def wait_exit(self, *_):
            pass

        def find(self, event):
            return [{"result": result(job="flood-1", end="done"), "stats": {"gap_max_us": {"late": 0}}}[event]]

    monkeypatch.setattr(certificate.net, "NetGuest", Guest)
    assert certificate.make(tmp_path, PPS, 1)["failed"].startswith("QEMU wrote no capture of the generator's frames: ")


def test_records_without_a_certificate_have_a_report(tmp_path):
    (tmp_path / log.NAME).write_text("".join(json.dumps(record) + "\n" for record in records.good(30)))
    verdict = report.write(tmp_path)
    assert (verdict["certificate"], verdict["load"], verdict["noise"]) == (None, None, [])
