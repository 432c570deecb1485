"""The options of an export: what its spec says, and what else the caller chose."""

from dataclasses import dataclass
from datetime import timedelta

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.export import Options
from services.api.domain.filter_mode import FilterMode
from services.api.requests.resolver import MAX_KNOWN
from services.contract.formats import Format, Packaging
from services.contract.identity import MadeOnce
from services.contract.spec import JobSpec

MAX_CHOICES_KNOWN = 8
"""Of one spec."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What options have beside what their spec says. AUTO stays AUTO."""

    packaging: Packaging
    ttl: timedelta
    filename: str
    mode: FilterMode
    by_changes: bool
    mail_links: bool = False
    callback_format: CallbackFormat = CallbackFormat.XDENT

    def with_spec(self, spec: JobSpec) -> Options:
        """As asked, with every default filled in."""
        table = spec.table
        return Options(
            query=spec.query,
            columns=spec.columns,
            packaging=self.packaging,
            time_zone=table.time_zone,
            ttl=self.ttl,
            filename=self.filename,
            csv=table.csv if table.format is Format.CSV else None,
            xlsx=table.xlsx if table.format is Format.XLSX else None,
            compression=table.compression,
            filter_mode=self.mode,
            by_changes=self.by_changes,
            mail_links=self.mail_links,
            callback_format=self.callback_format,
        )


def _no_options(_: JobSpec) -> dict[Choices, Options]:
    return {}


_options_by_choices = MadeOnce(_no_options, MAX_KNOWN)


def options_of(spec: JobSpec, choices: Choices) -> Options:
    """The very same ones for the same spec and choices, of which the first few are kept with their spec."""
    known = _options_by_choices(spec)
    options = known.get(choices) or choices.with_spec(spec)
    if len(known) < MAX_CHOICES_KNOWN:
        known[choices] = options
    return options
