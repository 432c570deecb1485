"""The pages of docs/reference: made of the tables that the code goes by, and of the comments of the interfaces.

python -m tests.docs.reference writes them anew.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from google.rpc import code_pb2

from services.api.domain.states import TERMINAL, TRANSITIONS, State
from services.contract.codes import FailureCode, Retry, WarningCode
from services.contract.status import BY_REASON, CODES
from tests.docs.proto_comments import values_of

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- Made by `make docs` of the code and of the comments in proto/: change those. -->\n"
SAID = {Retry.LATER: "Retried. ", Retry.ELSEWHERE: "Given back. ", Retry.NEVER: ""}
"""How the comment of a code begins in the interfaces."""

SHOWN = {Retry.LATER: "yes", Retry.ELSEWHERE: "given back", Retry.NEVER: "no"}
NOT_SENT = "Not sent yet."

_FAILURES = """\
An attempt that fails leaves one of these codes in `result.errors`, with a message; a preview that fails has it in the
metadata `failure` of PREVIEW_FAILED. After a failure that is retried another attempt follows, as long as one is left.
A failure of the worker's own surroundings gives the attempt back: it does not count, and the export is QUEUED again,
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
    "failures.md": failures,
    "reasons.md": reasons,
    "states.md": states,
    "warnings.md": warnings,
}


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
    FOLDER.mkdir(exist_ok=True)
    for file, page in PAGES.items():
        (FOLDER / file).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{FOLDER / file}\n")
