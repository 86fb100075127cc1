"""Send requests over HTTP, each with one limit on its whole time, and again where that may help."""

from __future__ import annotations

import email.utils
import http.client
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlx_saccade.errors import InputError, quantity
from mlx_saccade.evals.engines.connection import connect, read_url

__all__ = ["Client", "Response", "ServerError", "excerpt"]

_MOST_BYTES = 64 << 20
_PIECE = 1 << 16
_EXCERPT = 80
_AGAIN = (408, 429, 500, 502, 503, 504)


class ServerError(InputError):
    """A request that a server did not answer, with the reason in words."""


@dataclass(frozen=True)
class Response:
    """An answer over HTTP.

    Attributes:
        status: such as 200.
        body: all of it.
        seconds: time of the request that was answered, from the connection to the last byte.
        retry_after: seconds that the server asks to wait; None if it does not.
        location: where it redirects to, or "".
        kind: the media type, such as "application/json", or "".
        arrivals: (bytes, seconds) for each piece of the body as it came: the bytes so far, and the time from the start.
    """

    status: int
    body: bytes
    seconds: float
    retry_after: float | None = None
    location: str = ""
    kind: str = ""
    arrivals: tuple[tuple[int, float], ...] = ()

    def seconds_at(self, length: int) -> float:
        """Return the time at which the first `length` bytes of the body were there."""
        return next((seconds for count, seconds in self.arrivals if count >= length), self.seconds)


class Client:
    """A client of one server, whose address is not part of any answer.

    Attributes:
        url: address that paths are appended to, without "/" at its end.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        retries: int = 0,
        key: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take an address; nothing is sent.

        Args:
            url: http or https, with a host.
            timeout: longest time of a request in seconds, from the connection to the end of the answer.
            retries: further tries of `send`; default 0.
            key: API key; None (default) sends none.
            sleep: waits between tries; for tests.

        Raises:
            InputError: no such address, or a key in it.
        """
        self._parts = read_url(url)
        self.url = urllib.parse.urlunsplit(self._parts).rstrip("/")
        self._timeout, self._retries, self._key, self._sleep = timeout, retries, key, sleep

    def at(self, url: str) -> Client:
        """Return a client of another address with the same options."""
        return Client(url, timeout=self._timeout, retries=self._retries, key=self._key, sleep=self._sleep)

    def send(self, path: str, value: Any = None, *, timeout: float | None = None) -> Response:
        """Return the answer to a GET, or to a POST of a JSON value.

        No connection, a cut one and the statuses 408, 429 and 500 to 504 are tried again, after the time that the
        server asks for or else after 0.5, 1, 2 ... seconds. What takes too long is not: the next try would too.

        Args:
            path: appended to `url`.
            value: sent as JSON; None (default) sends a GET.
            timeout: in seconds; None (default): the client's.

        Raises:
            ServerError: no whole answer in time; or a status as above each time. Other statuses are returned.
        """
        data = None if value is None else json.dumps(value, ensure_ascii=False).encode()
        for number in range(self._retries + 1):
            last, wait = number == self._retries, 0.5 * 2**number
            try:
                response = self._send(path, data, self._timeout if timeout is None else timeout)
            except _NoAnswerError as error:
                if last:
                    raise ServerError(f"{self._name}: {error}{self._after(number)}") from None
            else:
                if response.status not in _AGAIN:
                    return response
                wait = wait if response.retry_after is None else response.retry_after
                if last or wait > self._timeout:
                    raise ServerError(self._status(response) + self._after(number))
            self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _status(self, response: Response) -> str:
        asks = "" if response.retry_after is None else f" (wait {response.retry_after:.0f} s)"
        return f"{self._name}: HTTP {response.status}{asks}: {self.reason(response.body)}"

    def reason(self, body: bytes) -> str:
        """Return what a server says, as OpenAI's, FastAPI's and plain servers write it, in at most 80 characters."""
        text = body[: 1 << 16].decode(errors="replace")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            value = value.get("error", value.get("detail", value.get("message", value)))
            if isinstance(value, dict):
                value = value.get("message", value)
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return excerpt(text.replace(self._key, "***") if self._key else text)

    @property
    def _name(self) -> str:
        return excerpt(self.url)

    @staticmethod
    def _after(number: int) -> str:
        return f" (after {quantity(number + 1, 'try') if number == 0 else f'{number + 1} tries'})"

    def _send(self, path: str, data: bytes | None, timeout: float) -> Response:
        """Send one request.

        Raises:
            _NoAnswerError: no connection, or one that was cut.
            ServerError: too slow, too long, or no HTTP.
        """
        start = time.monotonic()
        deadline = start + timeout
        connection, target = connect(self._parts, deadline)
        headers = {"Accept": "application/json", "Connection": "close"}
        headers |= {} if data is None else {"Content-Type": "application/json"}
        headers |= {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        headers |= target.headers
        try:
            connection.request("GET" if data is None else "POST", target.prefix + path, data, headers)
            response = connection.getresponse()
            body, arrivals = _read_body(response)
        except TimeoutError:
            raise ServerError(
                f"{self._name}: expected an answer in {timeout:g} s; got none. Raise --timeout, or lower the budget"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise ServerError(f"{self._name}: its certificate is not trusted ({error.verify_message})") from None
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            if isinstance(error, http.client.HTTPException) and not isinstance(error, _CUT):
                raise ServerError(f"{self._name}: expected HTTP; got {excerpt(str(error))}") from None
            raise _NoAnswerError(_words(error)) from None
        finally:
            connection.end()
        wait = _seconds(response.headers.get("Retry-After"))
        location = response.headers.get("Location", "")
        kind = response.headers.get_content_type() if "Content-Type" in response.headers else ""
        times = tuple((count, moment - start) for count, moment in arrivals)
        return Response(response.status, body, time.monotonic() - start, wait, location, kind, times)


def excerpt(text: str, limit: int = _EXCERPT) -> str:
    """Return the beginning of a text as one printable line."""
    line = " ".join(text.split())
    line = "".join(character if character.isprintable() else "?" for character in line)
    return (line if len(line) <= limit else f"{line[:limit]}...") or "nothing"


class _NoAnswerError(Exception):
    """A connection that was refused or cut; another try may be answered."""


# What a server that ends in the midst of an answer raises; an empty status line among them.
_CUT = (http.client.IncompleteRead, http.client.RemoteDisconnected)


def _read_body(response: http.client.HTTPResponse) -> tuple[bytes, list[tuple[int, float]]]:
    """Return the body, and the bytes so far with the time as each piece of it came."""
    body, arrivals = bytearray(), []
    while piece := response.read1(_PIECE):
        body += piece
        arrivals.append((len(body), time.monotonic()))
        if len(body) > _MOST_BYTES:
            raise ServerError(f"expected an answer of at most {_MOST_BYTES >> 20} MB; got more")
    if response.length:  # before Python 3.12, reading in pieces does not say that the end is missing
        raise http.client.IncompleteRead(b"", response.length)
    return bytes(body), arrivals


def _words(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"expected a host that is known; got {error.strerror}. Check the URL"
    if isinstance(error, ConnectionRefusedError):
        return "expected a server; the connection was refused. Start it, or check the URL"
    if isinstance(error, ConnectionError | http.client.HTTPException):
        return "expected an answer; the connection was cut"
    return f"expected a connection; got {excerpt(str(error))}"


def _seconds(value: str | None) -> float | None:
    """Return the seconds of a Retry-After, which is a number or a date; None if it is neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(int(value)))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
