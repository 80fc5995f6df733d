"""The way to Antom, in the model `direct`: what a `pay` says, and what a call says of the way."""

from __future__ import annotations

import asyncio
import json

import pytest

from tilld_core import civil, payment
from tilld_core.limits import Timing
from tilld_core.payment import Payment
from tilld_daemon.upstream import Upstream
from tilld_testkit.antom_ends import CODE, Peer, Sent, antom, result, signed

STARTED_S = 1_795_372_200
WAITS_S = 60
T_ANSWER_S = 35


def a_payment(state: str) -> Payment:
    paid_for = Payment("P1", "key-0123456789abcdef", "A-1", "EUR", 500, STARTED_S)
    paid_for.state = state
    return paid_for


def paid(paid_for: Payment, now_s: int | None) -> tuple[str, list[str], Peer]:
    """One `pay` at this trusted time: the event, what was observed of the way, and the peer."""
    client, peer = antom(lambda sent: signed(sent, result("U", "PAYMENT_IN_PROCESS")))
    observed: list[str] = []

    async def run() -> str:
        upstream = Upstream(
            lambda: client,
            Timing(),
            lambda at_s: civil.rfc3339(at_s, 0),
            lambda: now_s,
            observed.append,
        )
        await upstream.load()
        return (await upstream.pay(paid_for, CODE)).event

    return asyncio.run(run()), observed, peer


def expiry_s(sent: Sent) -> int | None:
    return civil.parse_rfc3339(json.loads(sent.body).get("paymentExpiryTime", ""))


@pytest.mark.parametrize(
    ("now_s", "expires_s"),
    [
        pytest.param(STARTED_S + 7, STARTED_S + WAITS_S + T_ANSWER_S, id="at once"),
        pytest.param(STARTED_S + 9999, STARTED_S + 9999 + T_ANSWER_S, id="the clock was set"),
        pytest.param(STARTED_S - 9999, STARTED_S + WAITS_S + T_ANSWER_S, id="it was set back"),
        pytest.param(None, None, id="it is not trusted"),
    ],
)
def test_a_pay_never_expires_before_its_last_inquiry(now_s, expires_s):
    event, observed, peer = paid(a_payment(payment.PAYING), now_s)
    assert (event, observed) == ("unknown", [""])
    (sent,) = peer.requests
    assert expiry_s(sent) == expires_s


def test_a_pay_that_comes_after_the_decision_does_not_leave_and_says_nothing_of_the_way():
    event, observed, peer = paid(a_payment(payment.CANCELLING), STARTED_S)
    assert (event, observed, peer.requests) == ("not sent", [], [])
