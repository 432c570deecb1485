"""What is kept of a request is what planning it anew would give, whatever differs from the request that was kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exportd.v1 import export_pb2
from exportd.v1 import export_service_pb2 as pb2
from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog
from services.api.domain.callbacks import CallbackDefaults, CallbackFormat
from services.api.domain.keys import fits
from services.api.requests import outlines
from services.api.requests.plan import MAX_KNOWN_BYTES, CreateRequest, Plan, Planner
from services.api.rpc import decode
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.contract.errors import CollectionNotFound, InvalidRequest, Violation

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEYS = ServerKeys.of(b"k" * 32)
CATALOG = """
[sources.shop]
kind = "sql"
[sources.papers]
kind = "folder"
[collections.Orders]
path = "/orders"
source = "shop"
table = "%s"
key = "id"
changed = "placedAt"
formats = ["CSV", "JSON", "XLSX"]
tenant_column = "owner"
columns = [
  { field = "id" }, { field = "state" }, { field = "placedAt", name = "placed_at", type = "timestamp" },
]
[collections.Orders.attachments."order.pdf"]
source = "papers"
path = "{id}.pdf"
[collections.Invoices]
path = "/invoices"
source = "shop"
table = "invoices"
key = "id"
formats = ["CSV"]
columns = [{ field = "id" }]
"""


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> list[Catalog]:
    """Two editions of a catalog, which differ in one table."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    found = []
    for table in ("orders", "orders_of_today"):
        path.write_text(CATALOG % table)
        found.append(load(path))
    return found


@dataclass
class Surroundings:
    """All that a planner is given beside a request, as it is at this moment."""

    catalog: Catalog
    mails: bool = True
    defaults: CallbackDefaults = field(default_factory=CallbackDefaults)
    parts: dict[tuple[int, frozenset[str]], Catalog] = field(default_factory=dict)

    def seen(self, patterns: frozenset[str]) -> Catalog:
        if not patterns:
            return self.catalog
        some = tuple(each for each in self.catalog.collections if fits(each.code, patterns))
        return self.parts.setdefault((id(self.catalog), patterns), Catalog(some))

    def callbacks(self, tenant: str) -> CallbackDefaults:
        return self.defaults if tenant == "acme" else CallbackDefaults()

    def violations(self, tenant: str, notify_email: str, callback_url: str) -> Iterator[Violation]:
        if notify_email and not self.mails:
            yield Violation("notify_email", f"not for {tenant}")
        if callback_url.startswith("http:"):
            yield Violation("callback_url", f"not for {tenant}")

    def planner(self) -> Planner:
        return Planner(self, self, KEYS, Passwords(KEYS), lambda: "new")  # type: ignore[arg-type]


def outcome(planner: Planner, request: CreateRequest, tenant: str, patterns: frozenset[str]) -> object:
    """The plan, with whether there is a password in place of the sealed one, which is another each time; or why not."""
    try:
        plan = planner.plan(request, tenant, NOW, None, patterns)
    except (InvalidRequest, CollectionNotFound) as refused:
        return type(refused), str(refused), getattr(refused, "violations", ())
    return replace(plan, sealed_password=None), plan.sealed_password is not None


def some(*values: Any) -> Any:
    return st.sampled_from(values)


