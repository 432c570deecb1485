"""Read every byte of an archive with libarchive, as `bsdtar -xOf` does: libarchive_reader.py [PASSWORD] FILE.

Prints the Unix time and the name of each entry. Exits with FAULT when libarchive finds one, or the password is not the
archive's. A process of its own, as the library is C and brings libraries of which others in this environment have other
versions.
"""

import os
import sys
from importlib.metadata import files

FAULT = 3
"""No status with which Python itself ends."""

BRINGER = "archive_r_python"
"""The package whose wheel has a libarchive that can decrypt; nothing else of it is used."""


def main(path: str, password: str | None) -> int:
    """The status to exit with."""
    os.environ["LIBARCHIVE"] = _library()
    import libarchive  # noqa: PLC0415 - it looks for the library as it is imported

    try:
        with libarchive.file_reader(path, passphrase=password) as archive:
            for entry in archive:
                sys.stdout.write(f"{entry.mtime} {entry.pathname}\n")
                for _ in entry.get_blocks():
                    pass
    except libarchive.ArchiveError as fault:
        sys.stderr.write(f"{fault}\n")
        return FAULT
    return 0


def _library() -> str:
    (found,) = (file for file in files(BRINGER) or () if file.match("*libs/libarchive[-.]*"))
    return str(found.locate())


if __name__ == "__main__":
    *passwords, path_ = sys.argv[1:]
    sys.exit(main(path_, passwords[0] if passwords else None))
