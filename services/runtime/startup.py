"""Why a process does not start."""


class CannotStart(Exception):
    """What keeps a process from starting, and how to mend it: the message is for whoever starts it."""


class CannotListen(CannotStart):
    """The address is taken or not this machine's."""

    def __init__(self, address: str) -> None:
        super().__init__(f"cannot listen on {address}: it is in use, or not an address of this machine")
