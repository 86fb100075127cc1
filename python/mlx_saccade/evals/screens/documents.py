"""The documents that the programs open: made here, so that a screen shows nothing of anybody else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

__all__ = ["FILES", "write_documents"]

FIELDS: Final = ("Full name", "E-mail address", "Street", "Postal code", "City", "Telephone")
CITIES: Final = ("Aarhus", "Bergen", "Cork", "Delft", "Evora", "Fribourg", "Ghent", "Husum", "Ivrea", "Jena")
MONTHS: Final = ("January", "February", "March", "April", "May", "June")

_STYLE: Final = """
body { margin: 0; font-family: sans-serif; font-size: 20px; color: #222; background: #f6f6f4 }
header, footer { background: #29435c; color: white; padding: 24px 40px }
nav a { color: white; margin-right: 40px }
main { display: flex; gap: 40px; padding: 40px }
section, aside, form { background: white; border: 1px solid #ccc; padding: 30px }
section { flex: 3 } aside { flex: 1 } form { flex: 2 }
label { display: block; margin: 18px 0 6px }
input[type=text], select { width: 90%; font-size: 20px; padding: 8px }
table { border-collapse: collapse; width: 100% } td, th { border: 1px solid #bbb; padding: 10px 16px; text-align: left }
button { font-size: 22px; padding: 14px 30px; margin: 20px 20px 0 0 }
.tile { display: inline-block; width: 40%; margin: 2%; padding: 50px 20px; background: #dde6ee; text-align: center }
"""
_TEXT: Final = (
    "The harbor opens at six. Boats that carry fish come first, and boats that carry people wait behind the pier. "
    "A lamp on the tower shows green when the water is high enough for the large ones."
)


def _page(title: str, body: str) -> str:
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in ("Home", "Timetable", "Tickets", "Contact"))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<header><h1>{title}</h1><nav aria-label='Main navigation'>{links}</nav></header>{body}"
        f"<footer aria-label='Page footer'>Harbor office, pier 4</footer></html>"
    )


def _form_page() -> str:
    fields = "".join(f"<label for=f{i}>{name}</label><input type=text id=f{i}>" for i, name in enumerate(FIELDS))
    boxes = "".join(
        f"<label><input type=checkbox> {name}</label>" for name in ("Bring a bicycle", "Need a ramp", "Send the news")
    )
    cities = "".join(f"<option>{city}</option>" for city in CITIES)
    form = (
        f"<form aria-label='Booking form'><h2>Book a place</h2>{fields}<label for=c>Destination</label>"
        f"<select id=c>{cities}</select>{boxes}<button type=button>Book now</button>"
        "<button type=button>Clear the form</button></form>"
    )
    aside = f"<aside aria-label='Opening hours'><h2>Opening hours</h2><p>{_TEXT}</p></aside>"
    return _page(
        "Harbor booking", f"<main>{form}<section aria-label='News'><h2>News</h2><p>{_TEXT}</p></section>{aside}</main>"
    )


def _table_page() -> str:
    head = "".join(f"<th>{name}</th>" for name in ("Destination", "Departs", "Arrives", "Pier", "Price"))
    rows = "".join(
        f"<tr><td>{city}</td><td>{6 + i}:15</td><td>{9 + i}:{10 + 4 * i}</td><td>{1 + i % 4}</td>"
        f"<td>{18 + 3 * i}.50</td></tr>"
        for i, city in enumerate(CITIES)
    )
    tiles = "".join(f"<a class=tile href='#{city}'>Map of {city}</a>" for city in CITIES[:6])
    table = f"<section aria-label='Departures'><h2>Departures</h2><table>{head}{rows}</table></section>"
    return _page("Harbor timetable", f"<main>{table}<aside aria-label='Maps'><h2>Maps</h2>{tiles}</aside></main>")


def _csv() -> str:
    head = "Destination," + ",".join(MONTHS)
    rows = [f"{city}," + ",".join(str(37 * (i + 3) * (j + 2) % 400) for j in range(6)) for i, city in enumerate(CITIES)]
    return "\n".join([head, *rows, ""])


def _svg() -> str:
    shapes = "".join(
        f'<rect id="tile{i}" x="{20 + 60 * i}" y="{30 + 25 * i}" width="50" height="40" fill="{color}"/>'
        for i, color in enumerate(("#4477aa", "#ee6677", "#228833", "#ccbb44"))
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200" viewBox="0 0 300 200">{shapes}</svg>'


def _pdf() -> bytes:
    """Return two pages of text, with the table of offsets that a PDF ends with."""
    pages = []
    for number in (1, 2):
        lines = [f"Harbor report, page {number}", *(f"{city}: {90 + 7 * i} boats" for i, city in enumerate(CITIES))]
        shown = " ".join(f"({line}) Tj 0 -28 Td" for line in lines)
        pages.append(f"BT /F 20 Tf 72 760 Td {shown} ET")
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[4 0 R 6 0 R]/Count 2>>"]
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for place, page in zip((4, 6), pages, strict=True):
        font = "<</Font<</F 3 0 R>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources{font}/Contents {place + 1} 0 R>>")
        objects.append(f"<</Length {len(page)}>>stream\n{page}\nendstream")
    content, offsets = "%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj{one}endobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n"
    return f"{content}{end}startxref\n{len(content)}\n%%EOF\n".encode()


def _png() -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (900, 600), "#e8eef2")
    pen = ImageDraw.Draw(image)
    pen.rectangle((80, 80, 380, 320), fill="#4477aa")
    pen.ellipse((480, 180, 800, 500), fill="#ee6677")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


_PROGRAM: Final = '#include <stdio.h>\n\nint main(void) {\n    printf("the harbor is open\\n");\n    return 0;\n}\n'

FILES: Final = {
    "booking.html": lambda: _form_page().encode(),
    "timetable.html": lambda: _table_page().encode(),
    "boats.csv": lambda: _csv().encode(),
    "harbor.txt": lambda: ("\n\n".join([_TEXT] * 6) + "\n").encode(),
    "harbor-old.txt": lambda: ("\n\n".join([_TEXT.replace("six", "seven")] * 5) + "\n").encode(),
    "harbor.c": lambda: _PROGRAM.encode(),
    "tiles.svg": lambda: _svg().encode(),
    "shapes.png": _png,
    "report.pdf": _pdf,
}


def write_documents(folder: Path) -> None:
    """Write all documents into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        (folder / name).write_bytes(make())
