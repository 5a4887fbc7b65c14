"""A line chart with logarithmic axes, as SVG: on a white sheet, so that it reads in dark pages too."""

import dataclasses
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 76, 250, 64, 64
LABEL_GAP = 13
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"
INK, FAINT, GRID = "#1f2328", "#59636e", "#e4e7eb"


@dataclasses.dataclass
class Series:
    """A line: points as (x, y), both greater than 0."""

    name: str
    color: str
    points: list
    dashed: bool = False
    labelled: bool = True


class Scale:
    """Where a value is on an axis: its logarithm, between two powers of ten or parts of them."""

    def __init__(self, values, start, end):
        self.low, self.high = 10 ** math.floor(low_exponent(values)), 10 ** math.ceil(high_exponent(values))
        self.start, self.end = start, end

    def place(self, value):
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self):
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [10.0**exponent for exponent in range(first, last + 1)]


def low_exponent(values):
    return math.log10(min(values)) + 1e-9


def high_exponent(values):
    """At least one more than the lowest, so that there is an axis for a single value."""
    return max(math.log10(max(values)) - 1e-9, math.floor(low_exponent(values)) + 1)


def element(name, content=None, **attributes):
    shown = "".join(f' {key.replace("_", "-")}="{number(value)}"' for key, value in attributes.items())
    return f"<{name}{shown}/>" if content is None else f"<{name}{shown}>{content}</{name}>"


def number(value):
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def label(content, x, y, size=12, fill=INK, **attributes):
    return element("text", escape(content), x=float(x), y=float(y), font_size=size, fill=fill, **attributes)


def chart(title, subtitle, x_title, y_title, series, x_text, y_text, point_text):
    """The chart; `x_text` and `y_text` write values of the axes, `point_text` that of a point."""
    points = [point for each in series for point in each.points]
    across = Scale([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = Scale([y for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = [
        element("rect", width=WIDTH, height=HEIGHT, rx=8, fill="#ffffff"),
        label(title, LEFT, 28, size=17, font_weight=600),
        label(subtitle, LEFT, 47, fill=FAINT),
        *axes(across, up, x_title, y_title, x_text, y_text),
        *(line(each, across, up) for each in sorted(series, key=lambda each: not each.dashed)),
        *values(series, across, up, point_text),
        *legend(series),
    ]
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' {FONT}>"
    return "\n".join([head, element("title", escape(title)), *parts, "</svg>"]) + "\n"


def axes(across, up, x_title, y_title, x_text, y_text):
    bottom, right, middle = HEIGHT - BOTTOM, WIDTH - RIGHT, (TOP + HEIGHT - BOTTOM) / 2
    for tick in across.ticks():
        x = across.place(tick)
        yield element("line", x1=x, x2=x, y1=TOP, y2=bottom, stroke=GRID)
        yield label(x_text(tick), x, bottom + 20, fill=FAINT, text_anchor="middle")
    for tick in up.ticks():
        y = up.place(tick)
        yield element("line", x1=LEFT, x2=right, y1=y, y2=y, stroke=GRID)
        yield label(y_text(tick), LEFT - 10, y + 4, fill=FAINT, text_anchor="end")
    yield label(x_title, (LEFT + right) / 2, HEIGHT - 18, text_anchor="middle")
    yield label(y_title, 20, middle, text_anchor="middle", transform=f"rotate(-90 20 {number(middle)})")


def line(series, across, up):
    """The line and its points; a dashed line has hollow points."""
    places = [(across.place(x), up.place(y)) for x, y in sorted(series.points)]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dashes = {"stroke_dasharray": "5 4"} if series.dashed else {}
    parts = [element("path", d=path, fill="none", stroke=series.color, stroke_width=2, **dashes)]
    fill = "#ffffff" if series.dashed else series.color
    parts += [element("circle", cx=x, cy=y, r=4, fill=fill, stroke=series.color, stroke_width=2) for x, y in places]
    return "\n".join(parts)


def values(series, across, up, point_text):
    """The points' values, below at the right, where no rising line is; moved apart where they would cover another."""
    columns = {}
    for each in series:
        for x, y in each.points if each.labelled else ():
            columns.setdefault(x, []).append((up.place(y), point_text(y), each.color))
    for x, column in columns.items():
        for place, text, color in apart(sorted(column)):
            yield label(text, across.place(x) + 7, place + 14, size=11, fill=color, paint_order="stroke",
                        stroke="#ffffff", stroke_width=3)  # fmt: skip


def apart(column):
    """Moves labels, from the top down, so that there is a gap between them, and the whole back to where it was."""
    places = []
    for place, _, _ in column:
        places.append(max(place, places[-1] + LABEL_GAP) if places else place)
    shift = sum(new - old for new, (old, _, _) in zip(places, column, strict=True)) / len(column)
    return [(new - shift, text, color) for new, (_, text, color) in zip(places, column, strict=True)]


def legend(series):
    x, y = WIDTH - RIGHT + 52, TOP + 8
    for each in series:
        dashes = {"stroke_dasharray": "5 4"} if each.dashed else {}
        yield element("line", x1=x - 4, x2=x + 20, y1=y, y2=y, stroke=each.color, stroke_width=2, **dashes)
        fill = "#ffffff" if each.dashed else each.color
        yield element("circle", cx=x + 8, cy=y, r=4, fill=fill, stroke=each.color, stroke_width=2)
        yield label(each.name, x + 26, y + 4)
        y += 22
