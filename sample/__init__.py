"""The sample data and its catalog: `python -m sample DIR`.

DIR then has `catalog.toml` (for the api), `sources.toml` (for the worker) and the data that they name: the flights that
left New York City in 2013, and invented invoices in the form of Mexico's CFDI 4.0. In Python: `build.build`.
"""

from typing import Final

DEMO_ENTITY: Final = "0a3f61d2-7c4b-4e19-9b58-2d1c6e8f4a07"
"""The id of the only entity whose invoices have XML files. It does not depend on the seed."""
