"""The location of objects in an S3 store, and the access to them."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.runtime.toml import Table
from services.worker.sources.origin import Origin

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

ROOT_KEYS = ("root", "endpoint", "region", "access_key", "secret_key")
"""Names of the settings for a root in an object store."""

_SECRETS = ("access_key", "secret_key")
_SCHEME = "s3://"
_ROOT = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_CONNECT_S = 10
_ANSWER_S = 60
_ATTEMPTS = 4
_DENIED = "AWS Error ACCESS_DENIED"
_TLS = re.compile(r"curlCode: (?:35|51|53|54|58|59|60|66|77|80|82|83|90|91|98), ([^\n\[\]]{1,150})")
"""Matches the codes of libcurl that concern TLS, each followed by libcurl's fixed text."""


@dataclass(frozen=True, slots=True)
class ObjectRoot:
    """The objects of `bucket` whose keys are below `prefix`. The prefix has no slash at its ends and may be empty.

    `endpoint` is http or https with a host and a port; empty means Amazon's own. Without keys, requests are anonymous.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)

    def path(self, relative: str) -> str:
        """Return the bucket and the key of a path relative to the prefix; `""` is the prefix itself."""
        return "/".join(part for part in (self.bucket, self.prefix, relative) if part)


def is_object_url(root: object) -> bool:
    """Whether the root of a source is in an object store and not a folder."""
    return isinstance(root, str) and root.startswith(_SCHEME)


def read_root(table: Table, origin: Origin) -> ObjectRoot:
    """Read the root from the `ROOT_KEYS` of a table. The two secret keys must not be in the file itself."""
    bucket, prefix = _bucket(table)
    endpoint, region = _endpoint(table), table.text("region", "us-east-1")
    present = [key for key in _SECRETS if table.has(key)]
    if len(present) == 1:
        table.wrong(present[0], f"goes together with {next(key for key in _SECRETS if key not in present)}")
    return ObjectRoot(bucket, prefix, endpoint, region, *(origin.kept_secret(table, key) for key in present))


def filesystem(root: ObjectRoot) -> "S3FileSystem":
    """Return the store as a file system of pyarrow.

    Its paths are those of `ObjectRoot.path`. Its methods raise OSError.
    """
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem  # noqa: PLC0415 - few workers have object stores

    anonymous = not root.access_key  # credentials that this machine may have are never used
    return S3FileSystem(
        access_key=root.access_key or None,
        secret_key=root.secret_key or None,
        anonymous=anonymous,
        region=root.region,
        endpoint_override=root.endpoint or None,
        connect_timeout=_CONNECT_S,
        request_timeout=_ANSWER_S,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


def reach(root: ObjectRoot) -> None:
    """Ask the store for the bucket. Raises OSError when the store does not answer or the bucket does not exist.

    A store that denies the request counts as reached, as objects may be readable without the right to see the bucket.
    """
    from pyarrow.fs import FileType  # noqa: PLC0415 - few workers have object stores

    try:
        missing = filesystem(root).get_file_info(root.bucket).type == FileType.NotFound
    except OSError as error:
        if _DENIED not in str(error):
            raise
        missing = False
    if missing:
        raise FileNotFoundError(root.bucket)


def tls_words(error: BaseException) -> str:
    """Return the TLS error in an error message of pyarrow; empty when it is not about TLS."""
    match = _TLS.search(str(error))
    return f"TLS: {match[1]}" if match else ""


def _bucket(table: Table) -> tuple[str, str]:
    """Read the bucket and the prefix. A mistake is noted in the table."""
    root = table.value("root")
    match = _ROOT.fullmatch(root) if isinstance(root, str) else None
    prefix = (match[2] or "").strip("/") if match else ""
    if match is None or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        table.wrong("root", "must be s3://BUCKET or s3://BUCKET/PREFIX")
        return "", ""
    return match[1], prefix


def _endpoint(table: Table) -> str:
    url = table.value("endpoint") if table.has("endpoint") else ""
    try:
        parts = urlsplit(url if isinstance(url, str) else "?")
        sound = not url or (parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1))
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment:
        # The mistake does not repeat the value, which may hold a secret.
        table.wrong("endpoint", "must be https://HOST or https://HOST:PORT, or http")
        return ""
    return str(url).rstrip("/")
