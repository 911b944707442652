# SPDX-License-Identifier: BSD-3-Clause
"""A soak's report, made from its records alone."""

import json
import re
import xml.etree.ElementTree as xml

import pytest
import soakrecords as records

from antifreeze import Error, gnuplot
from antifreeze.soak import page, pictures, report


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """(folder, verdict, page) of a good soak of ten minutes."""
    folder = records.folder_with(tmp_path_factory.mktemp("good"), records.lines_of(records.good(600)))
    verdict = report.write(folder)
    return folder, verdict, (folder / "index.html").read_text()


def bad(record):
    """A failed allocation and silence, in a guest whose panic says what a page must not believe."""
    if records.is_stats(record) and 100 < record["t"] < 120:
        return record | {"record": record["record"] | {"alloc_failures": 3}}
    if record["src"] == "traffic" and int(record["t"]) == 150:
        return record | {"bytes": 0, "name": "<script>alert(1)</script>"}
    return record


def test_report_is_the_verdict_in_three_forms(good):
    folder, verdict, html = good
    assert verdict["status"] == "PASS"
    saved = json.loads((folder / "verdict.json").read_text())
    assert {key: saved[key] for key in verdict} == verdict
    assert saved["begin"]["seed"] == 1
    suite = xml.parse(folder / "junit.xml").getroot()
    assert (int(suite.get("tests")), int(suite.get("failures"))) == (len(verdict["criteria"]), 0)
    assert int(suite.get("skipped")) == len(verdict["not_judged"]) == len(suite.findall("testcase/skipped"))
    assert html.index("<b>PASS</b>") < html.index("<svg") < html.index("<h2>Criteria</h2>")


def test_page_needs_nothing_else(good):
    html = good[2]
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", html)
    assert "@import" not in html and "url(" not in html and "<script" not in html


def test_page_has_what_a_reader_looks_for(good):
    html = good[2]
    for word in ("qemu-system-x86_64 -M q35", "7.2", "Throughput", "Longest silence", "Round trip", "Ring occupancy", "Frames dropped", "The host beside it",
                 "lwip.TCP_SEG", "into the guest", "out of the guest", "Mbit/s", "time since the begin, min"):  # fmt: skip
        assert word in html, word
    assert html.count('<div class="bar">') == 2
    for criterion in good[1]["criteria"]:
        assert criterion["name"] in html


def test_faults_are_bands_in_every_picture_and_rows_of_a_table(good):
    html = good[2]
    pictures_of_faults = html.count("<svg") - 1  # the clock ticks have none
    bands = len(re.findall(r"fill = 'rgb\(204, 136, +0\)'", html))
    assert bands == len(records.faults(600)) * pictures_of_faults and pictures_of_faults >= 5
    assert html.count('<td class="">fault1</td>') == len(records.faults(600))


def test_what_failed_stands_on_top_with_its_evidence(tmp_path):
    folder = records.folder_with(tmp_path, records.lines_of(map(bad, records.good(300))))
    verdict = report.write(folder)
    html = (folder / "index.html").read_text()
    assert verdict["status"] == "FAIL"
    findings = re.findall(r'<div class="finding">.*?</div>', html, re.S)
    assert [re.search("<b>(.*?)</b>", one)[1] for one in findings] == ["alloc_failures", "zero_seconds"]
    assert "first at 100.8 s" in findings[0] and html.index(findings[1]) < html.index("<svg")
    assert "<script" not in html and "&lt;script&gt;" in findings[1]
    failures = xml.parse(folder / "junit.xml").getroot().findall("testcase/failure")
    assert len(failures) == 2 and "100.8" in failures[0].get("message")


def test_a_killed_soak_has_a_report_of_what_it_saw(tmp_path):
    text = records.lines_of(records.good(300))
    folder = records.folder_with(tmp_path, text[: len(text) // 2 + 7])
    verdict = report.write(folder)
    assert verdict["status"] == "INCOMPLETE"
    assert 100 < verdict["seconds"] < 200
    html = (folder / "index.html").read_text()
    assert "<b>INCOMPLETE</b>" in html and "the records end in the middle" in html and "<svg" in html


@pytest.mark.parametrize("text", ["", '{"t": 0.0, "src": "so', records.lines_of(list(records.good(30))[:1])])
def test_a_soak_that_hardly_began_has_a_report(tmp_path, text):
    assert report.write(records.folder_with(tmp_path, text))["status"] == "INCOMPLETE"
    assert "Nothing told of it" in (tmp_path / "index.html").read_text()


def test_no_records_are_no_report(tmp_path):
    with pytest.raises(OSError):
        report.write(tmp_path)


def test_pictures_have_as_many_points_for_a_day(good):
    """A soak of a day is not drawn second by second."""
    curves = re.findall(r"<path stroke='rgb\( 68, 119, 170\)'[^>]* d='([^']*)'", good[2])
    assert curves
    assert max(len(re.findall(r"[\d.]+,[\d.]+", curve)) for curve in curves) <= 480


def test_time_has_the_unit_that_fits():
    assert [pictures.unit_of(seconds)[0] for seconds in (30, 300, 1800, 6 * 3600)] == ["s", "min", "min", "h"]


def test_numbers_are_short_and_never_nothing():
    assert [page.number(value) for value in (None, 0, 3, 2.0, 1e-7, 0.12345, 1234567.8)] == ["–", "0", "3", "2", "1e-07", "0.1235", "1.235e+06"]
    assert [page.clock(seconds) for seconds in (5, 65, 3600 * 25 + 61)] == ["0:05", "1:05", "25:01:01"]


def test_gnuplot_says_what_it_cannot_draw():
    with pytest.raises(Error, match="gnuplot: "):
        gnuplot.run("nonsense")


@pytest.mark.parametrize("logarithmic", [False, True])
def test_few_points_are_a_picture_too(logarithmic):
    for points in ([(1, 0)], [(2.5, 10)], [(0, 0), (1, 0)]):
        assert "<svg" in pictures.lines("figures", [("one", points)], 2, logarithmic=logarithmic)


def test_no_line_leads_through_a_time_of_which_nothing_is_told():
    there = [(t, 5) for t in (1, 2, 3, 5, 6, 20, 21)]  # one is missing at 4: the line goes on
    [curve] = re.findall(r"<path stroke='rgb\( 68, 119, 170\)' +d='([^']*)'", pictures.lines("figures", [("one", there)], 30))
    key, *parts = curve.split("M")[1:]
    assert [part.count(",") for part in parts] == [5, 2]


@pytest.mark.parametrize("curves", [1, 8, 9, 12, 40])
def test_every_curve_has_its_name_in_the_picture(curves):
    svg = pictures.lines("figures", [(f"name {k} of some length", [(0, k), (1, k)]) for k in range(curves)], 2)
    assert svg.count("<text>name") == curves
