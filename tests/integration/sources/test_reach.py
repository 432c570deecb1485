"""Whether a source can be reached, asked of real servers; and what is said when TLS is why it can not."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from demo.seaweed import ObjectStore
from services.contract.spec import AttachmentSpec, Relation, SourceRef
from services.worker.sources.attachments.settings import BucketSettings, FolderSettings
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from services.worker.sources.stores.s3 import ObjectRoot, filesystem
from tests.integration.sources.source_specs import read, spec_of
from tests.servers import databases, mariadb
from tests.servers.certificates import certified
from tests.servers.object_store import BUCKET
from tests.threads import ended
from tests.tiers import deep, deep_but

ELSEWHERE = "127.0.0.1:1"
UNREACHED = (SourceFailed, OSError)


def reach(settings: SourceSettings) -> None:
    Sources({"things": settings}).reach("things")


def bucket(store: ObjectStore, name: str = BUCKET, **changes: str) -> ObjectRoot:
    keys = {"access_key": store.access_key, "secret_key": store.secret_key, **changes}
    return ObjectRoot(name, "below", store.endpoint, "us-east-1", **keys)


def mysql(url: str) -> MysqlSettings:
    return MysqlSettings("things", url.replace("mysql:", "mysql+pymysql:"))


def test_postgresql() -> None:
    url = databases.new_database()
    reach(PostgresSettings("things", url))
    for wrong in (url.replace("/test_", "/nothing_"), f"postgresql://me:hunter2@{ELSEWHERE}/x"):
        with pytest.raises(UNREACHED) as failed:
            reach(PostgresSettings("things", wrong))
        assert "hunter2" not in f"{failed.value} {failed.value.__cause__}"


@mariadb.needed
def test_mariadb() -> None:
    url = mariadb.new_database()
    reach(mysql(url))
    for wrong in (url.replace("root@", "nobody:hunter2@"), f"mysql://me:hunter2@{ELSEWHERE}/x"):
        with pytest.raises(UNREACHED) as failed:
            reach(mysql(wrong))
        assert "hunter2" not in f"{failed.value} {failed.value.__cause__}"


def test_files_of_databases_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").touch()
    settings: list[SourceSettings] = [
        SqliteSettings("things", tmp_path / "a.sqlite3"),
        CsvSettings("things", tmp_path),
        ParquetSettings("things", tmp_path),
        FolderSettings("things", tmp_path),
    ]
    for each in settings:
        reach(each)
    absent: list[SourceSettings] = [
        SqliteSettings("things", tmp_path / "none" / "a.sqlite3"),
        OtherSqlSettings("things", f"duckdb:///{tmp_path}/none.duckdb"),
        CsvSettings("things", tmp_path / "none"),
        ParquetSettings("things", tmp_path / "none"),
        FolderSettings("things", tmp_path / "none"),
    ]
    for each in absent:
        with pytest.raises(UNREACHED):
            reach(each)


def test_an_api() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        reach(HttpSettings("things", url, allow_private=True))
    with pytest.raises(UNREACHED):
        reach(HttpSettings("things", url, allow_private=True))


def test_an_api_at_a_private_address_is_none() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server, pytest.raises(Exception, match=r"127\.0\.0\.1"):
        reach(HttpSettings("things", f"http://127.0.0.1:{server.getsockname()[1]}"))


@pytest.mark.parametrize(
    "made", deep_but([ParquetSettings, BucketSettings], ParquetSettings), ids=["files", "attachments"]
)
def test_an_object_store(object_store: ObjectStore, made: type) -> None:
    root = bucket(object_store)
    with filesystem(root).open_output_stream(root.path("a.pdf")) as stream:  # it makes its bucket with the first object
        stream.write(b"a")
    reach(made("things", bucket(object_store)))
    with pytest.raises(UNREACHED):
        reach(made("things", bucket(object_store, "no-such-bucket")))
    with pytest.raises(UNREACHED):
        reach(made("things", ObjectRoot(BUCKET, "", f"http://{ELSEWHERE}")))


def test_an_object_store_that_answers_is_reached_whatever_it_lets_the_account_do(object_store: ObjectStore) -> None:
    reach(ParquetSettings("things", bucket(object_store, access_key="nobody", secret_key="nothing")))


# ---- TLS


@contextmanager
def doubtful(directory: Path) -> Iterator[int]:
    """A port where TLS is spoken with a certificate that nobody vouches for."""
    certificate = certified(directory)
    with ended(), socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_shake_hands, args=(server, certificate.server), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)  # closing it does not wake who accepts


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # the test is over
        while True:
            connection, _ = server.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)


@deep
def test_of_an_object_store_the_reason_of_tls_is_told(tmp_path: Path) -> None:
    with doubtful(tmp_path) as port:
        root = ObjectRoot("some-bucket", "", f"https://localhost:{port}", "us-east-1")
        with pytest.raises(SourceFailed) as of_rows:
            read(root, spec_of("parquet", {"id": "integer"}, relation=Relation(path="*.parquet")))
        attachment = AttachmentSpec("a.pdf", SourceRef("things", "object"), "a.pdf")
        files = Sources({"things": BucketSettings("things", root)}).open_attachments((attachment,))
        with closing(files), pytest.raises(SourceFailed) as of_attachments:
            files.open(attachment, "a.pdf", {})
    for failed in (of_rows.value, of_attachments.value):
        assert failed.code == "SOURCE_UNAVAILABLE"
        assert failed.message.startswith("The source 'things' cannot be read now: TLS: SSL peer certificate")
        assert str(port) not in failed.message


@mariadb.needed
def test_of_a_mysql_server_the_reason_of_tls_is_told(tmp_path: Path) -> None:
    ca_file = certified(tmp_path).ca_file
    certified(tmp_path, "other.example")
    with mariadb.over_tls(tmp_path / "other.example.pem") as port:
        url = f"mysql://root@127.0.0.1:{port}/mysql?ssl_ca={ca_file}"
        with pytest.raises(SourceFailed) as failed:
            reach(mysql(url))
        assert failed.value.code == "SOURCE_UNAVAILABLE"
        assert failed.value.message == ("The source 'things' cannot be read now: TLS: self-signed certificate.")


@mariadb.needed
def test_a_mysql_server_without_tls_is_not_spoken_to_when_the_address_asks_for_it(tmp_path: Path) -> None:
    url = f"{mariadb.new_database()}&ssl_ca={certified(tmp_path).ca_file}"
    with pytest.raises(SourceFailed) as failed:
        reach(mysql(url))
    assert failed.value.message == "The source 'things' cannot be read now: TLS: the server does not support it."
