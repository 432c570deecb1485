"""Files in a real object store: read in parts, fixed at the start, with credentials that show nowhere."""

import io
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import S3FileSystem

from demo.seaweed import ObjectStore
from services.contract.spec import Operator, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.stores.s3 import ObjectRoot, filesystem
from tests.integration.sources.source_specs import opened, read, settings_of, spec_of, type_of
from tests.servers.counting_relay import counting_relay
from tests.servers.object_store import BUCKET
from tests.tiers import deep_but

Put = Callable[[str, bytes], None]


@pytest.fixture
def root(object_store: ObjectStore) -> ObjectRoot:
    """A prefix of this test's own."""
    keys = object_store.access_key, object_store.secret_key
    return ObjectRoot(BUCKET, f"{uuid4()}/below", object_store.endpoint, "us-east-1", *keys)


@pytest.fixture
def store(root: ObjectRoot) -> S3FileSystem:
    return filesystem(root)


@pytest.fixture
def put(store: S3FileSystem, root: ObjectRoot) -> Put:
    """Write an object below the prefix."""

    def write(path: str, content: bytes) -> None:
        with store.open_output_stream(root.path(path)) as stream:
            stream.write(content)

    return write


def parquet(rows: int = 3, start: int = 0, row_group_size: int = 100_000) -> bytes:
    numbers = range(start, start + rows)
    table = pa.table({"id": numbers, "t": [f"text {n}" for n in numbers]})
    pq.write_table(table, sink := io.BytesIO(), row_group_size=row_group_size)
    return sink.getvalue()


def failure(root: ObjectRoot, path: str = "*.parquet") -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(root, spec_of("parquet", {"id": "integer"}, relation=Relation(path=path)))
    for secret in (root.bucket, root.prefix, root.endpoint, root.access_key, root.secret_key):
        assert secret not in failed.value.message
    return failed.value


def test_parquet_objects_of_a_glob_in_the_order_of_the_key(root: ObjectRoot, put: Put) -> None:
    put("2026/b.parquet", parquet(start=3))
    put("2026/a[1] é.parquet", parquet(start=0))
    put("2025/c.parquet", parquet(start=100))
    put("2026/deeper/d.parquet", parquet(start=200))
    done = read(root, spec_of("parquet", {"id": "integer", "t": "text"}, relation=Relation(path="2026/*.parquet")))
    assert done.rows == [{"id": n, "t": f"text {n}"} for n in range(6)]
    assert (done.matched, done.total) == (6, 6)


def test_csv_objects_with_columns_in_different_orders(root: ObjectRoot, put: Put) -> None:
    put("a.csv", b'id,t\r\n2,"x, ""y"""\r\n')
    put("b.csv", "\ufefft,id\r\nñ,1\r\n".encode())
    done = read(root, spec_of("csv", {"id": "integer", "t": "text"}))
    assert [tuple(row.values()) for row in done.rows] == [(1, "ñ"), (2, 'x, "y"')]


@pytest.mark.parametrize("kind", deep_but(["parquet", "csv"], "parquet"))
def test_a_large_object_is_whole_with_several_threads(root: ObjectRoot, put: Put, kind: str) -> None:
    rows = 200_000
    text = "id,t\n" + "".join(f'{n},"text {n}"\n' for n in range(rows))
    put(f"a.{kind}", parquet(rows, row_group_size=10_000) if kind == "parquet" else text.encode())
    done = read(root, spec_of(kind, {"id": "integer", "t": "text"}))
    assert [row["id"] for row in done.rows] == list(range(rows))
    assert all(row["t"] == f"text {row['id']}" for row in done.rows)


def test_partitions_that_cannot_match_are_not_opened(root: ObjectRoot, put: Put) -> None:
    put("m=1/a.parquet", parquet(start=10))
    put("m=2/a.parquet", b"neither Parquet nor anything")
    first = Term("m", type_of("integer"), Operator.EQUALS, (1,))
    spec = spec_of("parquet", {"id": "integer", "m": "integer"}, filter=first, relation=Relation(path="*/*.parquet"))
    assert [tuple(row.values()) for row in read(root, spec).rows] == [(10, 1), (11, 1), (12, 1)]
    assert failure(root, "*/*.parquet").code == "RELATION_INVALID"


def test_of_a_large_object_only_the_parts_that_are_needed_travel(root: ObjectRoot, put: Put) -> None:
    content = parquet(500_000, row_group_size=50_000)
    put("a.parquet", content)
    few = Term("id", type_of("integer"), Operator.LESS, (100,))
    with counting_relay(root.endpoint) as relay:
        there = replace(root, endpoint=relay.endpoint)
        assert read(there, spec_of("parquet", {"id": "integer"}, filter=few)).matched == 100
        assert 0 < relay.answered_bytes < len(content) / 4


def test_an_object_replaced_in_the_middle_ends_the_reading(root: ObjectRoot, put: Put) -> None:
    put("a.parquet", parquet())
    spec = spec_of("parquet", {"id": "integer"})
    with opened(root, spec) as reading:
        put("a.parquet", parquet(start=7))
        with pytest.raises(SourceFailed) as failed:
            list(reading.batches())
    assert failed.value.code == "SOURCE_CHANGED"


def test_objects_that_come_later_are_not_read(root: ObjectRoot, put: Put) -> None:
    put("a.parquet", parquet())
    spec = spec_of("parquet", {"id": "integer"})
    with opened(root, spec) as reading:
        put("b.parquet", parquet(start=7))
        assert sum(b.num_rows for b in reading.batches()) == reading.rows_matched() == 3


def test_nothing_outside_of_the_prefix_is_read(root: ObjectRoot, put: Put) -> None:
    put("a.parquet", parquet())
    beside = replace(root, prefix=f"{root.prefix}/a")
    assert failure(beside).code == "RELATION_MISSING"
    assert failure(replace(root, prefix=root.prefix[:-1])).code == "RELATION_MISSING"
    for path in ("../below/a.parquet", "/a.parquet", ".", "**", ""):
        assert failure(root, path).code == "RELATION_MISSING"


def test_a_store_that_refuses_the_keys_and_a_bucket_that_is_not_there(root: ObjectRoot, put: Put) -> None:
    put("a.parquet", parquet())
    for wrong in (replace(root, secret_key="something-else"), replace(root, bucket="no-such-bucket")):
        failed = failure(wrong)
        assert failed.code == "SOURCE_UNAVAILABLE"


def test_the_keys_show_nowhere(root: ObjectRoot) -> None:
    shown = repr(settings_of(root, "parquet"))
    assert root.secret_key not in shown
    assert root.access_key not in shown
