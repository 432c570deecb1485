"""Notices and deliveries of them."""

import ipaddress
from datetime import UTC, datetime

from services.api.domain.notifications import Channel, Delivery, DeliveryState

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
NOTICE = {
    "idExportJob": "01935a00-0000-7000-8000-000000000001",
    "exportType": "Facturas año",
    "success": True,
    "status": "COMPLETED",
    "errorMessages": [],
    "durationMs": 2_500,
    "fileName": "invoices.xlsx",
    "fileSizeBytes": 1_234_567,
}


def delivery(channel: Channel, target: str) -> Delivery:
    return Delivery(
        id="msg_1",
        export_id=str(NOTICE["idExportJob"]),
        tenant="default",
        run=1,
        channel=channel,
        target=target,
        notice=NOTICE,
        state=DeliveryState.PENDING,
        attempt=1,
        next_attempt_time=START,
        create_time=START,
        end_time=None,
    )


def callback_to(url: str) -> Delivery:
    return delivery(Channel.CALLBACK, url)
