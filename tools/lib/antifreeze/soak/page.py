# SPDX-License-Identifier: BSD-3-Clause
"""The page of a soak's report: one file, which needs nothing else and is read in a minute. The verdict comes first, then what
failed and where, then the pictures, then everything else."""

import html

from . import certificate, kinds, pictures

_STYLE = """
:root { --paper: #fff; --ink: #1b1d21; --soft: #5d6470; --line: #d4d8de; --panel: #f5f6f8; --good: #1c7c3c; --bad: #b3261e; --open: #8a5a00;
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e6e8eb; --soft: #a0a8b4; --line: #383d46; --panel: #1f2228; --good: #5fcf86;
  --bad: #ff8a80; --open: #f0b64d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1060px; padding: 20px; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 20px; margin: 0 0 12px; } h2 { font-size: 17px; margin: 30px 0 8px; } h3 { font-size: 14px; margin: 18px 0 2px; color: var(--soft); font-weight: 600; }
.verdict { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; border: 2px solid; border-radius: 8px; padding: 12px 16px; }
.verdict b { font-size: 28px; letter-spacing: .03em; } .verdict span { color: var(--ink); }
.PASS, .ok { color: var(--good); } .FAIL, .failed { color: var(--bad); } .INCOMPLETE, .open { color: var(--open); }
.finding { border-left: 4px solid var(--bad); background: var(--panel); padding: 8px 14px; margin: 10px 0; }
.finding p { margin: 2px 0; } .soft { color: var(--soft); }
.wide { overflow-x: auto; } .wide svg { display: block; min-width: 700px; width: 100%; height: auto; } svg text { fill: currentColor; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } th { text-align: left; color: var(--soft); font-weight: 600; }
td, th { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } .state { white-space: nowrap; font-weight: 600; }
td.why { min-width: 240px; overflow-wrap: anywhere; }
pre { background: var(--panel); padding: 10px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12.5px; }
.bar { background: var(--line); border-radius: 3px; height: 9px; min-width: 110px; margin-top: 6px; } .bar i { display: block; height: 9px; border-radius: 3px; background: #4477aa; }
details summary { cursor: pointer; color: var(--soft); margin: 8px 0; }
"""

_STATES = {True: ("ok", "kept"), False: ("failed", "FAILED"), None: ("open", "not judged")}
_WAYS = {"rx": "into the guest", "tx": "out of the guest", "both": "echoed"}
_HOST = {"cpu_qemu": "CPUs: the guest", "cpu_peers": "CPUs: its peers", "cpu_soak": "CPUs: the soak", "wait_qemu": "the guest waits", "load1": "load of 1 min"}
_PATHS = (*kinds.NICS, kinds.WIRE)
_NOTHING = 0.01  # Mbit/s: where a logarithmic scale shows 0


def text(value):
    return html.escape(str(value))


def number(value):
    """Short, and nothing that is not 0 becomes 0."""
    if value is None:
        return "–"
    if isinstance(value, int) or float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value)}"
    return f"{value:.4g}"


def clock(seconds):
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def make(verdict, story):
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Soak: {verdict['status']}</title><style>{_STYLE}</style></head><body>",
        *_verdict(verdict, story), *_faults(verdict), *_pictures(verdict, story), *_criteria(verdict), *_pools(story), *_run(verdict, story),
        "</body></html>\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _verdict(verdict, story):
    count = {state: sum(one["ok"] is state for one in verdict["criteria"]) for state in _STATES}
    said = f"{clock(verdict['seconds'])} of soak, {count[True]} criteria kept, {count[False]} failed, {count[None]} not judged"
    end = {"done": "it ran its time", "interrupted": "it was interrupted", "broken": "it was ended early: a promise was broken"}.get(verdict["end"], verdict["end"])
    yield "<h1>Antifreeze soak</h1>"
    yield f'<div class="verdict {verdict["status"]}"><b>{verdict["status"]}</b><span>{said};<br>{text(end)}; seed {text(story.begin.get("seed", "not known"))}</span></div>'
    if verdict["load"]:
        yield f'<p class="soft">Load: {text(verdict["load"]["words"])}.</p>'
    if verdict["certificate"]:
        words = certificate.words(verdict["certificate"])
        yield f'<p class="soft">{text(words[0].upper() + words[1:])}.</p>'
    if verdict["noise"]:
        yield f'<p class="open">The instrument\'s own noise is over the limit of {text(", ".join(verdict["noise"]))}: what these say of the guest is doubtful.</p>'
    for one in verdict["criteria"]:
        if one["ok"] is False:
            yield (
                f'<div class="finding"><p><b>{text(one["name"])}</b>: {number(one["value"])} {text(one["unit"])}, limit {one["sign"]} {number(one["limit"])}</p>'
                f'<p>{text(one["why"])}</p><p class="soft">{text(one["reason"])}</p></div>'
            )  # fmt: skip


