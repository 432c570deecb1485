"""`python -m tests.golden.update`: keep what the writers make now; look at the difference before you commit it."""

from pathlib import Path

from tests.golden.cases import CASES

EXPECTED = Path(__file__).with_name("expected")


def made(name: str) -> bytes:
    """What is made now."""
    found = CASES[name]()
    return found.encode(errors="backslashreplace") if isinstance(found, str) else found


def main() -> None:
    """Replace all of them."""
    EXPECTED.mkdir(exist_ok=True)
    for name in CASES:
        (EXPECTED / name).write_bytes(made(name))


if __name__ == "__main__":
    main()
