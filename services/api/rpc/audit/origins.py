"""Where a call comes from, as its entries in the audit trail say it."""

import re
from functools import lru_cache
from urllib.parse import unquote

from services.api.domain.audit import Origin
from services.api.rpc.audit.decisions import ACTIONS
from services.api.rpc.gate import CALLER
from services.api.rpc.links.admission import LINK
from services.api.rpc.metadata import Context
from services.api.usecases.origin import ORIGIN

MAX_PEERS_KNOWN = 1024
"""How many connections' addresses are kept: each makes many calls."""

_PEER = re.compile(r"ipv[46]:(.*):[0-9]{1,5}")
_AUDITED = frozenset(method for method, actions in ACTIONS.items() if actions)


def keep_origin(method: str, request_id: str, context: Context) -> None:
    """Keep where an admitted call comes from, if it makes entries."""
    if method in _AUDITED:
        ORIGIN.set(Origin(_principal(), request_id, address_of(context.peer())))


def _principal() -> str:
    """Return who calls: a link takes the place of a key."""
    link = LINK.get()
    return f"link:{link.link.id}" if link else CALLER.get().principal


@lru_cache(MAX_PEERS_KNOWN)
def address_of(peer: str) -> str:
    """Return the address in gRPC's text of a peer: without its port, which says nothing later.

    The text is as it is if it has another form, such as that of a socket in the file system.
    """
    found = _PEER.fullmatch(peer)
    return unquote(found[1]).strip("[]") if found else peer