_ROWS = 40  # of faults that everybody sees
_WORDS = {"took_s": "begun in {} s", "full_pps": "it takes {} frames/s", "offered_pps": "{} offered"}
_RECOVERIES = {True: ("ok", "recovered"), False: ("failed", "TOO LATE")}


def _faults(verdict):
    """The slowest recovery, as a share of its limit, comes first, behind what was not done."""
    faults = sorted(verdict["faults"], key=_share, reverse=True)
    if not faults:
        return
    paths = [path for path in _PATHS if any(path in one["recovery_s"] for one in faults)]
    yield f"<h2>Faults: {len(faults)}</h2><p>{text(_recovered(faults))}</p>"
    head = (("", ""), ("fault", ""), ("done to", ""), ("at", "n"), ("lasted, s", "n"), *((path, "n") for path in paths), ("limit, s", "n"), ("what it did", "why"))
    yield '<p class="soft">Under the names of the paths: seconds from its end until what it silenced moved again, as judged; '
    yield "of how many silent, where the host or a sender's time-out explains a part of them.</p>"
    yield from _table(head, [_fault(one, paths) for one in faults[:_ROWS]])
    if faults[_ROWS:]:
        yield f"<details><summary>the other {len(faults) - _ROWS}</summary>"
        yield from _table(head, [_fault(one, paths) for one in faults[_ROWS:]])
        yield "</details>"


def _share(fault):
    """Of its limit that the slowest recovery took; what was not done or seen is worse than any."""
    if fault["error"]:
        return 2, 0.0
    return (0, max(fault["recovery_s"].values()) / fault["limit_s"]) if fault["recovery_s"] else (1, 0.0)


def _recovered(faults):
    """In one sentence, of faults with the slowest first."""
    late, unseen = (sum(one["ok"] is state and not one["error"] for one in faults) for state in (False, None))
    undone = sum(bool(one["error"]) for one in faults)
    seen = [one for one in faults if one["ok"] is not None]
    said = f"{len(seen) - late} of {len(faults)} recovered in time"
    said += "".join(f", {count} {what}" for count, what in ((late, "too late"), (undone, "could not be done"), (unseen, "were not seen to their end")) if count)
    worst = seen[0] if seen else None
    if worst and not worst["recovery_s"][worst["slowest"]]:
        said += "; nothing was silent behind one that the host or a sender's time-out does not explain"
    elif worst:
        said += f"; nearest to its limit: {worst['name']}, {number(worst['recovery_s'][worst['slowest']])} s on {worst['slowest']}, limit {number(worst['limit_s'])} s"
    return said + "."


def _recovery(fault, path):
    judged, silent = fault["recovery_s"][path], fault["silent_s"][path]
    said = f"<b>{number(judged)}</b>" if path == fault["slowest"] else number(judged)
    return said + (f'<br><span class="soft">of {number(silent)}</span>' if silent > judged else "")


def _fault(fault, paths):
    """Its row."""
    style, state = _RECOVERIES.get(fault["ok"], ("open", "NOT DONE" if fault["error"] else "not seen"))
    did = [fault["error"]] if fault["error"] else []
    did += [f"{name} {value}" for name, value in fault["params"].items()]
    did += [_WORDS.get(name, name + " {}").format(number(value)) for name, value in fault["figures"].items()]
    cells = [_recovery(fault, path) if path in fault["recovery_s"] else "" for path in paths]
    return (
        f'<span class="state {style}">{state}</span>', text(fault["name"]), text(fault["path"] or "all"), clock(fault["at"]),
        "still on" if fault["seconds"] is None else f"{fault['seconds']:.1f}", *cells, number(fault["limit_s"]), text(", ".join(did)),
    )  # fmt: skip


def _picture(heading, svg, nothing):
    yield f"<h3>{heading}</h3>"
    yield f'<div class="wide">{svg}</div>' if svg else f'<p class="soft">{nothing}</p>'


