"""Authentication: turns credentials into a caller or a worker, or refuses the call."""

import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from services.api.domain.keys import Holder, Key, Scope
from services.api.domain.leases import EVERYWHERE, Reach
from services.api.domain.tokens import Token
from services.api.ports.live import WorkerIdentities, WorkerIdentity
from services.api.ports.tokens import Tokens
from services.api.rpc.links.admission import LinkAdmission
from services.api.rpc.metadata import Context, metadata
from services.api.usecases.keys import KnownKeys
from services.api.usecases.sight import COLLECTIONS
from services.contract.errors import BadCredentials, ScopeMissing, WorkerForbidden
from services.runtime import logs

KEY_NAME = "x-api-key"
AUTHORIZATION_NAME = "authorization"

SCOPES: dict[str, Scope] = {
    "/exportd.v1.ExportService/CancelExport": Scope.CANCEL,
    "/exportd.v1.ExportService/CreateExport": Scope.CREATE,
    "/exportd.v1.ExportService/DeleteExport": Scope.CANCEL,
    "/exportd.v1.ExportService/DownloadFile": Scope.READ,
    "/exportd.v1.ExportService/FindIds": Scope.READ,
    "/exportd.v1.ExportService/GetCollection": Scope.READ,
    "/exportd.v1.ExportService/GetDownloadUrl": Scope.READ,
    "/exportd.v1.ExportService/GetExport": Scope.READ,
    "/exportd.v1.ExportService/GetFile": Scope.READ,
    "/exportd.v1.ExportService/GetUsage": Scope.READ,
    "/exportd.v1.ExportService/ListCollections": Scope.READ,
    "/exportd.v1.ExportService/ListDeliveries": Scope.READ,
    "/exportd.v1.ExportService/ListExports": Scope.READ,
    "/exportd.v1.ExportService/ListTransitions": Scope.READ,
    "/exportd.v1.ExportService/PreviewExport": Scope.CREATE,
    "/exportd.v1.ExportService/WatchExport": Scope.READ,
    "/exportd.v1.KeyService/CreateKey": Scope.KEYS,
    "/exportd.v1.KeyService/ListKeys": Scope.KEYS,
    "/exportd.v1.KeyService/RevokeKey": Scope.KEYS,
    "/exportd.v1.KeyService/RotateKey": Scope.KEYS,
    "/exportd.v1.LinkService/CreateDownloadLink": Scope.READ,
    "/exportd.v1.LinkService/GetLinkedFile": Scope.READ,
    "/exportd.v1.LinkService/ListDownloadLinks": Scope.READ,
    "/exportd.v1.LinkService/RevokeDownloadLink": Scope.READ,
    "/exportd.v1.LinkService/UseDownloadLink": Scope.READ,
    "/exportd.v1.OperatorService/DrainWorker": Scope.OPERATE,
    "/exportd.v1.OperatorService/GetQueue": Scope.OPERATE,
    "/exportd.v1.OperatorService/GetTenantUsage": Scope.OPERATE,
    "/exportd.v1.OperatorService/ListAuditEntries": Scope.OPERATE,
    "/exportd.v1.OperatorService/ListRunningExports": Scope.OPERATE,
    "/exportd.v1.OperatorService/ListWorkers": Scope.OPERATE,
    "/exportd.v1.OperatorService/RedeliverNotification": Scope.OPERATE,
    "/exportd.v1.OperatorService/RetryExport": Scope.OPERATE,
}
"""The scope that a key needs for each method. A method that is not listed is refused for every key.

Methods that are open to links need no key, if there is a link.
"""

OF_ALL_TENANTS = frozenset({"/exportd.v1.OperatorService/DrainWorker", "/exportd.v1.OperatorService/ListWorkers"})
"""Methods that need a key for all tenants, since workers belong to no tenant."""

ANONYMOUS = "anonymous"
"""The principal of a caller without credentials: on loopback, as long as no key exists."""

