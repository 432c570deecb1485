"""Limits of Excel: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3."""

MAX_SHEET_ROWS = 1_048_576
"""Rows of a sheet, including the header."""

MAX_SHEET_COLUMNS = 16_384

MAX_SHEET_BYTES = 4_000_000_000
"""Approximate size of a sheet's XML. A part of 4 GiB or more would need ZIP64."""

MAX_CELL_UNITS = 32_767
"""UTF-16 units of a cell's text."""

MAX_SHEET_NAME_UNITS = 31
"""UTF-16 units of a sheet's name."""

MAX_DIGITS = 15
"""Significant digits of a number. Numbers with more digits are written as text."""
