# SPDX-License-Identifier: BSD-3-Clause
"""The report of a soak, from its folder's records.ndjson alone: verdict.json, junit.xml and index.html.

A soak that was killed has one as well, of what it had written down until then.
"""

import json
import pathlib
import xml.etree.ElementTree as xml

from . import log, page
from .judge import Judge
from .story import Story


def write(folder, limits=None):
    """Writes the three files; the verdict."""
    folder = pathlib.Path(folder)
    story = Story()
    judge = Judge(limits, watchers=[story])
    for record in log.read(folder):
        judge.feed(record)
    verdict = judge.verdict()
    (folder / "verdict.json").write_text(json.dumps(verdict | {"begin": story.begin}, indent=1) + "\n", encoding="utf-8")
    (folder / "junit.xml").write_bytes(junit(verdict))
    (folder / "index.html").write_text(page.make(verdict, story), encoding="utf-8")
    return verdict


def junit(verdict):
    """The criteria as test cases."""
    counts = {"tests": len(verdict["criteria"]), "failures": 0, "skipped": 0}
    suite = xml.Element("testsuite", name="soak", time=str(verdict["seconds"]))
    for one in verdict["criteria"]:
        case = xml.SubElement(suite, "testcase", classname="soak", name=one["name"])
        said = f"{one['value']} {one['unit']}, limit {one['sign']} {one['limit']}: {one['why']}"
        if one["ok"] is None:
            counts["skipped"] += 1
            xml.SubElement(case, "skipped", message=one["why"])
        elif not one["ok"]:
            counts["failures"] += 1
            xml.SubElement(case, "failure", message=said).text = one["reason"]
        else:
            xml.SubElement(case, "system-out").text = said
    suite.attrib.update({name: str(count) for name, count in counts.items()})
    return xml.tostring(suite, encoding="utf-8", xml_declaration=True) + b"\n"
