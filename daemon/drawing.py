"""The only user of matplotlib: charts to PNG, in a process of its own, started by its path (docs/decisions/0019).

It imports nothing of ours, opens nothing and asks nobody: a chart comes in as a line of JSON (the fields of
``daemon.chart.Chart``), and goes out as the length of a PNG (4 bytes, the highest first) and the PNG; the length is 0
where it cannot be drawn.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

WIDTH, HEIGHT, DPI = 800, 360, 100
TWO_PIXELS = 2 * 72 / DPI
FONT = Path(__file__).parent / "fonts" / "DroidSansFallback-subset.ttf"
"""Latin is drawn with matplotlib's own font; this one has 3,755 Chinese characters, and those of our words."""

GRID, INK, CURVE, BAND = "#d8dce2", "#3a4350", "#1f6fb4", "#7fb77e"
LINES = {"info": "#6b7280", "warning": "#d99100", "high": "#d4520f", "critical": "#b00020"}


def main() -> None:
    """Draw until there is nothing more to be drawn."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no picture
    for line in sys.stdin.buffer:
        try:
            png = draw(json.loads(line))
        except Exception:  # noqa: BLE001 - whatever it was, the next chart has its turn
            png = b""
        out.write(struct.pack(">I", len(png)) + png)
        out.flush()


def draw(chart: dict[str, Any]) -> bytes:
    """A PNG of 800 x 360."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.71))
    _frame(axes, chart)
    if chart["band"]:
        times, low, high = zip(*chart["band"], strict=True)
        axes.fill_between(times, low, high, color=BAND, alpha=0.35, linewidth=0)
    times, values = zip(*chart["points"], strict=True)
    known = [math.nan if value is None else value for value in values]
    axes.plot(times, known, color=CURVE, linewidth=TWO_PIXELS, drawstyle="steps-post", solid_capstyle="butt")
    for label, value, severity in chart["lines"]:
        axes.axhline(value, color=LINES[severity], linewidth=TWO_PIXELS, linestyle=(0, (6, 3)), snap=True)
        near = axes.get_yaxis_transform()
        axes.text(0.008, value, _drawable(label), color=LINES[severity], fontsize=8, va="bottom", transform=near)
    for moment_s in chart["moments"]:
        axes.axvline(moment_s, color=LINES["critical"], linewidth=TWO_PIXELS, linestyle=":", snap=True)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _frame(axes: Axes, chart: dict[str, Any]) -> None:
    axes.set_xlim(*chart["span"])
    axes.set_ylim(*chart["range"])
    for axis, ticks in ((axes.xaxis, chart["x_ticks"]), (axes.yaxis, chart["y_ticks"])):
        axis.set_ticks([at for at, _ in ticks], [_drawable(text) for _, text in ticks], fontsize=8, color=INK)
    axes.set_title(_drawable(chart["title"]), fontsize=10, color=INK, loc="left")
    axes.set_xlabel(_drawable(chart["below"]), fontsize=8, color=INK)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_color(GRID)


def _drawable(text: str) -> str:
    """Without what no font has: a box says nothing."""
    return "".join(each for each in text if ord(each) in _CHARACTERS)


def _characters(fonts: Sequence[str]) -> Iterator[int]:
    for font in fonts:
        yield from FT2Font(font).get_charmap()


font_manager.fontManager.addfont(FONT)
mpl.rcParams["font.family"] = ["DejaVu Sans", font_manager.FontProperties(fname=FONT).get_name()]
mpl.rcParams["text.parse_math"] = False  # a name may have two dollars
_CHARACTERS = frozenset(_characters([font_manager.findfont("DejaVu Sans"), str(FONT)])) - {10, 13}

if __name__ == "__main__":
    main()
