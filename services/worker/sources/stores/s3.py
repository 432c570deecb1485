"""Where objects of an S3 store are, and the way to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from services.worker.sources.secrets import Secrets

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

KEYS = ("root", "endpoint", "region", "access_key", "secret_key")
_SCHEME = "s3://"
_ROOT = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_CONNECT_S = 10
_ANSWER_S = 60
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class ObjectRoot:
    """The objects of `bucket` whose keys are below `prefix`, which has no slash at its ends and may be empty.

    `endpoint` is http or https with host and port; empty: Amazon's own. Without keys the store is asked anonymously.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)

    def path(self, relative: str) -> str:
        """Bucket and key of what lies at a relative path below the prefix; `""` is the prefix itself."""
        return "/".join(part for part in (self.bucket, self.prefix, relative) if part)


def is_object_url(root: object) -> bool:
    """Whether the root of a source is an object store's and no directory."""
    return isinstance(root, str) and root.startswith(_SCHEME)


def read(key: str, table: Mapping[str, Any], secrets: Secrets, mistakes: list[str]) -> ObjectRoot:
    """The keys of a table of settings that `KEYS` names. Fit for use only when nothing was added to `mistakes`.

    The two keys must not stand in the file itself.
    """
    bucket, prefix = _root(f"{key}.root", table.get("root"), mistakes)
    endpoint = _endpoint(f"{key}.endpoint", table.get("endpoint", ""), mistakes)
    region = table.get("region", "us-east-1")
    if not isinstance(region, str) or not region:
        mistakes.append(f"{key}.region: must be text")
    if ("access_key" in table) != ("secret_key" in table):
        mistakes.append(f"{key}: access_key and secret_key go together")
    keys = [_secret(f"{key}.{name}", table[name], secrets, mistakes) for name in KEYS[-2:] if name in table]
    return ObjectRoot(bucket, prefix, endpoint, str(region), *keys)


def filesystem(root: ObjectRoot) -> "S3FileSystem":
    """The store as pyarrow has it. Paths are those of `ObjectRoot.path`. Everything it does raises OSError."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem  # noqa: PLC0415 - few sources are objects

    anonymous = not root.access_key  # never what happens to lie around on this machine
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


def _root(key: str, value: object, mistakes: list[str]) -> tuple[str, str]:
    match = _ROOT.fullmatch(value) if isinstance(value, str) else None
    prefix = (match[2] or "").strip("/") if match else ""
    if match is None or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        mistakes.append(f"{key}: must be s3://BUCKET or s3://BUCKET/PREFIX")
        return "", ""
    return match[1], prefix


def _endpoint(key: str, value: object, mistakes: list[str]) -> str:
    try:
        parts = urlsplit(value if isinstance(value, str) else "?")
        sound = not value or (parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1))
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment:
        # It is not repeated: it may hold a secret.
        mistakes.append(f"{key}: must be https://HOST or https://HOST:PORT, or http")
        return ""
    return str(value).rstrip("/")


def _secret(key: str, value: object, secrets: Secrets, mistakes: list[str]) -> str:
    if isinstance(value, dict):
        return secrets.text(key, value)
    mistakes.append(f'{key}: must be {{ env = "NAME" }} or {{ file = "PATH" }}')
    return ""
