"""How a call ends when it brings no answer, sorted by the one question that money asks.

Did a byte of the request leave? If none did, nobody can have been charged, and the payment is
`failed`, `not_sent` (rules.md §3). If one may have left, the payment is unknown until an inquiry
says otherwise. The type answers the question, so that no caller can forget to ask it.

Reasons are one word each:

    bad_request  the call itself is unusable: nothing was opened
    resolve      the name has no address, or no resolver answered
    refused      the peer's port is closed
    unreachable  no route, or the network says no
    tls          the peer's certificate or protocol was not accepted, or ours was not
    timeout      the time given to the call (or to its connecting) was over
    closed       the peer closed or reset the connection before it began an answer
    truncated    the answer began and did not come whole
    too_large    the answer is larger than `max_answer_bytes`
    malformed    what came is not HTTP
    redirect     the answer is a 3xx; it is never followed (rules.md §6)
"""

BAD_REQUEST = "bad_request"
RESOLVE = "resolve"
REFUSED = "refused"
UNREACHABLE = "unreachable"
TLS = "tls"
TIMEOUT = "timeout"
CLOSED = "closed"
TRUNCATED = "truncated"
TOO_LARGE = "too_large"
MALFORMED = "malformed"
REDIRECT = "redirect"


class RequestError(Exception):
    """A call without an answer. `reason` is one of the words above; `message` is for people.

    Neither ever holds a part of the request or of the answer: both may carry a payment code, a
    token or a key (I31).
    """

    sent = False

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason + ": " + message)
        self.reason = reason
        self.message = message


class NotSent(RequestError):
    """Not one byte of the request left: doing nothing more is safe, and so is trying again."""

    sent = False


class AnswerLost(RequestError):
    """A byte of the request may have left: what the peer did with it is unknown."""

    sent = True