FIELDS: dict[str, Any] = {
    "uri": some("/orders", "/orders?state=new", "/orders?stat=new", "/invoices", "/nowhere"),
    "type": some("Orders"),
    "query": some("", "state=new"),
    "format": some(0, export_pb2.FORMAT_CSV, export_pb2.FORMAT_JSON, export_pb2.FORMAT_XLSX, 99),
    "filter_mode": some(0, 2, 99),
    "time_zone": some("", "America/Mexico_City", "Mars"),
    "csv": some(export_pb2.CsvOptions(), export_pb2.CsvOptions(delimiter=";"), export_pb2.CsvOptions(delimiter="ab")),
    "xlsx": some(export_pb2.XlsxOptions(), export_pb2.XlsxOptions(compact=True)),
    "compression": some(0, 2),
    "columns": some([], [export_pb2.Column(field="id")], [export_pb2.Column(field="id", header="No.")]),
    "file_types": some([], ["order.pdf"], ["order.doc"]),
    "packaging": some(0, 2, 3),
    "password": some("", "open sesame"),
    "request_id": some("", "a", "b", "not\nvisible", "x" * 129),
    "labels": some({}, {"team": "a"}, {"team": "b"}, {"Team": "a"}),
    "priority": some(0, 5, 10),
    "notify_email": some("", "anna@example.com"),
    "callback_url": some("", "https://hooks.example.com", "http://hooks.example.com"),
    "max_attempts": some(0, 1, 11),
    "ttl": some(None, timedelta(hours=1), timedelta(seconds=1)),
    "filename": some("", "orders", "a/b"),
    "since_export": some("", "01a223a5-f973-7c4e-b70c-c671d5ec581c"),
}
"""A few values of each field, right and wrong: so the same request comes again, and so do some that differ in one."""


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """A request that may be accepted, with up to three fields changed at random."""
    names = draw(st.lists(some(*FIELDS), max_size=3, unique=True))
    base = {"uri": draw(some("/orders", "/invoices")), "format": export_pb2.FORMAT_CSV}
    return pb2.CreateExportRequest(**base | {name: draw(FIELDS[name]) for name in names})


SURROUNDINGS = st.fixed_dictionaries(
    {
        "edition": some(0, 1),
        "mails": st.booleans(),
        "defaults": some(
            CallbackDefaults(),
            CallbackDefaults(CallbackFormat.SYNTAGE),
            CallbackDefaults(url="https://own.example.com"),
            CallbackDefaults(url="http://own.example.com"),
        ),
        "tenant": some("acme", "other"),
        "patterns": some(frozenset(), frozenset({"Invoices"}), frozenset({"Ord*"})),
        "may_read": st.booleans(),
        "any_format": st.booleans(),
    }
)


@settings(deadline=None, max_examples=200)
@given(
    asked=st.lists(messages(), min_size=1, max_size=3),
    around=st.lists(SURROUNDINGS, min_size=2, max_size=4),
    order=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=8, max_size=24),
)
def test_a_kept_outline_gives_what_planning_anew_gives(
    catalogs: list[Catalog], asked: list[Any], around: list[dict[str, Any]], order: list[tuple[int, int]]
) -> None:
    keeping = Surroundings(catalogs[0])
    planner = keeping.planner()
    for number, where in order:
        message, now = asked[number % len(asked)], around[where % len(around)]
        keeping.catalog, keeping.mails, keeping.defaults = catalogs[now["edition"]], now["mails"], now["defaults"]
        known = decode.create_request(message, may_read=now["may_read"])
        fresh = replace(decode._request(known.body, now["may_read"]), request_id=message.request_id)
        assert known == fresh
        known, fresh = (replace(each, any_format=now["any_format"]) for each in (known, fresh))
        anew = Surroundings(keeping.catalog, keeping.mails, keeping.defaults, keeping.parts).planner()
        place = (now["tenant"], now["patterns"])
        assert outcome(planner, known, *place) == outcome(anew, fresh, *place)


REQUEST = pb2.CreateExportRequest(uri="/orders", format=export_pb2.FORMAT_CSV, request_id="first")


def planned(planner: Planner, message: Any = REQUEST, tenant: str = "acme", **more: Any) -> Plan:
    return planner.plan(decode.create_request(message, **more), tenant, NOW)


@pytest.fixture
def around(catalogs: list[Catalog]) -> Surroundings:
    return Surroundings(catalogs[0])


@pytest.fixture
def planner(around: Surroundings) -> Planner:
    return around.planner()


