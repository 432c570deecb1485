import pytest

from services.api.notify.mail_address import is_mailbox


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com",
        "a.b+tag@mail.example.co.uk",
        "o'hara@example.com",
        "x@1.example",
        "A_B-c@xn--mnchen-3ya.example",
        "a" * 64 + "@example.com",
    ],
)
def test_a_plain_address_is_taken(address: str) -> None:
    assert is_mailbox(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "anna@localhost",
        "anna@@example.com",
        "a b@example.com",
        ".anna@example.com",
        "anna.@example.com",
        "a..b@example.com",
        "anna@example..com",
        "anna@-example.com",
        "anna@example-.com",
        "anna@[127.0.0.1]",
        '"a b"@example.com',
        "Anna <anna@example.com>",
        "<anna@example.com>",
        "anna@example.com,eve@example.com",
        "anna@example.com eve@example.com",
        "anna@example.com\r\nBcc: eve@example.com",
        "anna@example.com\n",
        "anna(comment)@example.com",
        "änna@example.com",
        "anna@exämple.com",
        "=?utf-8?q?x?=@example.com",
        "anna%0aeve@example.com\0",
        "a" * 65 + "@example.com",
        "anna@" + "a" * 64 + ".com",
        "a@" + ".".join(["a" * 60] * 5) + ".com",
    ],
)
def test_anything_else_is_not(address: str) -> None:
    assert not is_mailbox(address)
