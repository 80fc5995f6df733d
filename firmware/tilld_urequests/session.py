"""Calls over verified TLS, each on a connection of its own (I11).

A session keeps one TLS context and a few idle connections. A connection belongs to one call at a
time, so any number of threads may call at once. One may be opened ahead while the scanner waits,
so that the request itself costs a single round trip; right before its use it is asked whether it
still lives, and a dead one is replaced without a word, because no byte was sent on it.

No call is ever repeated in here: what to do about an unknown outcome is the caller's decision.
"""

import sys
from _thread import allocate_lock

from tilld_urequests.call import prepared, target_of
from tilld_urequests.deadline import Deadline, ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tilld_urequests import _cpython as native
    from tilld_urequests._cpython import Connection
    from tilld_urequests.answer import Response
    from tilld_urequests.call import Target
elif sys.implementation.name == "micropython":
    from tilld_urequests import _micropython as native
else:
    from tilld_urequests import _cpython as native

# Seconds. A payment is asked about after 5 s and an inquiry after 3 (rules.md §2): callers with
# money in the call pass their own.
DEFAULT_TIMEOUT_S = 10.0

# Seconds. Servers and address translators forget an idle connection after a minute or more; some
# of them silently, and a request into that silence would be an unknown payment.
DEFAULT_MAX_IDLE_S = 30.0

# Antom's answers are a few kilobytes (antom-api.md §2); 64 times that is no answer of theirs.
DEFAULT_MAX_ANSWER_BYTES = 256 * 1024


class _Kept:
    """A connection, whom it leads to, and since when it has not been used."""

    def __init__(self, target: "Target", connection: "Connection") -> None:
        self.host = target.host
        self.port = target.port
        self.connection = connection
        self.since_ms = ticks_ms()


class Session:
    """Requests with one set of certificates.

    `ca_file` pins the authorities that are trusted (None: the system's; MicroPython has none and
    needs the file). `cert_file` with `key_file` is our own identity for mutual TLS. At most
    `max_idle` connections are kept, each for at most `max_idle_s` seconds after its last use. An
    answer is at most `max_answer_bytes` as it travels, head included.

    `now_s` gives the time, in seconds since 1970, that certificates are checked against; None
    takes the system's clock.

    Raises ValueError, naming the file, when a certificate or key cannot be used.
    """

    def __init__(
        self,
        ca_file: "str | None" = None,
        cert_file: "str | None" = None,
        key_file: "str | None" = None,
        max_idle: int = 4,
        max_idle_s: float = DEFAULT_MAX_IDLE_S,
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        now_s: "Callable[[], int] | None" = None,
    ) -> None:
        self._context = native.make_context(ca_file, cert_file, key_file, now_s)
        self._max_idle = max_idle
        self._max_idle_ms = int(max_idle_s * 1000)
        self._max_answer_bytes = max_answer_bytes
        self._idle: list[_Kept] = []
        self._lock = allocate_lock()

    def request(
        self,
        method: str,
        url: str,
        data: "bytes | bytearray | str | None" = None,
        json: "Any" = None,
        headers: "dict[str, str] | None" = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        connect_timeout_s: "float | None" = None,
    ) -> "Response":
        """One request, one answer, within `timeout_s` seconds for everything together.

        Resolving, connecting and the handshake get `connect_timeout_s` of them (None: all).
        Raises `NotSent` when no byte of the request left and `AnswerLost` when one may have; a
        3xx is `AnswerLost`, `redirect`; every other status is an answer.
        """
        deadline = Deadline(timeout_s)
        call = prepared(method, url, data, json, headers)
        kept = self._living(call.target, self._max_idle_ms)
        if kept is None:
            kept = self._opened(call.target, deadline.within(connect_timeout_s))
        reusable = False
        try:
            response, reusable = native.exchange(
                kept.connection, call, self._max_answer_bytes, deadline
            )
        finally:
            if reusable:
                kept.since_ms = ticks_ms()
                self._keep(kept)
            else:
                kept.connection.close()
        return response

    def open_ahead(
        self, url: str, timeout_s: float = DEFAULT_TIMEOUT_S, fresh: bool = False
    ) -> None:
        """Makes sure that a living connection to the URL's host waits for the next request.

        One that has half of its idle time behind it is replaced. ``fresh``: every idle one is, for
        after the network was away a connection may be dead with nobody left to say so. Nothing of a
        request is sent; raises `NotSent` when no connection could be made.
        """
        deadline = Deadline(timeout_s)
        if fresh:
            self.close()
        target = target_of(url)
        kept = self._living(target, self._max_idle_ms // 2)
        self._keep(kept or self._opened(target, deadline))

    def has_lost_one(self) -> bool:
        """Whether the peer has closed an idle connection since it was used; such are let go.

        Nothing is sent and nothing is waited for."""
        with self._lock:
            lost = [kept for kept in self._idle if kept.connection.is_stale()]
            self._idle = [kept for kept in self._idle if kept not in lost]
        for kept in lost:
            kept.connection.close()
        return bool(lost)

    def close(self) -> None:
        """Closes the idle connections; calls under way end by themselves."""
        with self._lock:
            idle = self._idle
            self._idle = []
        for kept in idle:
            kept.connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, target: "Target", deadline: Deadline) -> _Kept:
        connection = native.open_connection(self._context, target.host, target.port, deadline)
        return _Kept(target, connection)

    def _living(self, target: "Target", max_age_ms: int) -> "_Kept | None":
        """An idle connection to the target that is young and alive; the others are closed."""
        while True:
            kept = self._taken(target)
            if kept is None:
                return None
            young = ticks_diff(ticks_ms(), kept.since_ms) < max_age_ms
            if young and not kept.connection.is_stale():
                return kept
            kept.connection.close()

    def _taken(self, target: "Target") -> "_Kept | None":
        with self._lock:
            # From the end: the one used last is the most likely to live.
            for at in range(len(self._idle) - 1, -1, -1):
                kept = self._idle[at]
                if kept.port == target.port and kept.host == target.host:
                    return self._idle.pop(at)
        return None

    def _keep(self, kept: _Kept) -> None:
        surplus = None
        with self._lock:
            self._idle.append(kept)
            if len(self._idle) > self._max_idle:
                surplus = self._idle.pop(0)
        if surplus is not None:
            surplus.connection.close()
