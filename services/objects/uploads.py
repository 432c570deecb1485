"""Unfinished multipart uploads. obstore cannot list them, yet they are paid for and visible nowhere else.

They exist only in S3, and only with static keys can a request be signed here. Elsewhere the store ends them itself
(Azure after a week), or a rule of the bucket does (AbortIncompleteMultipartUpload).
"""

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

from services.objects.client import ObjectStoreError, ObjectStoreSilent
from services.objects.settings import BucketStore

_TIMEOUT_S = 10
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Before one request is made again, after time-outs, broken connections, 429 and 5xx: as often as obstore does."""

_BUSY = 429
_BROKEN = 500
_NO_BODY = hashlib.sha256(b"").hexdigest()
_GONE = 404


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that began at `initiated`. `key` is relative to the bucket's prefix."""

    key: str
    upload_id: str
    initiated: datetime


def can_list(bucket: BucketStore) -> bool:
    """Whether open uploads can be listed. If not, they are left to a rule of the bucket."""
    return bucket.scheme == "s3" and bool(bucket.option("AWS_ACCESS_KEY_ID"))


def open_uploads(bucket: BucketStore, prefix: str) -> Iterator[OpenUpload]:
    """Yield the uploads whose key begins with `prefix`; none when they cannot be listed. Raises ObjectStoreError."""
    marker: dict[str, str] = {}
    while can_list(bucket):
        asked = {"uploads": "", "prefix": f"{bucket.prefix}{prefix}", **marker}
        page = ET.fromstring(_answer(bucket, "GET", "", asked))  # noqa: S314 - the operator's own store
        for upload in page.iterfind("{*}Upload"):
            key = _text(upload, "Key").removeprefix(bucket.prefix)
            if key.startswith(prefix):  # not every store applies the prefix
                initiated = datetime.fromisoformat(_text(upload, "Initiated"))
                yield OpenUpload(key, _text(upload, "UploadId"), initiated.astimezone(UTC))
        if _text(page, "IsTruncated") != "true":
            return
        marker = {"key-marker": _text(page, "NextKeyMarker"), "upload-id-marker": _text(page, "NextUploadIdMarker")}


def abort(bucket: BucketStore, upload: OpenUpload) -> None:
    """Abort an upload. Idempotent. Raises ObjectStoreError."""
    _answer(bucket, "DELETE", f"{bucket.prefix}{upload.key}", {"uploadId": upload.upload_id})


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _answer(bucket: BucketStore, method: str, key: str, query: Mapping[str, str]) -> bytes:
    for pause in _PAUSES_S:
        try:
            return _answer_now(bucket, method, key, query)
        except ObjectStoreSilent:
            time.sleep(pause)
    return _answer_now(bucket, method, key, query)


def _answer_now(bucket: BucketStore, method: str, key: str, query: Mapping[str, str]) -> bytes:
    url = f"{_endpoint(bucket)}/{bucket.bucket}" + (f"/{quote(key)}" if key else "")
    signed = _signed(bucket, method, url, query)
    request = urllib.request.Request(f"{url}?{_query(query)}", method=method, headers=signed)  # noqa: S310 - its own URL
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as refused:
        if method == "DELETE" and refused.code == _GONE:
            return b""
        kind = ObjectStoreSilent if refused.code == _BUSY or refused.code >= _BROKEN else ObjectStoreError
        raise kind(f"{method} {url} was answered with {refused.code}") from refused
    except (OSError, http.client.HTTPException) as unanswered:
        raise ObjectStoreSilent(f"{method} {url}: {unanswered}") from unanswered


def _endpoint(bucket: BucketStore) -> str:
    return bucket.endpoint.rstrip("/") or f"https://s3.{_region(bucket)}.amazonaws.com"


def _region(bucket: BucketStore) -> str:
    return bucket.option("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"


def _query(query: Mapping[str, str]) -> str:
    return urlencode(sorted(query.items()), quote_via=quote, safe="")


def _signed(bucket: BucketStore, method: str, url: str, query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request without a body, signed with AWS Signature Version 4."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    day = moment.partition("T")[0]
    place, scope = urlsplit(url), f"{day}/{_region(bucket)}/s3/aws4_request"
    headers = {"host": place.netloc, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    if token := bucket.option("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join((method, place.path, _query(query), lines, names, _NO_BODY))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{bucket.option('AWS_SECRET_ACCESS_KEY')}".encode()
    for step in (day, _region(bucket), "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={bucket.option('AWS_ACCESS_KEY_ID')}/{scope}"
    said = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    return {**{name: value for name, value in headers.items() if name != "host"}, "Authorization": said}
