"""How callers of the measurements reach a server: plainly, or with TLS and an API key."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from exportd_client import ExportClient, Tls

_AUTHORITY, _KEY = "EXPORTD_BENCH_AUTHORITY", "EXPORTD_BENCH_KEY"
_OPTIONS = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True, slots=True)
class Access:
    """The file of the authority that has signed the server's certificate, and an API key. Both are empty without."""

    authority: str = ""
    key: str = ""

    @classmethod
    def of_process(cls) -> Self:
        """Return the access that this process was started with."""
        return cls(os.environ.get(_AUTHORITY, ""), os.environ.get(_KEY, ""))

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables for a process that calls."""
        return {**os.environ, _AUTHORITY: self.authority, _KEY: self.key}

    def channel(self, target: str) -> grpc.aio.Channel:
        """Return a channel."""
        if not self.authority:
            return grpc.aio.insecure_channel(target, options=_OPTIONS)
        credentials = grpc.ssl_channel_credentials(Path(self.authority).read_bytes())
        return grpc.aio.secure_channel(target, credentials, options=_OPTIONS)

    def metadata(self, tenant: str) -> Sequence[tuple[str, str]]:
        """Return what each call sends. A key has its own tenant."""
        return (("x-api-key", self.key),) if self.key else (("x-exportd-tenant", tenant),)

    def client(self, target: str) -> ExportClient:
        """Return a client."""
        if not self.authority:
            return ExportClient(target)
        return ExportClient(target, tls=Tls(ca=Path(self.authority)), api_key=self.key)
