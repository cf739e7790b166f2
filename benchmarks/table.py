"""Tables in Markdown."""

from collections.abc import Sequence

Cell = str | int | float | None


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table, aligned to be read as it is too: the first column left, the others right."""
    texts = [list(columns), *([cell_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in texts) for place in range(len(columns))]
    lines = [_line(row, widths) for row in texts]
    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
    return f"| {' | '.join(padded)} |"


def cell_text(cell: Cell) -> str:
    """Write a cell: two digits behind the point, thousands apart, nothing as a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def bullets(lines: Sequence[str]) -> str:
    """Return lines as a list of their own; nothing of none."""
    return "\n" + "\n".join(f"- {line}" for line in lines) + "\n" if lines else ""
