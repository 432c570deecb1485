"""Fault 23: the process dies between the commit of an end and its announcement."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.api.domain.notifications import DeliveryState
from tests.integration.notify.conftest import Office, eventually
from tests.servers.webhook import Receiver
from tests.tiers import deep_but

ROOT = Path(__file__).parents[3]


def killed(database: Path, url: str, until: str, callback_format: str = "xdent") -> str:
    """The export that a process ended before it was killed."""
    program = [sys.executable, "-m", "tests.integration.notify.killed_notifier", str(database), url, until]
    program.append(callback_format)
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        export_id = process.stdout.readline().strip()
        process.kill()
    assert export_id
    return export_id


@pytest.mark.parametrize("until", deep_but(["committed", "held"], "held"))
async def test_fault_23_the_next_process_announces_what_a_killed_one_had_committed(
    office: Office, receiver: Receiver, tmp_path: Path, until: str
) -> None:
    export_id = killed(tmp_path / "exportd.sqlite3", receiver.url(), until)
    office.clock.real = True
    async with office.notifier().running(grace_s=30):
        await eventually(lambda: len(receiver.requests) == 1)
    (delivery,) = await office.store.outbox.deliveries("acme", export_id)
    assert (delivery.state, receiver.requests[0].headers["webhook-id"]) == (DeliveryState.SENT, delivery.id)