_BEARER = re.compile("[Bb]earer ([^ ]{1,8000})")


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a call.

    `key` is its key, or the rights of its token, which have the form of a key without an id. It is None on loopback as
    long as no credentials are needed. `subject` is the provider's name for the holder of the token.
    """

    key: Key | None = None
    subject: str = ""

    @classmethod
    def with_token(cls, token: Token) -> "Caller":
        """Return the caller who has a token."""
        return cls(token.rights, token.subject)

    @property
    def principal(self) -> str:
        """Who calls, as text for logs and records.

        It is `key:` and the id of the key, `oidc:` and the subject of the token, or ANONYMOUS without credentials.
        """
        if self.key is None:
            return ANONYMOUS
        return f"oidc:{self.subject}" if self.subject else f"key:{self.key_id}"

    @property
    def key_id(self) -> str:
        """The id of the caller's key; empty if there is none."""
        return self.key.id if self.key else ""

    def may(self, scope: Scope) -> bool:
        """Whether the caller has a scope. Without keys everybody has each."""
        return self.key is None or scope in self.key.scopes

    def sees(self, tenant: str) -> bool:
        """Whether the caller may see data of this tenant."""
        return self.only_tenant in ("", tenant)

    @property
    def only_tenant(self) -> str:
        """The only tenant whose data the caller may see; empty if it may see all tenants."""
        return "" if self.key is None or self.key.all_tenants else self.key.tenant


CALLER: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - frozen
"""The caller of the current call."""

REACH: ContextVar[Reach] = ContextVar("reach", default=EVERYWHERE)
"""What the calling worker may be given."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The credentials of a call: the text of a key, of a token (`is_token`) of the identity provider, or of a link
    (`is_link`).

    Without text there was a certificate (`certified`), or nothing.
    """

    holder: Holder
    text: str = field(default="", repr=False)
    certified: bool = False
    is_token: bool = False
    is_link: bool = False


class Gate(Protocol):
    """Decides about every call on a port."""

    async def admit(self, method: str, request: Any, context: Context) -> Credential:
        """Admit the call and return its credentials, or raise NotAllowed or ProviderUnavailable.

        `method` is the full name of the method.
        """
        ...

    async def check(self, credential: Credential) -> None:
        """Raise NotAllowed if the credentials of an admitted call are no longer valid.

        Raises StoreUnavailable or ProviderUnavailable if that is not known.
        """
        ...


async def _check(keys: KnownKeys, credential: Credential) -> None:
    if credential.text:
        stands = await keys.find(credential.holder, credential.text) is not None
    else:
        stands = credential.certified or not await keys.required(credential.holder)
    if not stands:
        raise BadCredentials("the key has expired or was revoked")


_NO_KEY, _NO_TOKEN = Credential(Holder.CALLER), Credential(Holder.WORKER)


class CallersGate:
    """Admits callers with a key, with a download link or, if there are `tokens`, with a token of the identity provider.

    On loopback no credentials are needed as long as there is neither a key nor a provider.
    """

    def __init__(self, keys: KnownKeys, links: LinkAdmission, tokens: Tokens | None = None) -> None:
        self._keys = keys
        self._links = links
        self._tokens = tokens

    async def admit(self, method: str, request: Any, context: Context) -> Credential:  # noqa: ARG002 - see Gate
        credential = _shown(Holder.CALLER, context)
        if links := self._links.texts(context):
            if credential.text:
                raise BadCredentials("there are other credentials beside the link: send one")
            return Credential(Holder.CALLER, await self._links.admit(method, links), is_link=True)
        if not credential.text and not await self._required():
            CALLER.set(Caller())
            return _NO_KEY
        caller, key = await self._caller(credential)
        logs.bind(**({"key_id": key.id} if key.id else {"principal": caller.principal}))
        _check_scope(method, key)
        CALLER.set(caller)
        if key.collections:
            COLLECTIONS.set(key.collections)
        return credential

    async def check(self, credential: Credential) -> None:
        if credential.is_link:
            await self._links.check(credential.text)
        elif credential.is_token:
            await self._token(credential.text)
        else:
            await _check(self._keys, credential)

    async def _required(self) -> bool:
        return self._tokens is not None or await self._keys.required(Holder.CALLER)

    async def _caller(self, credential: Credential) -> tuple[Caller, Key]:
        if credential.is_token:
            token = await self._token(credential.text)
            return Caller.with_token(token), token.rights
        key = await _known(self._keys, Holder.CALLER, credential.text)
        return Caller(key), key

    async def _token(self, text: str) -> Token:
        if self._tokens is None:
            raise BadCredentials("this service has no identity provider, and accepts only its own keys")
        return await self._tokens.check(text)


