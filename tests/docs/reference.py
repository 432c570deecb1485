"""The generated pages of docs/: docs/reference, from the code and the comments of proto/, and the list of decisions.

python -m tests.docs.reference writes them again.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from google.rpc import code_pb2

from services.api.domain.states import TERMINAL, TRANSITIONS, State
from services.api.settings_help import HELP as API_HELP
from services.contract.codes import FailureCode, Retry, WarningCode
from services.contract.status import BY_REASON, CODES
from services.worker.settings_help import HELP as WORKER_HELP
from tests.docs import figures_reference, metrics_reference, settings_reference
from tests.docs.proto_comments import values_of

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "reference"
NOTE = "<!-- Made by `make docs` of the code and of the comments in proto/: change those. -->\n"
SAID = {Retry.LATER: "Retried. ", Retry.ELSEWHERE: "Given back. ", Retry.NEVER: ""}
"""How the comment of a code begins in the interfaces."""

SHOWN = {Retry.LATER: "yes", Retry.ELSEWHERE: "given back", Retry.NEVER: "no"}
NOT_SENT = "Not sent yet."

_FAILURES = """\
An attempt that fails leaves one of these codes in `result.errors`, with a message; a preview that fails has it in the
metadata `failure` of PREVIEW_FAILED. After a failure that is retried another attempt follows, as long as one is left.
A failure of the worker's own environment gives the attempt back: it does not count, and the export is QUEUED again,
for another worker where there is one; from the tenth time in a run on it counts and is retried. After any other failure
the export is CANCELLED with the reason NOT_RETRYABLE. A code that is not here is one of another version."""
_WARNINGS = """\
`Export.warnings` has what was known when the export was created, `result.warnings` what building found, each with a
count. They stop nothing. A code that is not here is one of another version."""
_REASONS = """\
Every error carries `google.rpc.ErrorInfo` with the domain `exportd` and one of these reasons. INVALID_REQUEST also
carries `google.rpc.BadRequest` with every violation and its field; reasons of RESOURCE_EXHAUSTED and UNAVAILABLE also
carry `google.rpc.RetryInfo`. A reason without a remedy is not sent by this version."""
_STATES = """\
Where an export stands, and every way from one state to another. There is no other. `ListTransitions` shows what
happened to an export by these names, beginning with `CREATE`."""

_DECISIONS = "What was decided and why, what was tried, and what follows. A later decision may replace an earlier one."
_SETTINGS = """\
Both services and `exportctl` read their settings from environment variables. A variable that is not set, or blank, has
its default. A service that finds mistakes in its settings does not start, and reports all of them in one message. Names
that end in `_S` are seconds."""
_METRICS = """\
Each service has a Prometheus endpoint, `http://ADDRESS/metrics`, on its own address (`EXPORTD_API_METRICS`,
`EXPORTD_WORKER_METRICS`). Names that end in `_seconds` are seconds, those of bytes are bytes. A histogram has the usual
series `_bucket`, `_sum` and `_count`."""


def settings() -> str:
    """Of all programs."""
    read = settings_reference
    return _page(
        "Settings",
        _SETTINGS,
        "## exportd-api",
        _table(read.HEAD, read.rows(read.of_api(), API_HELP)),
        "## exportd-worker",
        _table(read.HEAD, read.rows(read.of_worker(), WORKER_HELP)),
        "## exportctl",
        _table(read.HEAD, read.client_rows()),
    )


def metrics() -> str:
    """Of both services."""
    return _page(
        "Metrics",
        _METRICS,
        "## exportd-api",
        _table(metrics_reference.HEAD, metrics_reference.api_rows()),
        "## exportd-worker",
        _table(metrics_reference.HEAD, metrics_reference.worker_rows()),
    )


def figures() -> str:
    """Of the last whole measurement."""
    kept = figures_reference.measurement()
    return _page(
        "Figures",
        f"Measured on {kept['measured']} with `{kept['command']}`, on {kept['machine']}.",
        *kept["remarks"],
        _table(figures_reference.HEAD, figures_reference.rows()),
        "## Reliability",
        *kept["reliability"],
    )


def decisions() -> str:
    """The list of docs/adr, by the titles of the pages."""
    pages = ((page.name, page.read_text(encoding="utf-8").partition("\n")[0]) for page in (DOCS / "adr").glob("0*.md"))
    links = "\n".join(f"- [{title.removeprefix('# ')}]({name})" for name, title in sorted(pages))
    return _page("Decisions", _DECISIONS, links)


def failures() -> str:
    """Of an attempt that failed."""
    said = values_of("failure_code.proto", "FailureCode")
    rows = (
        (f"`{code}`", SHOWN[code.retry], said[code.name].removeprefix(SAID[code.retry]), code.remedy)
        for code in FailureCode
    )
    return _page(
        "Failures",
        _FAILURES,
        _table(("code", "retried", "what happened", "what to do"), rows),
    )


def warnings() -> str:
    """Of an export that goes on."""
    said = values_of("warning_code.proto", "WarningCode")
    return _page(
        "Warnings",
        _WARNINGS,
        _table(("code", "what it is", "what to do"), ((f"`{c}`", said[c.name], c.remedy) for c in WarningCode)),
    )


def reasons() -> str:
    """Of a call that was refused."""
    return _page(
        "Reasons",
        _REASONS,
        _table(
            ("reason", "status", "what happened", "what to do"),
            (_reason(name, said) for name, said in values_of("error_reason.proto", "ErrorReason").items()),
        ),
    )


def states() -> str:
    """Of the life of an export."""
    said = values_of("export.proto", "Export.State")
    of_states = ((state.name, said[state.name], "yes" if state in TERMINAL else "no") for state in State)
    edges = ((state.name, event.value, f"`{event.name}`", to.name) for (state, event), to in TRANSITIONS.items())
    cancelled = values_of("export.proto", "Export.CancelReason").items()
    waiting = values_of("export.proto", "Export.WaitReason").items()
    return _page(
        "States",
        _STATES,
        _table(("state", "meaning", "done"), of_states),
        _table(("from", "event", "name", "to"), edges),
        "`cancel_reason` says why an export is CANCELLED:",
        _table(("reason", "meaning"), ((f"`{name}`", text) for name, text in cancelled)),
        "`wait_reason` says why a QUEUED or FAILED export is not being built:",
        _table(("reason", "meaning"), ((f"`{name}`", text) for name, text in waiting)),
    )


PAGES: dict[str, Callable[[], str]] = {
    "adr/README.md": decisions,
    "reference/failures.md": failures,
    "reference/figures.md": figures,
    "reference/metrics.md": metrics,
    "reference/reasons.md": reasons,
    "reference/settings.md": settings,
    "reference/states.md": states,
    "reference/warnings.md": warnings,
}
"""By the name of the file below docs/."""


def _reason(name: str, said: str) -> Sequence[str]:
    status, _, what = said.partition(". ")
    error = BY_REASON.get(name)
    sent = error is not None and code_pb2.Code.Name(CODES[error])
    assert not sent or sent == status, f"{name} is {sent} in the code and {status} in proto/"
    return f"`{name}`", status, what.removesuffix(NOT_SENT).strip(), error.remedy if error else ""


def _page(title: str, *parts: str) -> str:
    return "\n".join((f"# {title}\n", NOTE, *(f"{part.rstrip()}\n" for part in parts)))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    for file, page in PAGES.items():
        (DOCS / file).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{DOCS / file}\n")
