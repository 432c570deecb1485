"""A call costs the same however many methods there are."""

from grpc_health.v1 import health_pb2_grpc

from exportd.v1 import export_service_pb2_grpc
from services.api.rpc.server import by_name


class Server:
    """What generated code adds to a server."""

    def __init__(self):
        self.services = []
        self.registered = []

    def add_generic_rpc_handlers(self, handlers):
        self.services += [handler.service_name() for handler in handlers]

    def add_registered_method_handlers(self, _, handlers):
        self.registered.append(handlers)


def test_generated_code_registers_no_method_of_which_each_call_would_go_through_all():
    server = Server()
    export_service_pb2_grpc.add_ExportServiceServicer_to_server(
        export_service_pb2_grpc.ExportServiceServicer(), by_name(server)
    )
    health_pb2_grpc.add_HealthServicer_to_server(health_pb2_grpc.HealthServicer(), by_name(server))
    assert server.services == ["exportd.v1.ExportService", "grpc.health.v1.Health"]
    assert not server.registered
