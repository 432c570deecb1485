"""Everything that reads what others wrote, each as a function of one text. What it makes of it does not matter."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from exportd.v1 import export_pb2
from exportd.v1 import export_service_pb2 as pb2
from services.api.catalog.definition.column_types import column_type
from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.api.catalog.query.parameters import decode as percent_decoded
from services.api.catalog.query.values import FILTERABLE, read_value
from services.api.domain.callbacks import CallbackDefaults
from services.api.domain.filenames import attachments_name, file_name
from services.api.notify.addresses import AddressRules
from services.api.notify.callback import wait_asked
from services.api.notify.mail_address import is_mailbox
from services.api.notify.mail_text import one_line
from services.api.requests.plan import Planner
from services.api.rpc import decode
from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.contract.errors import CollectionNotFound, InvalidRequest
from services.contract.spec import ColumnType, HttpPages
from services.contract.status import to_status
from services.runtime.nearest import hint
from services.worker.bundle.names import attachment_name, folder_names
from services.worker.sources.http.answers import understood
from services.worker.sources.http.items import decoded
from services.worker.sources.http.query import filled
from services.worker.sources.stores import globs

Parser = Callable[[str], object]

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SECRET = b"s" * 32
PAGES = PageTokens(ServerKeys.of(SECRET), lambda: NOW)
WIDE = 20  # columns

FILE = f"""
sources.books = {{ kind = "sql" }}
[collections.Wide]
path = "/entities/{{entityId}}/wide"
source = "books"
table = "wide"
key = "id"
formats = ["JSON", "CSV"]
changed = "t"
parameters.entityId = {{ column = "entity_id", type = "integer" }}
columns = [
  {{ field = "id", type = "integer" }},
  {{ field = "n", type = "integer" }},
  {{ field = "d", type = "decimal(18,2)" }},
  {{ field = "t", type = "timestamp" }},
  {{ field = "s", match = "ipartial" }},
  {", ".join(f'{{ field = "customer.address.line{n}.text" }}' for n in range(WIDE))}
]
"""


@cache
def wide_catalog() -> Catalog:
    with TemporaryDirectory() as folder:
        path = Path(folder, "wide.toml")
        path.write_text(FILE, encoding="utf-8")
        return load(path)


def parsers() -> dict[str, Parser]:
    """By name."""
    return of_requests(wide_catalog()) | others(wide_catalog())


def planned(catalog: Catalog, message: pb2.CreateExportRequest) -> object:
    """All that is done with a request before it is stored, and the answer when it is refused."""
    nobody = SimpleNamespace(violations=lambda *_: [], callbacks=lambda _: CallbackDefaults())
    planner = Planner(
        SimpleNamespace(seen=lambda _: catalog),
        nobody,
        ServerKeys.of(SECRET),
        Passwords(ServerKeys.of(SECRET)),
        lambda: "id",
    )  # type: ignore[arg-type]
    try:
        return planner.plan(decode.create_request(message), "default", NOW)
    except (InvalidRequest, CollectionNotFound) as refused:
        return to_status(refused)


def of_requests(catalog: Catalog) -> dict[str, Parser]:
    """Fields of a request to create."""

    def create(**fields: object) -> object:
        return planned(catalog, pb2.CreateExportRequest(**{"type": "Wide", "query": "entityId=1"} | fields))  # type: ignore[arg-type]

    lenient = export_pb2.FilterMode.Value("FILTER_MODE_LENIENT")
    return {
        "type": lambda t: create(type=t),
        "query": lambda t: create(query=t),
        "query, lenient": lambda t: create(query=t, filter_mode=lenient),
        "time zone": lambda t: create(time_zone=t),
        "since_export": lambda t: create(since_export=t),
        "request_id": lambda t: create(request_id=t),
        "filename": lambda t: create(filename=t),
        "password": lambda t: create(password=t),
        "label": lambda t: create(labels={"a": t, t[:100_000]: ""}),
        "file type": lambda t: create(file_types=[t]),
        "column": lambda t: create(columns=[export_pb2.Column(field=t), export_pb2.Column(field="n", header=f"{t}-")]),
        "delimiter": lambda t: create(format="FORMAT_CSV", csv=export_pb2.CsvOptions(delimiter=t)),
        "null_text": lambda t: create(format="FORMAT_CSV", csv=export_pb2.CsvOptions(null_text=t)),
        "uri": lambda t: create_uri(catalog, t),
        "uri, lenient": lambda t: create_uri(catalog, t, lenient),
    }


def create_uri(catalog: Catalog, uri: str, mode: int = 0) -> object:
    return planned(catalog, pb2.CreateExportRequest(uri=uri, filter_mode=mode))  # type: ignore[arg-type]


def others(catalog: Catalog) -> dict[str, Parser]:
    fields = [c.field for c in catalog.collections[0].columns]
    values: dict[str, Parser] = {
        f"value, {kind.value}": lambda t, k=kind: read_value(ColumnType(k, 18, 2), t, UTC)  # type: ignore[misc]
        for kind in sorted(FILTERABLE, key=lambda kind: kind.value)  # each process of a run has the same order
    }
    return values | {
        "percent-encoding": percent_decoded,
        "nearest name": lambda t: hint(t, fields),
        "id": lambda t: decode.identifier("id", t),
        "tenant": lambda t: decode.tenant([t]),
        "page token": lambda t: PAGES.opened(t, b"default"),
        "if_sha256": lambda t: decode.download_request(pb2.DownloadFileRequest(export_id="", if_sha256=t)),
        "mail address": is_mailbox,
        "callback URL": lambda t: [*AddressRules(http=True).mistakes(t)],
        "Retry-After": lambda t: wait_asked(t, NOW),
        "header of a mail": one_line,
        "file name": lambda t: (file_name(t, "csv.gz"), attachments_name(t, "csv.gz", "zip")),
        "type in the catalog": column_type,
        "name of an attachment": lambda t: attachment_name(folder_names((t[:500],))[0], (t,), t),
        "placeholders": lambda t: filled(t, {"a": "v"}),
        "header Link": lambda t: understood([], t, HttpPages("/"), "a"),
        "JSON of a source": lambda t: decoded(t.encode(errors="replace")),
        "glob": lambda t: (globs.fixed(t), [*globs.pieces(t)]),
    }


STARTS = {
    "query": ("n=", "s=", "entityId=2&"),
    "uri": ("/", "/entities/1/wide?", "/entities/1/wide?n=", "/entities/"),
    "value, timestamp": ("2026-01-31T10:30:00.",),
    "mail address": ("a@",),
    "callback URL": ("https://", "https://a."),
    "header Link": ('<a>; rel="',),
    "JSON of a source": ("[", '{"a":'),
}
"""Ways into a parser, by its name up to a comma or in full."""

PUMPS = (
    *("0", "1", "9", "a", " ", "+", "-", ".", "..", "/", "\\", "%", "%20", "&", "=", "@", ":", ",", '"', "<", ">", "["),
    *("[]", "{", "{a}", "*", "**/", "*a", "_", "~", "\0", "\r\n", "é", "\N{FULLWIDTH EQUALS SIGN}", "=?", "a.", "a@"),
    *("e9", "urn:", "uuid:", "next ", 'rel="next ', "<a", "{},", "[1,", "1,", '{"a":', "\N{RIGHT-TO-LEFT OVERRIDE}"),
)
"""What is written again and again."""

OF_QUERIES = (
    *(
        "x&",
        "a=1&",
        "n=1&",
        "n[]=1&",
        "s[]=a&",
        "n[lt]=1&",
        "n[between]=1..2&",
        "order[n]=asc&",
        "exists[n]&",
        "page=1&",
    ),
    *("properties[]=n&", "properties[]=customer&", "x[a][b]=1&", "customer.address.line.text=1&"),
)
ENDS = ("x",)


def starts_of(name: str) -> tuple[str, ...]:
    return ("", *STARTS.get(name, STARTS.get(name.partition(",")[0], ())))


def pumps_of(name: str) -> tuple[str, ...]:
    return PUMPS + OF_QUERIES if name.partition(",")[0] == "query" else PUMPS


SOUND = {
    "type": "Wide",
    "query": "entityId=1&n=2",
    "query, lenient": "entityId=1&x=2",
    "time zone": "Europe/Madrid",
    "since_export": "",
    "request_id": "a",
    "filename": "a",
    "password": "a",
    "label": "a",
    "file type": None,
    "column": "d",
    "delimiter": ";",
    "null_text": "-",
    "uri": "/entities/1/wide?n=2",
    "uri, lenient": "/entities/1/wide?x=2",
    "value, text": "a",
    "value, integer": "1",
    "value, decimal": "1.5",
    "value, float": "1.5",
    "value, boolean": "true",
    "value, date": "2026-01-31",
    "value, timestamp": "2026-01-31T10:30:00Z",
    "id": "0189d3b0-0000-7000-8000-000000000000",
    "page token": "",
    "if_sha256": None,
    "JSON of a source": "[]",
}
"""What a parser takes, "a" where nothing is said; None: it takes nothing, for another reason."""
