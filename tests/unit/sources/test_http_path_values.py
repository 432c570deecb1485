"""A value of a path parameter is one part of the remote's path, and nothing that climbs."""

import pytest

from services.worker.sources.http.query import filled

CLIMBS = [
    *("..", ".", "../..", "../../admin", "a/../../b", "..\\..", "a\\..\\b", "./x", "x/."),
    *("%2e%2e", "%2E.", ".%2e/x", "%252e%252e", "a/%2e%2e%2fb", "..%5c.."),
]


@pytest.mark.parametrize("value", CLIMBS)
@pytest.mark.parametrize("template", ["/shops/{id}/orders", "/shops/{id}", "/{id}", "/shops/x{id}/orders?of={id}"])
def test_a_value_that_climbs_makes_no_url(template: str, value: str) -> None:
    assert filled(template, {"id": value}) is None


@pytest.mark.parametrize(("template", "values"), [("/a/{x}{y}/b", (".", ".")), ("/{x}./b", (".", ""))])
def test_nor_do_two_that_climb_together(template: str, values: tuple[str, str]) -> None:
    assert filled(template, dict(zip("xy", values, strict=True))) is None


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("7", "7"),
        ("a/b", "a%2Fb"),
        ("...", "..."),
        ("a..b", "a..b"),
        ("..a", "..a"),
        ("é ?#%", "%C3%A9%20%3F%23%25"),
        ("a\r\nHost: x", "a%0D%0AHost%3A%20x"),
    ],
)
def test_any_other_value_is_one_part_of_the_path(value: str, part: str) -> None:
    assert filled("/shops/{id}/orders", {"id": value}) == f"/shops/{part}/orders"
