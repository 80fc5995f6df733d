"""Antom, as the core sees it: five calls, each ending in Evidence whatever the network does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from tilld_antom import requests, sorting
from tilld_antom.answers import FORGED, SIGNED, UNSIGNED, canonical, read
from tilld_antom.evidence import Evidence, a_time, clean
from tilld_core.civil import parse_rfc3339
from tilld_urequests import AnswerLost, NotSent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tilld_antom.answers import Answer
    from tilld_antom.requests import Intent, Merchant, Refund
    from tilld_antom.signing import Signer

PREFIX = "/ams/api"
SANDBOX_PREFIX = "/ams/sandbox/api"  # what every SDK does for a SANDBOX_ client, antom-api.md §1.3
CONTENT_TYPE = "application/json; charset=UTF-8"


class Response(Protocol):
    """What a session answers: header names are in lower case, content is the whole body."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...
    def close(self) -> None: ...


class Session(Protocol):
    """One body on the wire a call, verified TLS, total deadlines: `tilld_urequests.Session`."""

    def request(
        self,
        method: str,
        url: str,
        *,
        data: bytes,
        headers: dict[str, str],
        timeout_s: float,
        connect_timeout_s: float | None,
    ) -> Response: ...

    def open_ahead(self, url: str, timeout_s: float, fresh: bool = False) -> object: ...

    def has_lost_one(self) -> bool: ...


class Account(NamedTuple):
    """Which Antom, and who we are to it. ``agent_token`` is a secret (ISV mode, I31)."""

    base_url: str  # https://host, nothing behind it
    client_id: str
    path_prefix: str = ""  # "" is /ams/api, or /ams/sandbox/api for a SANDBOX_ client
    agent_token: str = ""
    f_is_unknown: tuple[str, ...] = ()  # more codes whose F on `pay` is inquired like U

    def __repr__(self) -> str:
        return f"Account({self.base_url!r}, {self.client_id!r})"


