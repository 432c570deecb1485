"""What the interfaces say is served."""

import pytest

from exportd.queue.v1 import job_queue_service_pb2
from exportd.v1 import export_service_pb2, operator_service_pb2
from services.api.rpc.export_service import ExportServicer
from services.api.rpc.operator_service import OperatorServicer
from services.api.rpc.queue.queue_service import JobQueueServicer

SERVED = [
    (export_service_pb2.DESCRIPTOR.services_by_name["ExportService"], ExportServicer),
    (operator_service_pb2.DESCRIPTOR.services_by_name["OperatorService"], OperatorServicer),
    (job_queue_service_pb2.DESCRIPTOR.services_by_name["JobQueueService"], JobQueueServicer),
]


@pytest.mark.parametrize(("service", "servicer"), SERVED, ids=lambda each: getattr(each, "name", ""))
def test_every_call_of_the_interface_is_served(service, servicer) -> None:
    """A method that the servicer only inherits answers UNIMPLEMENTED."""
    assert [method.name for method in service.methods if method.name not in vars(servicer)] == []
