"""A page taken apart."""

import csv
from html.parser import HTMLParser


class Page(HTMLParser):
    """The text outside of tags, all addresses, and the tables by the file that their captions name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.addresses, self.open, self.tables = "", [], [], {}
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "figcaption" and self.rows:
            header, *rows = self.rows
            self.tables.setdefault(self.file, [dict(zip(header, row)) for row in rows])
            self.rows = []

    def handle_data(self, data):
        if {"style", "script", "pre"} & set(self.open):
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if self.open[-2:] == ["figcaption", "code"]:  # a caption ends with its file
            self.file = data.removeprefix("results/")


def rows_of(checkout, name) -> list[dict]:
    with (checkout.path / f"results/{name}").open(newline="") as lines:
        return list(csv.DictReader(lines))


def spread(row, figure, scale, digits) -> str:
    return " ± ".join(f"{float(row[f'{figure}_{part}']) * scale:.{digits}f}" for part in ("mean", "std"))