class Antom:
    """Signs, sends once, checks the signature, sorts. Threads may share it if they may the session.

    Each call returns Evidence (its events are listed in sorting.py) and never raises for what
    the network or the peer did. ``timeout_s`` bounds a call as a whole; ``now_ms`` is the wall
    clock in epoch milliseconds, for the request-time header alone (antom-api.md C4).
    """

    def __init__(
        self,
        session: Session,
        account: Account,
        merchant: Merchant,
        signer: Signer,
        now_ms: Callable[[], int],
        heard_time: Callable[[int], None] = lambda ms: None,
    ) -> None:
        """``heard_time`` is given the time of every answer that Antom has signed, in epoch ms."""
        self._heard_time = heard_time
        self._session = session
        self._merchant = merchant
        self._signer = signer
        self._now_ms = now_ms
        self._base_url = _https_origin(account.base_url)
        self._prefix = _prefix(account)
        self._client_id = _header_value("client_id", account.client_id)
        self._agent_token = _header_value("agent_token", account.agent_token)
        self._f_is_unknown = tuple(canonical(code) for code in account.f_is_unknown)

    def __repr__(self) -> str:
        return f"Antom({self._base_url!r}, {self._client_id!r})"

    def open_ahead(self, timeout_s: float, fresh: bool = False) -> bool:
        """Connects while the scanner waits, so that `pay` costs one round trip; False: not now.
        ``fresh``: no connection that is there already counts, and none of them is used again."""
        try:
            self._session.open_ahead(self._base_url + self._prefix, timeout_s, fresh)
        except (NotSent, AnswerLost):
            return False
        return True

    def has_hung_up(self) -> bool:
        """Whether Antom has closed an idle connection since it was used: no word upstream."""
        return self._session.has_lost_one()

    def pay(
        self, intent: Intent, code: str, timeout_s: float, connect_timeout_s: float | None = None
    ) -> Evidence:
        """ "success", "refused", "unknown", or "not sent": not one byte of it left.

        To be called once for an intent: an unsigned INVALID_SIGNATURE is believed because
        it can only be the answer to the only body of this id (rules.md §3).
        """
        body = requests.pay(intent, code, self._merchant)
        try:
            answer = self._ask("pay", body, timeout_s, connect_timeout_s)
        except NotSent as error:
            return self._lost("not sent", error, code)
        except AnswerLost as error:
            return self._lost("unknown", error, code)
        return self._told(sorting.pay(answer, intent, self._f_is_unknown), code)

    def ask_order_code(
        self, intent: Intent, timeout_s: float, connect_timeout_s: float | None = None
    ) -> Evidence:
        """ "code issued" (which is not paid, I33), "refused", "unknown", or "not sent". Once for
        an intent, as `pay`."""
        body = requests.order_code(intent, self._merchant)
        try:
            answer = self._ask("pay", body, timeout_s, connect_timeout_s)
        except NotSent as error:
            return self._lost("not sent", error)
        except AnswerLost as error:
            return self._lost("unknown", error)
        return self._told(sorting.order_code(answer, intent, self._f_is_unknown))

    def inquire(self, intent: Intent, timeout_s: float) -> Evidence:
        """ "success", "fail", "closed", "undecided" or "inquiry refused"."""
        body = requests.inquire(intent.payment_request_id)
        return self._evidence(
            "inquire", body, timeout_s, "undecided", lambda answer: sorting.inquiry(answer, intent)
        )

    def check(self, intent: Intent, timeout_s: float) -> Evidence:
        """The inquiry after a refused cancel: "check success", "check returned", "check closed"
        or "check unknown"."""
        body = requests.inquire(intent.payment_request_id)
        return self._evidence(
            "inquire",
            body,
            timeout_s,
            "check unknown",
            lambda answer: sorting.check(answer, intent),
        )

    def cancel(self, payment_request_id: str, timeout_s: float) -> Evidence:
        """ "cancel done", "cancel unknown", "no such order", "window closed", "status refuses"
        or "cancel refused". Any number of them has the same bytes (I14)."""
        return self._evidence(
            "cancel",
            requests.cancel(payment_request_id),
            timeout_s,
            "cancel unknown",
            lambda answer: sorting.cancel(answer, payment_request_id),
        )

    def locate(self, named: str, timeout_s: float) -> Evidence:
        """The inquiry before a refund whose payment's Antom id is not in the record (rules.md
        §4): "located", "not refundable", "no such payment" or "locate unknown".

        ``named`` is a payment request id or, as receipts show both, Antom's own id: there is no
        such payment when Antom denies both and signs that.
        """
        found = self._evidence(
            "inquire",
            requests.inquire(named),
            timeout_s,
            "locate unknown",
            lambda answer: sorting.location(answer, {"paymentRequestId": named}),
        )
        if found.facts.get("upstream_code") != "ORDER_NOT_EXIST":
            return found
        theirs = self._evidence(
            "inquire",
            requests.inquire_by_antom_id(named),
            timeout_s,
            "locate unknown",
            lambda answer: sorting.location(answer, {"paymentId": named}),
        )
        return found if theirs.event == "no such payment" else theirs

    def refund(self, order: Refund, timeout_s: float) -> Evidence:
        """ "refund done", "refund refused", "refund unknown", or "refund not sent": not one
        byte of this try left."""
        try:
            answer = self._ask("refund", requests.refund(order), timeout_s, None)
        except NotSent as error:
            return self._lost("refund not sent", error)
        except AnswerLost as error:
            return self._lost("refund unknown", error)
        return self._told(sorting.refund(answer, order))

    def inquire_refund(self, order: Refund, timeout_s: float) -> Evidence:
        """ "found done", "found processing", "found failed", "not found" or "refund unknown"."""
        return self._evidence(
            "inquire refund",
            requests.inquire_refund(order.refund_request_id),
            timeout_s,
            "refund unknown",
            lambda answer: sorting.refund_inquiry(answer, order),
        )

    def _evidence(
        self,
        call: str,
        body: bytes,
        timeout_s: float,
        unknown: str,
        sort: Callable[[Answer], Evidence],
    ) -> Evidence:
        try:
            answer = self._ask(call, body, timeout_s, None)
        except (NotSent, AnswerLost) as error:
            return self._lost(unknown, error)
        return self._told(sort(answer))

    def _ask(
        self, call: str, body: bytes, timeout_s: float, connect_timeout_s: float | None
    ) -> Answer:
        """Signs first, so that a connection is only needed when everything is ready to leave."""
        path = self._prefix + requests.PATHS[call]
        time = str(self._now_ms())
        headers = {
            "content-type": CONTENT_TYPE,
            "client-id": self._client_id,
            "request-time": time,
            "signature": self._signer.sign(path, self._client_id, time, body),
        }
        if self._agent_token:
            headers["agent-token"] = self._agent_token
        response = self._session.request(
            "POST",
            self._base_url + path,
            data=body,
            headers=headers,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
        )
        try:
            content = response.content
            trust = self._trust(path, response.headers, content)
            content_type = response.headers.get("content-type", "")
            return read(response.status_code, content_type, content, trust)
        finally:
            response.close()

    def _trust(self, path: str, headers: Mapping[str, str], content: bytes) -> str:
        """Checked under our own client id: an answer signed for another client is not ours."""
        signature = headers.get("signature", "")
        if not signature:
            return UNSIGNED
        time = headers.get("response-time", "")
        if time and self._signer.verify(path, self._client_id, time, content, signature):
            self._heard_time((parse_rfc3339(a_time(time)) or 0) * 1000)
            return SIGNED
        return FORGED

    def _lost(self, event: str, error: NotSent | AnswerLost, code: str = "") -> Evidence:
        facts = {"reason": error.reason, "message": error.message}
        return self._told(Evidence(event, facts), code)

    def _told(self, evidence: Evidence, code: str = "") -> Evidence:
        return Evidence(evidence.event, clean(evidence.facts, (code, self._agent_token)))


def _https_origin(url: str) -> str:
    """The scheme and host of a base url. Never plain HTTP, never a path that would go unsigned."""
    parts = urlsplit(url)
    behind = parts.path.rstrip("/") or parts.query or parts.fragment
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or behind:
        raise ValueError("url: must be https://host or https://host:port and nothing more")
    return f"https://{parts.netloc}"


def _prefix(account: Account) -> str:
    prefix = account.path_prefix.rstrip("/")
    if not prefix:
        return SANDBOX_PREFIX if account.client_id.startswith("SANDBOX_") else PREFIX
    if not prefix.startswith("/") or not prefix.isascii() or not set(prefix).isdisjoint(" ?#\r\n"):
        raise ValueError("path_prefix: must be a path such as /ams/api")
    return prefix


def _header_value(name: str, value: str) -> str:
    """The value, if a header can carry it. The error does not show it: it may be a secret."""
    if not all("!" <= character <= "~" for character in value):
        raise ValueError(f"{name}: must be printable ASCII without spaces")
    return value
