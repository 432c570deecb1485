import pytest

from services.api.domain.filenames import MAX_NAME_BYTES, attachments_name, file_name, wrong_in_name


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


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a\u202egpj.exe",
            "a\u2066b",
            "a\u200eb",
            "a\ufeffb",
            "a\u00adb",
            "a\u2028b",
            "a\u2029b",
            "a\u0085b",
            "a\x7fb",
            "a\0b",
        ),
        *(
            "CON",
            "con",
            "Con.csv",
            "CON .csv",
            "nul",
            "AUX.tar.gz",
            "com1",
            "LPT9.txt",
            "COM\u00b9",
            "prn. ",
            "CONIN$",
            "conout$.csv",
        ),
        *("a/b", "a\\b", "a:b", "a<b", 'a"b', "a|b", "a?b", "a*b", ".", "..", ". .", " "),
        *("x" * (MAX_NAME_BYTES + 1), "é" * 101, "\U0001f511" * 51),
    ],
    ids=ascii,
)
def test_a_name_that_is_none_on_some_disk_is_refused(name: str) -> None:
    assert wrong_in_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "orders",
            "orders.csv",
            "Año 2026",
            "請求書",
            "\u0646\u0627\u0645\u0647\u200c\u0647\u0627",
            "console",
            "com",
            "com10",
            "a.con",
        ),
        *("x" * MAX_NAME_BYTES, "\U0001f469\u200d\U0001f4bb", "a\u3000b", "a\u00a0b", "~a", "-", "a;b"),
    ],
    ids=ascii,
)
def test_a_name_that_is_one_everywhere_is_taken(name: str) -> None:
    assert wrong_in_name(name) == ""


@pytest.mark.parametrize("extension", ["csv", "csv.gz", "x" * 16 + "." + "y" * 16])
def test_with_all_that_is_put_behind_it_a_name_fits_on_any_disk(extension: str) -> None:
    name = "x" * MAX_NAME_BYTES
    assert len(file_name(name, extension)) <= 255
    assert len(attachments_name(name, extension, extension)) <= 255
