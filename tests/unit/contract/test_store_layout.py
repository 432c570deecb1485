"""What is removed lies two levels below the store's root, whatever a name says."""

from pathlib import Path

import pytest

from services.contract.store import folder_of

ROOT = Path("/srv/artifacts")


def test_a_prefix_is_a_folder_below_the_root() -> None:
    assert folder_of(ROOT, "export-1/lease-1/") == ROOT / "export-1" / "lease-1"
    assert folder_of(Path("/srv/x/../artifacts/"), "export-1/lease-1/") == ROOT / "export-1" / "lease-1"


@pytest.mark.parametrize(
    "prefix",
    ["", "/", ".", "..", "/etc/", "/srv/artifacts/", "../artifacts/a", "a", "a/", "a/b/c", "a/../../b/c", "a/..",
     "../../a/b", "a/.b", ".spool/a", "/srv/artifacts/../other/a/b"],
)  # fmt: skip
def test_nothing_else_is_a_folder_to_remove(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a prefix"):
        folder_of(ROOT, prefix)
