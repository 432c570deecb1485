"""Checks of certificates: whether they can be used, and for how long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from services.api.doctor.finding import Finding, fault, ok, warning
from services.api.settings import ApiSettings
from services.tls.files import TlsFiles

RENEWED_BEFORE = timedelta(days=14)


def certificates(settings: ApiSettings, now: datetime) -> Iterator[Finding]:
    """Check the certificates of both ports, and the authorities of those who connect."""
    checked = set[TlsFiles]()
    for subject, files in (("certificate", settings.tls), ("queue certificate", settings.queue_tls)):
        if files is not None and files not in checked:
            checked.add(files)
            yield from _files(subject, files, now)


def _files(subject: str, files: TlsFiles, now: datetime) -> Iterator[Finding]:
    try:
        files.read()
    except OSError as unusable:
        yield fault(
            subject, f"{files.certificate} and {files.key} cannot be used: {unusable}", "name a matching pair in PEM"
        )
        return
    yield _lasting(subject, files.certificate, now)
    if files.authority is not None:
        yield _lasting(f"authority of {subject}", files.authority, now)


def _lasting(subject: str, file: Path, now: datetime) -> Finding:
    """Check when the first certificate in a file that does not hold any more ends."""
    found = x509.load_pem_x509_certificates(file.read_bytes())
    ends, begins = min(each.not_valid_after_utc for each in found), max(each.not_valid_before_utc for each in found)
    if now >= ends:
        return fault(subject, f"{file} expired at {ends:%Y-%m-%d %H:%M} UTC", "replace it; no restart is needed")
    if now < begins:
        return fault(subject, f"{file} is valid from {begins:%Y-%m-%d %H:%M} UTC", "check the clock, or replace it")
    days = f"{file} is valid for {(ends - now).days} more days"
    if ends - now < RENEWED_BEFORE:
        return warning(subject, days, "renew it; no restart is needed")
    return ok(subject, days)
