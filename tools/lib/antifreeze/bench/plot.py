# SPDX-License-Identifier: BSD-3-Clause
"""The ratios of a run as a picture: how many times as good as Linux, a bar for each row, drawn by gnuplot."""

from .. import gnuplot

_SCRIPT = """
set terminal svg size 900,{height} font "sans-serif,13" background "white"
set output "{path}"
set title "{title}" noenhanced
set datafile separator "\\t"
set logscale x 2
set xlabel "times as good as Linux (median of the pairs, least and most)"
set xrange [{low}:{high}]
set yrange [-{last}.6:0.6]
set grid xtics
set style fill solid 0.8
set border 1
set ytics nomirror noenhanced
set xtics nomirror
set arrow from 1,graph 0 to 1,graph 1 nohead lw 2 lc rgb "#555555"
unset key
$rows << END
{data}
END
plot $rows using 2:(-$0):(1):2:(-$0-0.32):(-$0+0.32):ytic(1) with boxxyerror lc rgb "#4477aa", \\
     $rows using 2:(-$0):3:4 with xerrorbars lc rgb "#222222" pt 7 ps 0.4, \\
     $rows using 5:(-$0) with points pt 2 ps 1.2 lw 2 lc rgb "#cc3311"
"""


_LEAST = 0.01  # a ratio of 0 has no place on a logarithmic scale


def better(row):
    """(median, worst, best) of how many times as good our guest was: where less is better, the ratio upside down."""
    figures = [max(row["ratio"][name], _LEAST) for name in ("median", "min", "max")]
    return tuple(figures) if row["more_is_better"] else (1 / figures[0], 1 / figures[2], 1 / figures[1])


def script(rows, title, path):
    """What gnuplot is told. The cross in each bar is what is aimed at."""
    lines, values = [], []
    for row in rows:
        figures = better(row)
        bar = row["bar"] and (row["bar"] if row["more_is_better"] else 1 / row["bar"])
        name = row["title"] + ("" if row["offloads"] == "on" else ", offloads off")
        lines.append("\t".join([name, *(f"{value:.4g}" for value in figures), f"{bar:.4g}" if bar else "?"]))
        values += [*figures, bar or 1]
    return _SCRIPT.format(
        path=path, title=title, data="\n".join(lines), last=len(rows) - 1, height=110 + 28 * len(rows),
        low=min(0.5, min(values) / 1.1), high=max(2, max(values) * 1.1),
    )  # fmt: skip


def draw(report, path):
    """Writes the SVG; nothing where no row has both guests."""
    rows = [row for row in report["rows"] if "ratio" in row]
    if not rows:
        return False
    text = script(rows, f"Antifreeze against Linux on the same QEMU line, {report['about']['accelerator']}", path)
    gnuplot.run(text)
    return True
