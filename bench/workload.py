"""The rows of all measurements: invoices with ten columns, generated once into build/bench/rows.

They are in parts of a million rows each. Most measurements use part 0. Three parts fill three sheets, and ten show
whether memory grows. Each part has its own seed, so that all rows differ.
"""

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PART_ROWS = int(os.environ.get("EXPORTD_BENCH_ROWS", "1000000"))
"""A smaller number, with files in a folder of their own, tests whether a measurement works."""
PARTS = (1, 3, 10)
"""How many parts the collections have."""
COLUMNS = (
    "uuid", "issuer_rfc", "receiver_rfc", "issued_at", "type", "currency", "subtotal", "total", "concept", "items",
)  # fmt: skip
TYPES = {"issued_at": "timestamp", "subtotal": "decimal(18,2)", "total": "decimal(18,2)", "items": "integer"}
"""The types of columns in the catalog. Columns that are not listed are text."""

_SEED = 7
_START_S = 1_672_531_200  # 2023-01-01
_THREE_YEARS_S = 3 * 365 * 86_400
_GROUP_ROWS = 131_072
_CONCEPTS = [
    "Asesoría contable y fiscal",
    "Papelería & artículos de oficina",
    "Tornillos < 10 mm, niquelados",
    "Licencias > 50 usuarios",
    "Mantenimiento eléctrico, Peñón de los Baños",
    "Café de altura «Güero»",
    "Transporte México - Cancún",
    "Diseño gráfico & impresión <offset>",
]

Array: TypeAlias = "pa.Array[Any]"


def parts(folder: Path, count: int) -> list[Path]:
    """Return the first `count` (1 to 10) parts as Parquet files in `folder`. Missing ones are generated."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"part-{number}.parquet" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            half_done = path.with_suffix(".new")
            pq.write_table(invoices(PART_ROWS, _SEED + number), half_done, row_group_size=_GROUP_ROWS)
            half_done.rename(path)
    return paths


def few(folder: Path) -> Path:
    """Write ten rows to a Parquet file in `folder`, which take no time to export."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "few.parquet"
    pq.write_table(invoices(10, _SEED), path)
    return path


def glob_of(count: int) -> str:
    """Return the glob of the first `count` parts, which is the path of their collection."""
    return f"part-[0-{count - 1}].parquet"


def invoices(rows: int, seed: int) -> pa.Table:
    """Return generated rows. The same seed and count give the same rows."""
    random = np.random.default_rng(seed)
    subtotal = np.minimum(random.lognormal(7.5, 1.4, rows) * 100, 1e13).astype(np.int64)
    moments = (_START_S + random.integers(0, _THREE_YEARS_S, rows)) * 1_000_000
    columns: list[Array] = [
        _uuids(random, rows),
        _picked(random, _codes(random, 2000), rows),
        _picked(random, _codes(random, 2000), rows),
        pa.array(moments, pa.timestamp("us", "UTC")),
        _picked(random, ["I", "E", "T", "N", "P"], rows),
        _picked(random, ["MXN", "USD", "EUR"], rows),
        _money(subtotal),
        _money(subtotal + subtotal * 16 // 100),
        _picked(random, _CONCEPTS, rows),
        pa.array(random.integers(1, 100_000, rows)),
    ]
    return pa.table(columns, names=list(COLUMNS))


def _picked(random: np.random.Generator, values: list[str], rows: int) -> Array:
    return pa.array(values).take(random.integers(0, len(values), rows))


def _codes(random: np.random.Generator, count: int) -> list[str]:
    """Return texts of 12 characters, like the tax numbers of companies."""
    letters = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
    digits = np.frombuffer(b"0123456789", np.uint8)
    text = np.concatenate([random.choice(letters, (count, 3)), random.choice(digits, (count, 9))], axis=1)
    return [row.tobytes().decode() for row in text]


def _money(cents: "np.ndarray[Any, Any]") -> Array:
    """Return whole cents as decimals with two digits, which are 128-bit integers in memory."""
    words = np.zeros((len(cents), 2), np.int64)
    words[:, 0] = cents
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(words.tobytes())])


def _uuids(random: np.random.Generator, rows: int) -> Array:
    """Return random UUIDs (version 4) as text."""
    raw = random.integers(0, 256, (rows, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.full((rows, 36), ord("-"), np.uint8)
    places = [place for place in range(36) if place not in (8, 13, 18, 23)]
    text[:, places[0::2]] = digits[raw >> 4]
    text[:, places[1::2]] = digits[raw & 0x0F]
    ends = np.arange(0, 36 * (rows + 1), 36, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(ends.tobytes()), pa.py_buffer(text.tobytes()))


def folder() -> Path:
    """Return the folder of the rows and of everything derived from them."""
    return Path(os.environ.get("EXPORTD_BENCH_DIR", "build/bench"))
