"""What tests of writers share."""

import pytest

from services.worker.writers import csv


@pytest.fixture(scope="module", params=[0, csv.FEW_CELLS], ids=["polars", "by hand"])
def few_cells(request):
    """Both ways in which the few rows of a test may be written as CSV."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv, "FEW_CELLS", request.param)
        yield
