"""Keyed digests are HMAC-SHA-256, however many are computed with the same key."""

import hashlib
import hmac

import pytest

from services.api.secrets.digests import Digests
from services.api.secrets.server_keys import Derived, ServerKeys

KEY = b"k" * 32


@pytest.mark.parametrize("purpose", [b"", b"for a test"])
def test_each_text_has_the_digest_that_it_has_alone(purpose):
    digests, keys = Digests(ServerKeys.of(KEY), purpose), ServerKeys.of(KEY)
    secret = Derived(purpose).of(keys.primary)
    for text in (b"", b"a", b"b" * 10_000, b"a"):
        assert digests.of(text) == hmac.digest(secret, text, hashlib.sha256)
        assert digests.each(text) == [digests.of(text)]
        assert digests.fits(digests.of(text), text)
        assert not digests.fits(digests.of(text), text + b"x")
