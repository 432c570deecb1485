"""Passes on the hints of other processes."""

from services.api.live.shared.announcements import SharedAnnouncements
from services.api.live.shared.messages import Kind, Message
from services.api.live.shared.preview_desk import SharedPreviewDesk
from services.api.live.shared.workers import SharedWorkers
from services.runtime import logs


class Hearing:
    """Wakes what waits in this process, by the hints of others."""

    def __init__(
        self, process: str, announcements: SharedAnnouncements, workers: SharedWorkers, preview_desk: SharedPreviewDesk
    ) -> None:
        """`process` is the name of this process in its own messages."""
        self._process = process
        self._announcements = announcements
        self._workers = workers
        self._preview_desk = preview_desk

    def hear(self, payload: str) -> None:
        """Take a notification. Those of this process are ignored. One that makes no sense counts as `everything`."""
        message = Message.read(payload)
        if message.sender == self._process:
            return
        try:
            self._pass_on(message)
        except ValueError:
            logs.get().warning("hint_unknown", payload=payload)
            self.look_at_everything()

    def look_at_everything(self) -> None:
        """Wake everything that waits, because hints may have been lost."""
        self._announcements.look_at_everything()
        self._workers.look_again()
        self._preview_desk.look()

    def _pass_on(self, message: Message) -> None:
        if message.everything:
            self.look_at_everything()
            return
        self._announcements.heard(message)
        if message.items.get(Kind.WORKER):
            self._workers.look_again()
        if message.items.get(Kind.ASKED):
            self._preview_desk.look()
        for (preview_id,) in message.items.get(Kind.TOLD, ()):
            self._preview_desk.told(preview_id)