def other(**fields: Any) -> pb2.CreateExportRequest:
    message = pb2.CreateExportRequest()
    message.CopyFrom(REQUEST)
    message.MergeFrom(pb2.CreateExportRequest(**fields))
    return message


def test_another_request_id_is_no_other_outline_but_another_mark(planner: Planner) -> None:
    first, second = planned(planner), planned(planner, other(request_id="second"))
    assert planner.outlines.kept == 1
    assert second.export.options is first.export.options
    assert first.mark
    assert second.mark
    assert (second.mark.request_id, second.mark.digest) == ("second", first.mark.digest)


def test_times_and_the_id_are_those_of_the_call(planner: Planner) -> None:
    planned(planner)
    later = planner.plan(decode.create_request(REQUEST), "acme", NOW + timedelta(days=1)).export
    assert (later.id, later.create_time, later.update_time) == ("new", NOW + timedelta(days=1), NOW + timedelta(days=1))


def test_what_the_catalog_was_before_counts_no_more(
    around: Surroundings, planner: Planner, catalogs: list[Catalog]
) -> None:
    before = planned(planner).spec.relation
    around.catalog = catalogs[1]
    assert planned(planner).spec.relation != before


def test_targets_are_checked_each_time(around: Surroundings, planner: Planner) -> None:
    planned(planner, other(notify_email="anna@example.com"))
    around.mails = False
    with pytest.raises(InvalidRequest):
        planned(planner, other(notify_email="anna@example.com"))


def test_the_tenants_file_counts_as_it_is_now(around: Surroundings, planner: Planner) -> None:
    planned(planner)
    around.defaults = CallbackDefaults(CallbackFormat.SYNTAGE, "https://own.example.com")
    export = planned(planner).export
    assert (export.callback_url, export.options.callback_format) == ("https://own.example.com", CallbackFormat.SYNTAGE)
    assert planned(planner, tenant="other").export.callback_url == ""


def test_a_caller_who_may_not_read_gets_no_links_by_mail(planner: Planner) -> None:
    message = other(notify_email="anna@example.com")
    assert planned(planner, message, may_read=True).export.options.mail_links
    assert not planned(planner, message, may_read=False).export.options.mail_links


def test_a_format_that_only_a_preview_may_have_is_refused_afterwards(planner: Planner) -> None:
    request = decode.create_request(other(uri="/invoices", format=export_pb2.FORMAT_JSON))
    planner.plan(replace(request, any_format=True), "acme", NOW)
    with pytest.raises(InvalidRequest):
        planner.plan(request, "acme", NOW)


def test_neither_refusals_nor_passwords_nor_long_requests_are_kept(planner: Planner) -> None:
    for fields in ({"priority": 10}, {"request_id": "\n"}, {"uri": "/orders?stat=x"}):
        with pytest.raises(InvalidRequest):
            planned(planner, other(**fields))
    planned(planner, other(password="open sesame"))
    planned(planner, other(uri=f"/orders?id={'1' * MAX_KNOWN_BYTES}"))
    assert planner.outlines.kept == 0
    kept = decode._known_request.cache_info().currsize
    decode.create_request(other(password="never before"))
    assert decode._known_request.cache_info().currsize == kept


def test_a_request_without_a_message_is_not_kept(planner: Planner) -> None:
    planner.plan(CreateRequest(uri="/orders"), "acme", NOW)
    assert planner.outlines.kept == 0


def test_no_more_is_kept_than_has_room(around: Surroundings, planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlines, "MAX_KNOWN", 3)
    for number in range(10):
        planned(planner, other(uri=f"/orders?id={number}"))
        assert planner.outlines.kept <= 3
    monkeypatch.setattr(outlines, "MAX_CATALOGS_KNOWN", 2)
    for _ in range(5):
        around.catalog = replace(around.catalog)
        planned(planner)
        assert planner.outlines.kept <= 3
