"""Checks an HTTP API by the first page of each collection whose path needs no value of a query."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from services.contract.codes import WarningCode
from services.contract.spec import All, Page
from services.worker.sources.check.problems import Probe, Problem, failure
from services.worker.sources.errors import SourceFailed
from services.worker.sources.http.client import HttpClient
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.http.source import HttpSource

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def check(settings: HttpSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See Access.check. No request is retried."""
    once = replace(settings, retry_s=0)
    asked = [probe for probe in probes if probe.spec.relation.http and not _needs_values(probe)]
    found = [problem for probe in asked for problem in _of_first_page(once, probe)]
    return found if asked else list(_reached(once))


def _needs_values(probe: Probe) -> bool:
    pages = probe.spec.relation.http
    return pages is not None and _PLACEHOLDER.search(pages.path) is not None


def _reached(settings: HttpSettings) -> Iterator[Problem]:
    """Check that the server answers at the base URL, with whatever status."""
    try:
        with closing(HttpClient(settings)) as client:
            client.get(settings.url, "*/*", lambda response: response.status)
    except SourceFailed as failed:
        yield failure(settings.id, failed)


def _of_first_page(settings: HttpSettings, probe: Probe) -> Iterator[Problem]:
    spec = replace(probe.spec, filter=All(), order=(), page=Page(0, 1))
    try:
        with HttpSource(settings).read(spec) as reading:
            for _ in reading.batches():
                pass
            warnings = reading.warnings()
    except SourceFailed as failed:
        yield failure(settings.id, failed, probe)
        return
    for warning in warnings:
        if warning.code == WarningCode.COLUMN_EMPTY:
            message = f"On the first page: {warning.message}."
            yield Problem(settings.id, message, WarningCode.COLUMN_EMPTY.remedy, probe.collection, probe.part)