def _pictures(verdict, story):
    seconds = max(verdict["seconds"], 1)
    faults = [(one["at"], one["seconds"] and one["at"] + one["seconds"]) for one in verdict["faults"]]

    def draw(heading, title, curves, nothing="Nothing told of it.", faults=faults, **more):
        return _picture(heading, pictures.lines(title, curves, seconds, faults, **more), nothing)

    def means(table, factor=1.0, names=None):
        return [((names or {}).get(key, key), [(t, cell.mean * factor) for t, cell in buckets.points()]) for key, buckets in sorted(table.items())]

    yield "<h2>Over time</h2>"
    if faults:
        yield '<p class="soft">Shaded: faults that were injected.</p>'
    rates = [(_WAYS.get(way, way), [(t, max(cell.mean / 1e6, _NOTHING)) for t, cell in buckets.points()]) for way, buckets in sorted(story.rates.items())]
    yield from draw(f"Throughput (nothing at all: {_NOTHING})", "Mbit/s", rates, logarithmic=True)
    yield from draw("Longest silence in each window", "ms", [(path, [(t, max(cell.most, 0.01)) for t, cell in buckets.points()]) for path, buckets in
                    sorted(story.gaps.items())], logarithmic=True)  # fmt: skip
    trips = [
        (f"{path} {per_cent} %", [(t, cell.percentile(per_cent) / 1000) for t, cell in buckets.points()])
        for path, buckets in sorted(story.round_trips.items()) for per_cent in (50, 99)
    ]  # fmt: skip
    yield from draw("Round trip of the probe: the time that 50 and 99 of 100 did not exceed", "ms", trips, logarithmic=True)
    yield from draw("Ring occupancy: entries in flight", "%", means(story.rings, 100))
    yield from draw("Frames dropped, by queue and reason", "frames/s", means(story.drops), "No frame was dropped by the guest's queues.")
    yield from draw("The host beside it", "", means(story.host, 1, _HOST))
    pauses = [("latest tick", [(t, cell.most) for t, cell in story.pauses.points()])]
    yield from draw("How late the soak's own clock ticks came: what is 100 ms and more excuses the guest", "ms", pauses, faults=())


def _table(head, rows):
    yield '<div class="wide"><table><tr>' + "".join(f'<th class="{style}">{name}</th>' for name, style in head) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f'<td class="{style}">{cell}</td>' for cell, (_, style) in zip(row, head)) + "</tr>"
    yield "</table></div>"


def _criteria(verdict):
    order = {False: 0, None: 1, True: 2}
    yield "<h2>Criteria</h2>"
    rows = []
    for one in sorted(verdict["criteria"], key=lambda one: order[one["ok"]]):
        style, state = _STATES[one["ok"]]
        why = one["why"].removeprefix("not judged: ")
        rows.append((
            f'<span class="state {style}">{state}</span>', f'<span title="{text(one["reason"])}">{text(one["name"])}</span>', number(one["value"]),
            f"{one['sign']} {number(one['limit'])}", text(one["unit"]), text(why),
        ))  # fmt: skip
    yield from _table((("", ""), ("criterion", ""), ("value", "n"), ("limit", "n"), ("unit", ""), ("what was seen", "why")), rows)


def _pools(story):
    yield "<h2>Pools: the most ever used of their bounds</h2>"
    rows = [
        (text(name), pool["max"], pool["size"], f'<div class="bar"><i style="width:{100 * pool["max"] / pool["size"]:.1f}%"></i></div>', pool["failures"])
        for name, pool in sorted(story.pools.items()) if pool["size"]
    ]  # fmt: skip
    yield from _table((("pool", ""), ("most used", "n"), ("size", "n"), ("share", ""), ("failed", "n")), rows)


def _run(verdict, story):
    begin = story.begin
    yield "<h2>The run</h2>"
    rows = [(text(name), text(value)) for name, value in {"level": begin.get("level", "–"), "seed": begin.get("seed", "–"), "accelerator": begin.get("accelerator", "–"),
            **(begin.get("versions") or {})}.items()]  # fmt: skip
    yield from _table((("", ""), ("", "why")), rows)
    yield f"<h3>QEMU</h3><pre>{text(begin.get('qemu', 'not known'))}</pre>"
    if story.phases:
        said = "\n".join(f"{clock(t):>8}  {name}" for t, name in story.phases)
        yield f"<details><summary>phases of the traffic</summary><pre>{text(said)}</pre></details>"
    yield '<p class="soft">All records are in records.ndjson beside this page, the verdict for programs in verdict.json and junit.xml.</p>'
