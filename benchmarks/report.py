# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a benchmark: printed as they come, then written as Markdown and as JSON. Knows nothing of what was measured."""

import json
from pathlib import Path


def number(value):
    """A figure with three or four digits that count."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f}"


class Report:
    """What was run on what, and the tables and remarks in their order."""

    def __init__(self):
        self.facts = {}
        self.blocks = []

    def fact(self, name, value):
        self.facts[name] = value
        print(f"{name}: {value}", flush=True)

    def table(self, title, columns, rows, raw=None):
        """Rows of texts; `raw` is what they were made of, for the JSON alone."""
        self.blocks.append({"title": title, "columns": columns, "rows": rows, "raw": raw})
        widths = [max(map(len, column)) for column in zip(columns, *rows)]
        print(f"\n{title}")
        for first, *others in (columns, *rows):
            cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]
            print("  ".join(["", *cells]), flush=True)

    def note(self, text):
        self.blocks.append({"note": text})
        print(f"  {text}", flush=True)

    def write(self, markdown, json_file):
        for path, text in ((markdown, self._markdown()), (json_file, json.dumps(vars(self), indent=1))):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")
            print(f"written to {path}")

    def _markdown(self):
        lines = ["## Figures", "", *[f"- {name}: {value}" for name, value in self.facts.items()]]
        for block in self.blocks:
            if "note" in block:
                lines += ["", block["note"]]
                continue
            columns = block["columns"]
            lines += ["", f"### {block['title']}", "", _row(columns), _row(["---", *["---:"] * (len(columns) - 1)])]
            lines += [_row(row) for row in block["rows"]]
        return "\n".join([*lines, ""])


def _row(cells):
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
