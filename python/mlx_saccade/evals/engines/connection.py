"""Open a connection to a server or to its proxy, every operation of which ends at one time.

The time limit of `http.client` is that of each read alone, so that a server which sends a byte now and then would hold
its client as long as it likes.
"""

from __future__ import annotations

import base64
import http.client
import io
import socket
import ssl
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Connection", "Target", "connect", "read_url"]

_PIECE = 1 << 16
_CONNECT_SECONDS = 20.0


@dataclass(frozen=True)
class Target:
    """The form in which a server or its proxy takes requests.

    Attributes:
        prefix: what stands before the path in the first line.
        headers: that a proxy needs.
    """

    prefix: str
    headers: dict[str, str]


def connect(parts: urllib.parse.SplitResult, deadline: float) -> tuple[Connection, Target]:
    """Return a connection, not opened yet, to a server or to the proxy that the environment names for it.

    Args:
        parts: of the server's address, as `read_url` gives them.
        deadline: of `time.monotonic`, when the last byte must have come.

    Raises:
        InputError: a proxy that is not used by HTTP.
        TimeoutError: the deadline has passed.
    """
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    options = {"context": ssl.create_default_context()} if secure else {}
    kind = _SecureConnection if secure else Connection
    proxy = _proxy(parts)
    if proxy is None:
        return kind(deadline, host, port, **options), Target(parts.path, {})
    connection = kind(deadline, proxy.hostname or "", proxy.port or 80, **options)
    permission = {} if proxy.username is None else {"Proxy-Authorization": _basic(proxy)}
    if secure:
        connection.set_tunnel(host, port, permission)
        return connection, Target(parts.path, {})
    return connection, Target(f"http://{parts.netloc}{parts.path}", permission)


class _Timed(io.RawIOBase):
    """The bytes of a socket until a time."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


class _TimedSocket:
    """A connected socket whose every operation ends at one time, as `http.client` uses one."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a reader; only `http.client` calls this, for "rb"."""
        return io.BufferedReader(_Timed(self._sock, self._deadline))

    def sendall(self, data: Any) -> None:
        """Send all bytes, piece by piece, as the limit of a secure socket is that of each piece."""
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            self._sock.settimeout(_left(self._deadline))
            self._sock.sendall(view[start : start + _PIECE])

    def close(self) -> None:
        """Do nothing: `http.client` closes before the answer is read; `Connection.end` ends the connection."""


class Connection(http.client.HTTPConnection):
    """A connection that ends at a time."""

    sock: Any

    def __init__(self, deadline: float, host: str, port: int, **options: Any) -> None:
        super().__init__(host, port, timeout=min(_CONNECT_SECONDS, _left(deadline)), **options)
        self._deadline = deadline
        self._open: socket.socket | None = None

    def connect(self) -> None:
        """Connect, and give each later operation the time that is left."""
        super().connect()
        self._open = self.sock
        self.sock = _TimedSocket(self.sock, self._deadline)

    def end(self) -> None:
        """Close the socket, also one that was not wholly connected."""
        sock = self._open or self.sock
        if sock is not None:
            sock.close()


class _SecureConnection(Connection, http.client.HTTPSConnection):
    """A connection by TLS that ends at a time."""


def _left(deadline: float) -> float:
    """Return the seconds until a time.

    Raises:
        TimeoutError: it has passed.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def read_url(url: str) -> urllib.parse.SplitResult:
    """Return the parts of a server's address.

    Raises:
        InputError: no http or https, no host, no port, or a key, query or fragment.
    """
    try:
        parts = urllib.parse.urlsplit(url.strip().rstrip("/"))
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{brief(url)}: expected the URL of a server; got a broken one ({error})") from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or any(map(str.isspace, url.strip())):
        example = f"http://{url}" if "://" not in url and url.isascii() and url else "http://127.0.0.1:8080/v1"
        raise InputError(f"{brief(url)}: expected the URL of a server. Write {brief(example)}")
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError(
            f"{parts.scheme}://{host}: expected a URL without a name, query or fragment. Put the key in an environment "
            "variable (--api-key-env)"
        )
    return parts


def _proxy(parts: urllib.parse.SplitResult) -> urllib.parse.SplitResult | None:
    """Return the proxy that the environment names for an address; none for this machine's own."""
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127."):
        return None
    proxies = urllib.request.getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    if not url or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxy = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise InputError(f"proxy: expected http://HOST:PORT in the environment; got {brief(proxy.scheme)}")
    return proxy


def _basic(proxy: urllib.parse.SplitResult) -> str:
    words = f"{urllib.parse.unquote(proxy.username or '')}:{urllib.parse.unquote(proxy.password or '')}"
    return f"Basic {base64.b64encode(words.encode()).decode()}"
