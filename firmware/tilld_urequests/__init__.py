"""Requests for both Pythons, with urequests' interface and without its faults.

    response = tilld_urequests.post(url, json={...}, timeout_s=5)
    response.status_code, response.headers, response.text, response.content, response.json()

What every call keeps: verified TLS (certificate, name, TLS 1.2 or newer; no setting turns it off),
one body and one send, no redirect, no retry, one deadline for everything, a largest answer, and an
error that says whether a byte may have left: `NotSent` or `AnswerLost`. On CPython the requests
go through adafruit-circuitpython-requests under a guard (`_cpython.py`), on MicroPython through
its own `socket` and `tls` (`_micropython.py`).

These functions share one session that trusts the system's authorities; a `Session` of one's own
pins a CA, carries a client certificate, and opens connections ahead.
"""

from _thread import allocate_lock

from tilld_urequests.answer import Response
from tilld_urequests.errors import AnswerLost, NotSent, RequestError
from tilld_urequests.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = (
    "AnswerLost",
    "NotSent",
    "RequestError",
    "Response",
    "Session",
    "delete",
    "get",
    "head",
    "patch",
    "post",
    "put",
    "request",
)

_shared: "list[Session]" = []
_shared_lock = allocate_lock()


def _session() -> Session:
    # Made when first asked for: reading the system's authorities costs 20 ms.
    with _shared_lock:
        if not _shared:
            _shared.append(Session())
        return _shared[0]


def request(method: str, url: str, **options: "Any") -> Response:
    """`Session.request` of the shared session; the options are that method's."""
    return _session().request(method, url, **options)


def get(url: str, **options: "Any") -> Response:
    """GET; see `request`."""
    return request("GET", url, **options)


def head(url: str, **options: "Any") -> Response:
    """HEAD; see `request`."""
    return request("HEAD", url, **options)


def post(url: str, **options: "Any") -> Response:
    """POST; see `request`."""
    return request("POST", url, **options)


def put(url: str, **options: "Any") -> Response:
    """PUT; see `request`."""
    return request("PUT", url, **options)


def patch(url: str, **options: "Any") -> Response:
    """PATCH; see `request`."""
    return request("PATCH", url, **options)


def delete(url: str, **options: "Any") -> Response:
    """DELETE; see `request`."""
    return request("DELETE", url, **options)
