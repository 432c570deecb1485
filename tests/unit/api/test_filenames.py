import pytest

from services.api.domain.filenames import attachments_name, file_name


@pytest.mark.parametrize(
    ("wanted", "extension", "name"),
    [
        ("orders", "csv", "orders.csv"),
        ("orders.csv", "csv", "orders.csv"),
        ("orders.CSV", "csv", "orders.CSV"),
        ("orders.csv", "xlsx", "orders.csv.xlsx"),
        ("orders", "csv.gz", "orders.csv.gz"),
        ("orders.csv", "csv.gz", "orders.csv.gz"),
        ("orders.csv.gz", "csv.gz", "orders.csv.gz"),
        ("orders.2026", "zip", "orders.2026.zip"),
        ("csv", "csv", "csv.csv"),
    ],
)
def test_a_name_gets_what_it_lacks_of_the_extension(wanted: str, extension: str, name: str) -> None:
    assert file_name(wanted, extension) == name


@pytest.mark.parametrize("wanted", ["orders", "orders.csv"])
@pytest.mark.parametrize("extension", ["csv", "csv.gz"])
def test_attachments_are_named_beside_their_table(wanted: str, extension: str) -> None:
    assert attachments_name(wanted, extension, "zip") == "orders-attachments.zip"
