"""Rows of a CSV file with a header, held to the same limits as JSON Lines (see `rows`)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from forethought.envs.datasets.rows import Row, numbered_lines
from forethought.envs.first_error import first_error


def read_table(file: Path, model: type[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with where it ends. Raises ValueError at the first that is not as it should be.

    A field has at most 128 KiB.
    """
    number = 0

    def lines() -> Iterator[str]:
        nonlocal number
        for number, text in numbered_lines(file):  # noqa: B007 - it is told by what fails
            yield text

    table = csv.DictReader(lines(), strict=True)
    try:
        for cells in table:
            if None in cells or None in cells.values():
                count = len(table.fieldnames or ())
                raise ValueError(f"{file}:{number}: {count} fields are expected")
            yield f"{file}:{number}", model.model_validate(cells)
    except csv.Error as error:
        raise ValueError(f"{file}:{number}: no CSV: {error}") from None
    except ValidationError as error:
        raise ValueError(f"{file}:{number}: {first_error(error)}") from None
