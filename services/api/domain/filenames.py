"""What a file is called on a caller's disk."""


def file_name(wanted: str, extension: str) -> str:
    """`wanted` with as much of the extension as it does not end with: "a.csv" and "csv.gz" make "a.csv.gz"."""
    parts = extension.split(".")
    for there in range(len(parts), 0, -1):
        if wanted.lower().endswith("." + ".".join(parts[:there])):
            return ".".join([wanted, *parts[there:]])
    return f"{wanted}.{extension}"


def attachments_name(wanted: str, table_extension: str, extension: str) -> str:
    """The name beside that of the table: "a" and "a.xlsx" both make "a-attachments.zip"."""
    table = file_name(wanted, table_extension)
    return f"{table[: -len(table_extension) - 1]}-attachments.{extension}"
