"""Sample data and its catalog: `python -m sample DIR`.

DIR then holds `catalog.toml` (for the api), `sources.toml` (for the worker) and what they name: the flights that left
New York City in 2013, and invented invoices in the shape of Mexico's CFDI 4.0. From Python: `build.build`.
"""

from typing import Final

DEMO_ENTITY: Final = "0a3f61d2-7c4b-4e19-9b58-2d1c6e8f4a07"
"""Id of the one entity whose invoices have their XML beside them: always the same, whatever the seed."""
