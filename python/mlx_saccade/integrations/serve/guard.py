"""Refuse requests that a web page of somebody else has sent, and those without the key.

A page may send requests to a server on the loopback. It cannot hide its name in the header Origin, and a name that was
bound to 127.0.0.1 afterwards (DNS rebinding) is in the header Host. A POST without JSON's content type, which a browser
sends without asking, is refused where its body is read.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mlx_saccade.errors import InputError, brief
from mlx_saccade.integrations.serve.errors import RefusedError, respond_with

__all__ = ["LOOPBACK_ORIGIN", "Access", "ApiKeyCheck", "OriginCheck", "check_origin", "is_loopback"]

LOOPBACK_ORIGIN = r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/@]+)(?::\d{1,5})?")


@dataclass(frozen=True)
class Access:
    """The rule on who may use the server.

    Attributes:
        api_key: without which nothing but /health is answered; None asks for no key.
        origins: of web pages that may send requests, beside those of the loopback.
        any_host: True accepts every header Host, for a server that others reach by its name.
    """

    api_key: str | None = None
    origins: tuple[str, ...] = ()
    any_host: bool = False


class OriginCheck:
    """A layer that refuses foreign headers Host and Origin with 403."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and (refusal := self._refusal(Headers(scope=scope))) is not None:
            await respond_with(refusal)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, headers: Headers) -> RefusedError | None:
        hosts = headers.getlist("host")
        if not self.access.any_host and not (len(hosts) == 1 and _is_loopback_host(hosts[0])):
            name = brief(hosts[0]) if hosts else "none"
            return RefusedError(403, f"Host: expected localhost or 127.0.0.1; got {name}", code="forbidden_host")
        for origin in headers.getlist("origin"):
            if origin not in self.access.origins and re.fullmatch(LOOPBACK_ORIGIN, origin) is None:
                return RefusedError(
                    403,
                    f"Origin: expected a page of this machine; got {brief(origin)}. Start the server with "
                    "--allow-origin and its name",
                    code="forbidden_origin",
                )
        return None


class ApiKeyCheck:
    """A layer that refuses requests without the key with 401; only /health needs none."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        key = self.access.api_key
        if scope["type"] == "http" and key is not None and scope["path"] != "/health":
            scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            known = secrets.compare_digest(given.strip().encode("latin-1"), key.encode(errors="surrogateescape"))
            if scheme.lower() != "bearer" or not known:
                text = "Authorization: expected 'Bearer' and the server's key; got " + ("another" if given else "none")
                await respond_with(RefusedError(401, text))(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_loopback(address: str) -> bool:
    """Return True for a name or number of this machine's loopback."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower().rstrip(".") == "localhost"


def check_origin(origin: str) -> str:
    """Return an origin as browsers send it, or refuse what is none.

    Raises:
        InputError: not a scheme and a host, such as "https://example.com".
    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise InputError(f"--allow-origin: expected one such as https://example.com; got {brief(origin)}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in (None, default) else f":{port}")


def _is_loopback_host(header: str) -> bool:
    match = _HOST.fullmatch(header.strip())
    return match is not None and is_loopback(match[1])