def _check_scope(method: str, key: Key) -> None:
    """Raise ScopeMissing unless the key allows the method."""
    scope = SCOPES.get(method)
    if scope is None or scope not in key.scopes:
        raise ScopeMissing(scope.value if scope else "that no key has")
    if method in OF_ALL_TENANTS and not key.all_tenants:
        raise ScopeMissing(f"{scope.value} for all tenants")


class WorkersGate:
    """Admits workers with a token, or with a requested certificate whose name is allowed.

    A worker's id belongs to the identity that it was first used with, as long as the credentials of that are valid.
    """

    def __init__(
        self,
        keys: KnownKeys,
        identities: WorkerIdentities,
        allowed_names: Iterable[str],
        *,
        by_certificate: bool,
    ) -> None:
        """`allowed_names` are patterns such as `*.workers.example`.

        If there are none, every name signed by the authority is allowed.
        """
        self._keys = keys
        self._identities = identities
        self._names = tuple(allowed_names)
        self._by_certificate = by_certificate

    async def admit(self, method: str, request: Any, context: Context) -> Credential:  # noqa: ARG002 - see Gate
        identity, reach, credential = await self._identity(context)
        REACH.set(reach)
        worker_id = getattr(request, "worker_id", "")
        if worker_id and not await self._identities.take(worker_id, identity, self._stands):
            raise WorkerForbidden(worker_id)
        return credential

    async def check(self, credential: Credential) -> None:
        await _check(self._keys, credential)

    async def _stands(self, identity: WorkerIdentity) -> bool:
        if identity.key_id:
            return await self._keys.is_valid(identity.key_id)
        return bool(identity.name) or not await self._keys.required(Holder.WORKER)

    async def _identity(self, context: Context) -> tuple[WorkerIdentity, Reach, Credential]:
        """Return who the worker is, what it may be given, and its credentials. Raises BadCredentials."""
        shown = _shown(Holder.WORKER, context)
        if shown.text:
            key = await _known(self._keys, Holder.WORKER, shown.text)
            logs.bind(key_id=key.id)
            identity = WorkerIdentity(f"key {key.lineage}", key.id)
            return identity, Reach(key.sources, key.tenants), Credential(Holder.WORKER, shown.text)
        if self._by_certificate:
            identity = WorkerIdentity(f"certificate {self._name_of(context)}")
            return identity, EVERYWHERE, Credential(Holder.WORKER, certified=True)
        if await self._keys.required(Holder.WORKER):
            raise BadCredentials("this call needs the token of a worker")
        return WorkerIdentity(""), EVERYWHERE, _NO_TOKEN

    def _name_of(self, context: Context) -> str:
        names = [name.decode() for name in context.auth_context().get("x509_subject_alternative_name", ())]
        allowed = [n for n in names if not self._names or any(fnmatchcase(n, pattern) for pattern in self._names)]
        if not allowed:
            raise BadCredentials("no name in the certificate is one of a worker")
        return allowed[0]


async def _known(keys: KnownKeys, holder: Holder, text: str) -> Key:
    if not text:
        raise BadCredentials("this call needs a key")
    key = await keys.find(holder, text)
    if key is None:
        raise BadCredentials("the key is not known, has expired or was revoked")
    return key


def _shown(holder: Holder, context: Context) -> Credential:
    """Return the credentials of the call; their text is empty if there are none.

    A text with a dot is a token: no key has one. Raises BadCredentials if there are several, or if they are malformed.
    """
    keys, bearers = metadata(context, KEY_NAME), metadata(context, AUTHORIZATION_NAME)
    if len(keys) + len(bearers) > 1:
        raise BadCredentials("there are several credentials: send one key or one token")
    for text in keys:
        if not text:
            raise BadCredentials("the key is empty")
        return Credential(holder, text)
    for value in bearers:
        bearer = _BEARER.fullmatch(value)
        if bearer is None:
            raise BadCredentials("authorization must be Bearer and a key or a token")
        return Credential(holder, bearer[1], is_token="." in bearer[1])
    return Credential(holder)
