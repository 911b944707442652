# SPDX-License-Identifier: BSD-3-Clause
"""The pictures of a soak's report, drawn by gnuplot: figures over time, all with the same axis and the faults as bands.

Colours can be told from each other by those who see no red or green, and from light and dark paper: the page
says what colour its text is (page.py), and gnuplot's black is taken away.
"""

import re

from .. import gnuplot

COLOURS = ("#4477aa", "#ee7733", "#228833", "#cc3377", "#009988", "#aa8800", "#8866cc", "#777777")
WIDTH, HEIGHT = 960, 230
AXIS, NAME = 90, 17  # of its height, below the curves and for each one's name; those for which there is no room gnuplot leaves out
HOLE = 3  # times as far apart as points of a curve are

_SCRIPT = """
set terminal svg size {width},{height} dynamic font "sans-serif,13"
set lmargin at screen 0.085
set rmargin at screen 0.80
set tmargin 1
set bmargin 3.5
set border 3 lc rgb "#888888"
set tics nomirror out
set grid ytics lc rgb "#888888" dt 3
set key at screen 0.815,0.93 left top Left reverse samplen 1.2 font ",11" noenhanced
set xrange [0:{last}]
set yrange {yrange}
set xlabel "time since the begin, {unit}" offset 0,0.4
set label "{title}" at screen 0.014,graph 0.5 center rotate noenhanced
{scale}
{bands}
{blocks}
plot {plots}
"""


def unit_of(seconds):
    """(what the time axis counts, how many seconds that is)"""
    for name, factor in (("h", 3600), ("min", 60)):
        if seconds >= 3 * factor:
            return name, factor
    return "s", 1


def lines(title, curves, seconds, faults=(), logarithmic=False):
    """An SVG for use in a page; "" if there is nothing to draw. curves: [(name, [(t, value)])]; faults: [(begin,
    end, or None while it is not known)]."""
    curves = [(name, [point for point in points if point[1] is not None]) for name, points in curves]
    curves = [(name, points) for name, points in curves if points]
    if not curves:
        return ""
    seconds = max(seconds, *(t for _, points in curves for t, _ in points))  # a mean stands in the middle of its time
    unit, factor = unit_of(seconds)
    bands = [
        f'set object rectangle from {begin / factor:.6g},graph 0 to {(end or seconds) / factor:.6g},graph 1 '
        'behind fc rgb "#cc8800" fs transparent solid 0.25 noborder'
        for begin, end in faults
    ]  # fmt: skip
    blocks, plots = [], []
    for number, (name, points) in enumerate(curves):
        data = "\n".join(_data(points, factor))
        blocks.append(f"$c{number} << END\n{data}\nEND")
        round_, colour = divmod(number, len(COLOURS))  # more than can be told by colour are dashed
        style = f"lines lw 1.6 dt {round_ + 1}" if len(points) > 1 else "points pt 7 ps 0.5"
        plots.append(f'$c{number} using 1:2 with {style} lc rgb "{COLOURS[colour]}" title "{name}"')
    values = [value for _, points in curves for _, value in points]
    least, room = min(values), "*" if max(values) > 0 else "1"  # gnuplot has no axis from 0 to 0
    svg = gnuplot.run(_SCRIPT.format(
        width=WIDTH, height=max(HEIGHT, AXIS + NAME * len(curves)), last=f"{seconds / factor:.6g}", unit=unit, title=title, bands="\n".join(bands), blocks="\n".join(blocks),
        plots=", ".join(plots), scale="set logscale y" if logarithmic and least > 0 else "", yrange="[*:*]" if logarithmic and least > 0 else f"[0:{room}]",
    ))  # fmt: skip
    return _inline(svg, title)


def _data(points, factor):
    """gnuplot's lines of them; an empty one, where it lifts its pen, in a time of which nothing is told."""
    times = [t for t, _ in points]
    steps = sorted(later - t for t, later in zip(times, times[1:]))
    usual = steps[len(steps) // 2] if steps else 0
    for before, (t, value) in zip([times[0], *times], points):
        if t - before > HOLE * usual:
            yield ""
        yield f"{t / factor:.6g} {value:.6g}"


def _inline(svg, title):
    """Without what belongs to a file of its own, and with colours that follow the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<title>.*?</title>\s*<desc>.*?</desc>", "", svg, flags=re.S)
    svg = svg.replace('color="black"', 'color="currentColor"').replace('fill="black"', 'fill="currentColor"')
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1).strip()
