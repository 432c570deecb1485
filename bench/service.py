"""The complete service with the workload: both processes as in production, called by the public client."""

import asyncio
import inspect
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psutil

from bench.peer import NotMeasured, Ran, peak_mb
from bench.places import Place, parquet_files
from bench.processor_time import Watched
from bench.stores import current
from bench.workload import COLUMNS, TYPES, folder
from demo.processes import DidNotStart, Services, running
from exportd_client import Export, ExportClient, ExportdError, FormatName, name_of


class Service:
    """An api and a worker with one format and one source, by default the files of the workload.

    `with` starts and stops both. Entering raises NotMeasured if they do not start.
    """

    def __init__(self, table_format: FormatName, source: Place | None = None, slots: int = 2) -> None:
        self._format: FormatName = table_format
        self._source = source
        self._directory = folder() / f"service-{table_format}"
        self._more = {"EXPORTD_SLOTS": str(slots)}
        self._stack = ExitStack()
        self._services: Services

    def __enter__(self) -> Self:
        configure(self._directory, self._format, self._source or parquet_files())
        more = self._more | current().settings(self.data)
        try:
            self._services = self._stack.enter_context(
                running(self._directory, self.data, "127.0.0.1:0", "127.0.0.1:0", **more)
            )
        except DidNotStart as problem:
            raise NotMeasured(str(problem).strip().splitlines()[-1][-300:]) from problem
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def export(self, which: int | str, name: str = "exportd", query: str = "", **options: Any) -> Ran:
        """Export the collection `invoices-{which}` and measure from its creation until it is COMPLETED.

        Then its file is downloaded, outside of that time, and named `name`. Rows of files come in the order of the
        file, others by their key, unless `query` has an order. `peak_mb` is the largest peak of a child of the worker
        since it started. Raises NotMeasured if the service refuses or fails.
        """
        return asyncio.run(self._export(f"/invoices-{which}{query}", name, options))

    @property
    def target(self) -> str:
        """The address of the api for callers."""
        return self._services.target

    @property
    def processes(self) -> dict[str, int]:
        """The process ids of both services, which are the parents of their children, and of the servers they use."""
        return {"api": self._services.api.pid, "worker": self._services.worker.pid, **current().processes}

    @property
    def data(self) -> Path:
        """The folder that EXPORTD_DATA_DIR names."""
        return self._directory / "data"

    def completed(self, which: int | str) -> Export:
        """Return a completed export of the collection `invoices-{which}`. Raises NotMeasured as `export` does."""
        return asyncio.run(self._completed(f"/invoices-{which}"))

    def stored(self, done: Export) -> Path:
        """Return the path of an export's file in the artifact store. Raises NotMeasured if that is not a folder."""
        size = done.file.size_bytes
        found = [p for p in (self.data / "artifacts").glob(f"{done.id}/*/*") if p.stat().st_size == size]
        if not found:
            raise NotMeasured("the bare stream reads the file from a folder")
        return found[0]

    async def _completed(self, uri: str) -> Export:
        try:
            async with ExportClient(self.target) as client:
                return await finished(client, (await client.create(uri, format=self._format)).id)
        except ExportdError as refused:
            raise NotMeasured(str(refused)[:300]) from refused

    async def _export(self, uri: str, name: str, options: dict[str, Any]) -> Ran:
        unknown = options.keys() - inspect.signature(ExportClient.create).parameters.keys()
        if unknown:
            raise NotMeasured(f"the client has no {', '.join(sorted(unknown))} yet")
        try:
            async with ExportClient(self._services.target) as client:
                before, started = self._processor_s(), time.perf_counter()
                made = await client.create(uri, format=self._format, **options)
                done = await finished(client, made.id)
                seconds, processor_s = time.perf_counter() - started, self._processor_s() - before
                peak = self._peak_mb()
                output = await self._fetched(client, done, name)
        except ExportdError as refused:
            raise NotMeasured(str(refused)[:300]) from refused
        return Ran(done.file.row_count, seconds, peak, output, processor_s)

    async def _fetched(self, client: ExportClient, done: Export, name: str) -> Path:
        kept = folder() / "out"
        kept.mkdir(exist_ok=True)
        output = kept / f"{name}.{done.file.extension}"
        await client.download(done, output)
        await client.delete(done.id)
        return output

    def _processor_s(self) -> float:
        """Return the processor seconds that both services and their children have used so far."""
        return Watched(self.processes).seconds()

    def _peak_mb(self) -> float:
        children = psutil.Process(self._services.worker.pid).children(recursive=True)
        return max((peak_mb(child.pid) for child in children), default=0.0)


async def finished(client: ExportClient, export_id: str) -> Export:
    """Return the export when it is COMPLETED. Raises NotMeasured if it ends otherwise."""
    async for export in client.watch(export_id):
        last = export
    if last.state != Export.STATE_COMPLETED:
        why = last.result.errors[-1].message if last.result.errors else "no word"
        raise NotMeasured(f"{name_of(Export.State, last.state)}: {why}"[:300])
    return last


def configure(directory: Path, table_format: FormatName, source: Place) -> None:
    """Recreate the directory, with a catalog and a sources file."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "catalog.toml").write_text(_catalog(source, table_format))
    (directory / "sources.toml").write_text(f'[sources.rows]\nkind = "{source.kind}"\n{source.settings}\n')


def _catalog(source: Place, table_format: str) -> str:
    collections = (_collection(*named, table_format) for named in source.relations.items())
    return f'[sources.rows]\nkind = "{source.kind}"\n' + "".join(collections)


def _collection(name: str, relation: str, table_format: str) -> str:
    columns = "\n".join(f'  {{ field = "{name}", type = "{TYPES.get(name, "text")}" }},' for name in COLUMNS)
    return f"""
[collections.{name.title().replace("-", "")}]
path = "/{name}"
source = "rows"
formats = ["{table_format.upper()}"]
columns = [
{columns}
]
{relation}
"""
