"""What a file is called on a caller's disk."""


def file_name(name: str, extension: str) -> str:
    """`name` with as much of the extension as it does not end with: "a.csv" and "csv.gz" make "a.csv.gz"."""
    parts = extension.split(".")
    for there in range(len(parts), 0, -1):
        if name.lower().endswith("." + ".".join(parts[:there])):
            return ".".join([name, *parts[there:]])
    return f"{name}.{extension}"


def attachments_name(name: str, table_extension: str, extension: str) -> str:
    """The name beside that of the table: "a" and "a.xlsx" both make "a-attachments.zip"."""
    table = file_name(name, table_extension)
    return f"{table[: -len(table_extension) - 1]}-attachments.{extension}"
