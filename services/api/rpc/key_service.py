"""KeyService over gRPC: decode, call, encode."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from exportd.v1 import key_service_pb2, key_service_pb2_grpc
from services.api.domain.key_texts import ID_CHARACTERS
from services.api.domain.keys import (
    CALLERS_SCOPES,
    MAX_LABEL_CHARACTERS,
    SCOPES_BEYOND_COLLECTIONS,
    Holder,
    Key,
    Scope,
    is_pattern,
)
from services.api.rpc import decode
from services.api.rpc.call import tenant_of
from services.api.rpc.gate import CALLER
from services.api.rpc.metadata import Context
from services.api.rpc.pages import Pages, one_more
from services.api.usecases.keys import Keys, NewKey
from services.contract.codec import duration_from_pb, enum_to_pb, timestamp_to_pb
from services.contract.errors import InvalidRequest, Violation

MAX_PARTS = 100
"""The largest number of sources, tenants or collections of a key."""

MAX_PART_CHARACTERS = 128
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=3650)
OVERLAP, MAX_OVERLAP = timedelta(days=1), timedelta(days=30)

_IDS = re.compile(f"[0-9A-Za-z]{{{ID_CHARACTERS}}}")
_SCOPES = {number: Scope[name.removeprefix("SCOPE_")] for name, number in key_service_pb2.Scope.items() if number}


class KeyServicer(key_service_pb2_grpc.KeyServiceServicer):
    """Implements KeyService."""

    def __init__(self, keys: Keys, pages: Pages) -> None:
        self._keys = keys
        self._pages = pages

    async def CreateKey(
        self, request: key_service_pb2.CreateKeyRequest, context: Context
    ) -> key_service_pb2.CreateKeyResponse:
        wanted = _wanted(request, tenant_of(context))
        return _created(*await self._keys.create(wanted, CALLER.get().key))

    async def ListKeys(
        self, request: key_service_pb2.ListKeysRequest, context: Context
    ) -> key_service_pb2.ListKeysResponse:
        tenant = _own_only(context)

        async def fetch(after: str, count: int) -> Sequence[Key]:
            return await self._keys.page(tenant, after, count)

        keys, token = await self._pages.filled(
            self._pages.asked(request, tenant or ""), one_more(fetch, _id_of), _encoded, _id_of
        )
        return key_service_pb2.ListKeysResponse(keys=keys, next_page_token=token)

    async def RevokeKey(self, request: key_service_pb2.RevokeKeyRequest, context: Context) -> key_service_pb2.Key:
        return _encoded(await self._keys.revoke(_key_id(request.key_id), _own_only(context)))

    async def RotateKey(
        self, request: key_service_pb2.RotateKeyRequest, context: Context
    ) -> key_service_pb2.CreateKeyResponse:
        given = request.overlap if request.HasField("overlap") else None
        overlap = OVERLAP if given is None else _length(given, "overlap", timedelta(), MAX_OVERLAP)
        key_id, tenant = _key_id(request.key_id), _own_only(context)
        return _created(*await self._keys.rotate(key_id, tenant, overlap, CALLER.get().key))


def _own_only(context: Context) -> str | None:
    """Return the only tenant whose keys the caller sees; None if it sees all."""
    key = CALLER.get().key
    return tenant_of(context) if key and not key.all_tenants else None


def _wanted(request: key_service_pb2.CreateKeyRequest, own: str) -> NewKey:
    """Return the key to create. Raises InvalidRequest with all violations."""
    worker = request.holder == key_service_pb2.KEY_HOLDER_WORKER
    violations = [Violation(field, text) for field, text in _faults(request, worker=worker) if text]
    if violations:
        raise InvalidRequest(tuple(violations))
    return NewKey(
        holder=Holder.WORKER if worker else Holder.CALLER,
        tenant="" if worker else decode.tenant([request.tenant or own]),
        label=request.label,
        scopes=frozenset() if worker else frozenset(_SCOPES[s] for s in request.scopes) or CALLERS_SCOPES,
        all_tenants=request.all_tenants,
        sources=frozenset(request.sources),
        collections=frozenset(request.collections),
        tenants=frozenset(request.tenants),
        lasts=_length(request.lasts, "lasts", SHORTEST, LONGEST) if request.HasField("lasts") else None,
    )


def _faults(request: key_service_pb2.CreateKeyRequest, *, worker: bool) -> Iterator[tuple[str, str]]:
    """Yield each field with what is wrong with it; an empty text means that nothing is."""
    label, scopes = request.label, request.scopes
    labelled = len(label) <= MAX_LABEL_CHARACTERS and (not label or label.isprintable())
    known = all(scope in _SCOPES for scope in scopes)
    of_workers, of_callers = "is for workers", "is for callers"
    yield "holder", "" if request.holder in key_service_pb2.KeyHolder.values() else "is none that is known"
    yield "tenant", of_callers if worker and request.tenant else ""
    yield "label", "" if labelled else f"must be at most {MAX_LABEL_CHARACTERS} printable characters"
    yield "scopes", of_callers if worker and scopes else "" if known else "has one that is not known"
    yield "all_tenants", of_callers if worker and request.all_tenants else ""
    yield "sources", of_workers if request.sources and not worker else _fault_of_parts(request.sources)
    yield "tenants", of_workers if request.tenants and not worker else _fault_of_parts(request.tenants)
    yield "collections", of_callers if request.collections and worker else _fault_of_collections(request)


def _fault_of_parts(parts: Sequence[str]) -> str:
    few = len(parts) <= MAX_PARTS and all(0 < len(part) <= MAX_PART_CHARACTERS for part in parts)
    return "" if few else f"must be at most {MAX_PARTS}, each of 1 to {MAX_PART_CHARACTERS} characters"


def _fault_of_collections(request: key_service_pb2.CreateKeyRequest) -> str:
    scopes = {_SCOPES.get(scope) for scope in request.scopes}
    if request.collections and scopes & SCOPES_BEYOND_COLLECTIONS:
        return "go with the scopes create, read and cancel only"
    if all(map(is_pattern, request.collections)):
        return _fault_of_parts(request.collections)
    return "each must be the type of a collection, in which * and ? may stand for any characters and for one"


def _length(message: Duration, field: str, least: timedelta, most: timedelta) -> timedelta:
    """Return a duration within these limits. Raises InvalidRequest."""
    with suppress(ValueError, OverflowError):
        length = duration_from_pb(message)
        if least <= length <= most:
            return length
    raise InvalidRequest((Violation(field, f"must be {least.total_seconds():.0f} s to {most.days} days"),))


def _key_id(text: str) -> str:
    if not _IDS.fullmatch(text):
        raise InvalidRequest((Violation("key_id", f"must be {ID_CHARACTERS} letters and digits"),))
    return text


def _id_of(key: Key) -> str:
    return key.id


def _created(key: Key, text: str) -> key_service_pb2.CreateKeyResponse:
    return key_service_pb2.CreateKeyResponse(key=_encoded(key), text=text)


def _encoded(key: Key) -> key_service_pb2.Key:
    return key_service_pb2.Key(
        id=key.id,
        holder=enum_to_pb(key_service_pb2.KeyHolder, key.holder),
        tenant=key.tenant,
        label=key.label,
        scopes=[enum_to_pb(key_service_pb2.Scope, scope) for scope in sorted(key.scopes, key=lambda s: s.value)],
        all_tenants=key.all_tenants,
        sources=sorted(key.sources),
        create_time=timestamp_to_pb(key.create_time),
        expire_time=timestamp_to_pb(key.expire_time),
        revoke_time=timestamp_to_pb(key.revoke_time),
        collections=sorted(key.collections),
        tenants=sorted(key.tenants),
    )
