"""A sweep over all dataclasses of the services: what may be a secret is in no repr, and so in no log."""

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator

import services

SECRET = re.compile("password|secret|token|credential|digest|sealed|(?:^|_)keys?$|^url$|dsn|headers|options$")
"""Names of fields that hold a secret, or would if somebody wrote one."""

OF_SECRETS = re.compile(r"\b(?:str|bytes)\b")
"""Types of fields that can be a secret themselves. Other types are swept by themselves."""

NO_SECRETS = {
    "services.api.catalog.model.Collection.key": "columns that identify a row",
    "services.api.ports.exports.RequestMark.digest": "a keyed digest",
    "services.api.ports.sealed.InUse.keys": "counts by the id of a key",
    "services.api.ports.sealed.InUse.passwords": "counts by the id of a key",
    "services.api.settings.ApiSettings.secret_key_command": "the command, not what it prints",
    "services.api.storage.memory.data.MemoryData.keys": "keys, which have a repr of their own",
    "services.api.storage.sql.reading_line.Wanted.key": "a tenant, and what its exports require",
    "services.contract.outcome.Artifact.key": "the name of an object",
    "services.contract.spec.JobSpec.key": "columns that identify a row",
    "services.contract.spec.JobSpec.secret": "names of columns",
    "services.objects.settings.BucketStore.url": "s3://BUCKET/PREFIX; nothing else is accepted",
    "services.objects.uploads.OpenUpload.key": "the name of an object",
    "services.runtime.toml.Mistake.key": "a name in a file",
    "services.worker.bundle.attachments._Request.key": "values of the key of a row, for the paths of its files",
    "services.worker.ports.StoredFile.key": "the name of an object",
    "services.worker.sources.http.settings.HttpSettings.url": "credentials in it are refused",
    "services.worker.sources.introspect.tables.LiveTable.key": "columns that identify a row",
    "services.worker.writers.xlsx.sheet.SheetFrame.headers": "titles of columns",
}


def dataclasses_of_services() -> Iterator[type]:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.endswith("__main__") or ".migrations" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == module.name:
                yield value


def shown(kind: type) -> Iterator[str]:
    """The fields of a dataclass that its repr shows although their names or types look like a secret."""
    for field in dataclasses.fields(kind):
        if field.repr and SECRET.search(field.name) and OF_SECRETS.search(str(field.type)):
            yield f"{kind.__module__}.{kind.__name__}.{field.name}"


def test_no_dataclass_shows_a_field_that_may_be_a_secret() -> None:
    found = {name for kind in dataclasses_of_services() for name in shown(kind)}
    assert found - NO_SECRETS.keys() == set()
    assert NO_SECRETS.keys() - found == set()


def test_a_new_field_with_a_secret_is_found() -> None:
    @dataclasses.dataclass
    class Careless:
        user: str
        smtp_password: str
        token: str | bytes
        hidden_secret: str = dataclasses.field(repr=False)

    assert [name.rpartition(".")[2] for name in shown(Careless)] == ["smtp_password", "token"]
