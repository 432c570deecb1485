"""The bucket of the artifact store, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.runtime.settings import SettingsReader

_S3_OPTIONS = """
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL
AWS_VIRTUAL_HOSTED_STYLE_REQUEST AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_WEB_IDENTITY_TOKEN_FILE
AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
AWS_SERVER_SIDE_ENCRYPTION AWS_SSE_KMS_KEY_ID AWS_SSE_BUCKET_KEY_ENABLED AWS_REQUEST_PAYER
"""
_GS_OPTIONS = "GOOGLE_APPLICATION_CREDENTIALS GOOGLE_SERVICE_ACCOUNT GOOGLE_SERVICE_ACCOUNT_KEY GOOGLE_BASE_URL"
_AZ_OPTIONS = """
AZURE_STORAGE_ACCOUNT_NAME AZURE_STORAGE_ACCOUNT_KEY AZURE_STORAGE_SAS_TOKEN AZURE_STORAGE_ENDPOINT
AZURE_STORAGE_USE_EMULATOR AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_AUTHORITY_HOST
AZURE_FEDERATED_TOKEN_FILE AZURE_MSI_ENDPOINT
"""
OPTIONS = {
    scheme: tuple(names.split()) for scheme, names in (("s3", _S3_OPTIONS), ("gs", _GS_OPTIONS), ("az", _AZ_OPTIONS))
}
"""The environment variables that say how to access a store, for each scheme of a URL.

They have the names that the store's own tools use. Other variables with the same prefixes are left to those tools.
"""

_SECRETS = """
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_STORAGE_ACCOUNT_KEY AZURE_STORAGE_SAS_TOKEN
AZURE_CLIENT_SECRET GOOGLE_SERVICE_ACCOUNT_KEY
"""
SECRET_OPTIONS = frozenset(_SECRETS.split())
"""Those that are read as secrets: a variable with `_FILE` or `_COMMAND` after the name says where the secret is."""

_ENDPOINTS = ("AWS_ENDPOINT_URL", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT")
_MUST = "a folder, or s3://BUCKET, gs://BUCKET or az://CONTAINER with or without /PREFIX"


@dataclass(frozen=True, slots=True)
class BucketStore:
    """A bucket, or the part of it below a prefix, with the options to access it.

    Their names are in capitals, such as AWS_REGION.
    """

    url: str
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def scheme(self) -> str:
        """The scheme of the URL: a key of OPTIONS."""
        return self.url.partition("://")[0]

    @property
    def bucket(self) -> str:
        """The name of the bucket or container."""
        return self.url.partition("://")[2].partition("/")[0]

    @property
    def prefix(self) -> str:
        """The prefix of every key: empty, or steps that each end with a slash."""
        steps = self.url.partition("://")[2].partition("/")[2].strip("/")
        return f"{steps}/" if steps else ""

    @property
    def endpoint(self) -> str:
        """The endpoint of the store if it is not the provider's own; otherwise empty."""
        return self.option(*_ENDPOINTS)

    def option(self, *names: str) -> str:
        """Return the first of these options that is set; empty when none is."""
        known = dict(self.options)
        return next((known[name] for name in names if known.get(name)), "")

    def __str__(self) -> str:
        return self.url


def artifacts_from(read: SettingsReader, environ: Mapping[str, str], default: Path) -> Path | BucketStore:
    """Read EXPORTD_ARTIFACTS: the path of a folder, or the URL of a bucket with its options in `environ`."""
    text = read.text("EXPORTD_ARTIFACTS", "")
    if "://" not in text:
        return read.path("EXPORTD_ARTIFACTS", default)
    fallback: Path | BucketStore = default
    return read.parsed("EXPORTD_ARTIFACTS", fallback, lambda url: _bucket(url, environ, read), _MUST)


def _bucket(url: str, environ: Mapping[str, str], read: SettingsReader) -> BucketStore:
    """Parse the URL of a bucket. Raises ValueError."""
    scheme, _, place = url.partition("://")
    bucket, *steps = place.rstrip("/").split("/")
    if scheme not in OPTIONS or not bucket or not all(map(_is_plain, (bucket, *steps))):
        raise ValueError
    given = ((n, read.secret(n) if n in SECRET_OPTIONS else environ.get(n, "").strip()) for n in OPTIONS[scheme])
    return BucketStore(url.rstrip("/"), tuple((name, value) for name, value in given if value))


def _is_plain(step: str) -> bool:
    """Whether a step of a URL needs no encoding and is not `.` or `..`."""
    return bool(step.strip(".")) and step.isascii() and all(c.isalnum() or c in "._-" for c in step)
