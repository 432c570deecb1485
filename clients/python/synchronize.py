"""Generates exportd_client/sync from exportd_client/aio: the same methods, without `async`.

`python clients/python/synchronize.py FOLDER` writes the modules into FOLDER; `make proto` and `make proto-check` call
it. Three modules are not generated but written by hand, since threads and asyncio differ there: line, behind, threads.
"""

import re
import subprocess
import sys
from pathlib import Path

AIO = Path(__file__).with_name("exportd_client") / "aio"
MADE = ("client", "connection", "direct", "download", "download_links", "files", "keys", "operator", "tables")
BANNER = "# Made of exportd_client/aio/{name}.py by `make proto`: change that one.\n"
WORDS = (
    (r"import grpc\.aio\n", ""),
    (r"grpc\.aio\.AioRpcError", "grpc.RpcError"),
    (r"grpc\.aio\.", "grpc."),
    (r"exportd_client(\.| import |/)aio\b", r"exportd_client\1sync"),
    (r"\b(?:async|await) ", ""),
    (r"\baclosing\b", "closing"),
    (r"\banext\(", "next("),
    (r"\bAsyncGenerator\b", "Generator"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\b(Export|Key|Link|Operator)ServiceAsyncStub\b", r"\1ServiceStub"),
    (r"\bExportClient\b", "SyncExportClient"),
    (r"\bOperator\b(?!Service)", "SyncOperator"),
    (r"\bKeys\b", "SyncKeys"),
    (r"\bDownloadLinks\b", "SyncDownloadLinks"),
    (r"  # noqa: ASYNC109", ""),
)
"""Patterns and their replacements, applied in this order."""


def synchronous(source: str, name: str) -> str:
    """Return the source of a module for threads, generated from that of the module for asyncio."""
    for word, other in WORDS:
        source = re.sub(word, other, source)
    return BANNER.format(name=name) + source


def main(folder: Path) -> None:
    """Write all generated modules into `folder`, formatted with ruff."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.py" for name in MADE]
    for path in written:
        path.write_text(synchronous((AIO / path.name).read_text(encoding="utf-8"), path.stem), encoding="utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    config = Path(__file__).parents[2] / "pyproject.toml"
    for words in (["check", "--fix", "--exit-zero", "--select", "I,F401"], ["format"]):
        subprocess.run([ruff, *words, "--quiet", "--config", config, *written], check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main(Path(sys.argv[1]))
