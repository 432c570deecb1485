"""Every element of the interfaces says what it is, and other languages find what they need to generate them."""

from pathlib import Path

import google.rpc
import pytest

from tests.docs.proto_comments import PROTO, comments, compiled

PROTOS = sorted(PROTO.rglob("*.proto"))
VENDORED = sorted((PROTO.parent / "third_party/googleapis").rglob("*.proto"))


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_every_element_has_a_comment(proto: Path) -> None:
    found = comments(proto)
    assert found
    assert [name for name, text in found.items() if not text] == []


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_every_file_has_a_place_in_go_java_and_c_sharp(proto: Path) -> None:
    options = compiled(proto).options
    assert all((options.go_package, options.java_package, options.java_multiple_files, options.csharp_namespace))


def test_the_messages_of_errors_are_those_that_the_services_use() -> None:
    (installed,) = (Path(path) for path in google.rpc.__path__)
    assert {proto.name for proto in VENDORED} == {"code.proto", "error_details.proto", "status.proto"}
    assert [proto.name for proto in VENDORED if proto.read_bytes() != (installed / proto.name).read_bytes()] == []
