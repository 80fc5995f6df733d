"""Every call against antomsim: a real process, real TLS, signatures both ways, faults on demand.

Judged by the simulator's ledger, which shares no code with what it judges.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from tilld_antom.client import Account, Antom
from tilld_antom.signing import Signer
from tilld_testkit.antom_ends import SHOP, AnIntent, ARefund
from tilld_testkit.antomsim_process import PATIENCE_S, Simulator, running
from tilld_urequests import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tilld_antom.evidence import Evidence

SILENCE_S = 0.3  # how long a test waits for an answer that never comes


class Shop:
    """A merchant's client over a real session, and the simulator's truth beside it."""

    def __init__(self, simulator: Simulator) -> None:
        home = simulator.home
        self.sim = simulator
        self.session = Session(ca_file=str(home / "ca.pem"))
        signer = Signer(
            (home / "merchant_key.pem").read_text(), (home / "antom_public.pem").read_text()
        )
        client_id = (home / "client_id").read_text().strip()
        account = Account(simulator.url, client_id)
        shop = SHOP._replace(notify_url="")
        self.antom = Antom(self.session, account, shop, signer, lambda: time.time_ns() // 10**6)

    def intent(self, amount_minor: int = 1250) -> AnIntent:
        return AnIntent(uuid.uuid4().hex, amount_minor=amount_minor)

    def pay(self, intent: AnIntent, wallet: str = "pays", timeout_s: float = 5.0) -> Evidence:
        return self.antom.pay(intent, self.sim.fresh_code(f"?wallet={wallet}"), timeout_s)

    def paid(self) -> tuple[AnIntent, Evidence]:
        intent = self.intent()
        evidence = self.pay(intent)
        assert evidence.event == "success"
        return intent, evidence

    def refund(self, paid: Evidence, amount_minor: int = 1250) -> ARefund:
        payment = paid.facts["antom_payment_id"]
        return ARefund(uuid.uuid4().hex, payment, amount_minor=amount_minor, reason="kalt 冷")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    # A window of a day: no test may meet the midnight that closes an ordinary one.
    home = tmp_path_factory.mktemp("antomsim")
    with running(home, "--set", "cancel_window=86400") as simulator:
        yield simulator


@pytest.fixture
def shop(simulator: Simulator) -> Iterator[Shop]:
    shop = Shop(simulator)
    yield shop
    simulator.set_faults()
    shop.session.close()


def test_a_sale_is_paid_and_inquiry_says_the_same(shop: Shop) -> None:
    intent, (event, facts) = shop.paid()
    assert event == "success"
    truth = shop.sim.payment(intent.payment_request_id)
    assert truth["paymentId"] == facts["antom_payment_id"]
    assert truth["amount"] == {"currency": "EUR", "value": 1250}
    assert truth["order"]["merchant"]["store"]["storeMCC"] == "5814"
    assert truth["bodies"]["pay"] == 1
    assert shop.antom.inquire(intent, 3.0) == ("success", facts)
    assert shop.antom.locate(intent.payment_request_id, 3.0).event == "located"


def test_a_connection_opened_ahead_carries_the_sale(shop: Shop) -> None:
    assert shop.antom.open_ahead(3.0)
    shop.paid()


@pytest.mark.parametrize(
    ("wallet", "code"),
    [
        ("no-money", "USER_BALANCE_NOT_ENOUGH"),
        ("refuse", "USER_PAYMENT_VERIFICATION_FAILED"),
        ("risk", "RISK_REJECT"),
        ("expired", "EXPIRED_CODE"),
    ],
)
def test_a_refusal_is_refused_and_inquiry_finds_it_failed(
    shop: Shop, wallet: str, code: str
) -> None:
    intent = shop.intent()
    event, facts = shop.pay(intent, wallet)
    assert (event, facts["upstream_code"]) == ("refused", code)
    assert shop.antom.inquire(intent, 3.0).event == "fail"
    assert shop.sim.owed(intent.payment_request_id) == 0


def test_a_customer_at_his_pin_is_unknown_then_paid(shop: Shop) -> None:
    intent = shop.intent()
    event, facts = shop.pay(intent, "pin")
    assert (event, facts["upstream_code"]) == ("unknown", "PAYMENT_IN_PROCESS")
    assert shop.antom.inquire(intent, 3.0).event == "undecided"
    confirm = {"action": "confirm", "payment": intent.payment_request_id}
    shop.sim.control("POST", "/_sim/customer", confirm)
    assert shop.antom.inquire(intent, 3.0).event == "success"


def test_an_expiry_is_understood(shop: Shop) -> None:
    past = shop.intent()._replace(expires_at="2020-01-01T00:00:00Z")
    assert shop.pay(past).event == "refused"


@pytest.mark.parametrize(
    ("fault", "alarm"),
    [
        ("wrong amount", "amount"),
        ("wrong currency", "amount"),
        ("missing amount", "amount"),
        ("unsigned", "signature"),
        ("badly signed", "signature"),
        ("tampered", "signature"),
    ],
)
def test_a_yes_that_cannot_be_believed_is_unknown_and_the_cancel_gives_the_money_back(
    shop: Shop, fault: str, alarm: str
) -> None:
    shop.sim.set_faults({"api": "pay", "fault": fault}, {"api": "inquiryPayment", "fault": fault})
    intent = shop.intent()
    event, facts = shop.pay(intent)
    assert (event, facts["alarm"]) == ("unknown", alarm)
    event, facts = shop.antom.inquire(intent, 3.0)
    assert (event, facts["alarm"]) == ("undecided", alarm)
    assert shop.sim.owed(intent.payment_request_id) == 1250
    assert shop.antom.cancel(intent.payment_request_id, 3.0).event == "cancel done"
    assert shop.sim.owed(intent.payment_request_id) == 0


@pytest.mark.parametrize(
    "fault",
    [
        "no answer",
        "cut connection",
        "5xx",
        "4xx",
        "redirect",
        "rate limit",
        "U for ever",
        "answer lost after the debit",
        "cut after the debit",
        "5xx after the debit",
        "U after the debit",
        "cut in the answer",
        "truncated answer",
        "garbage answer",
        "not HTTP",
        "huge answer",
        "SYSTEM_ERROR then SUCCESS",
    ],
)
def test_whatever_hides_the_answer_to_pay_is_unknown_and_one_body(shop: Shop, fault: str) -> None:
    shop.sim.set_faults({"api": "pay", "fault": fault})
    silent = fault in ("no answer", "answer lost after the debit")
    intent = shop.intent()
    event, facts = shop.pay(intent, timeout_s=SILENCE_S if silent else PATIENCE_S)
    assert event == "unknown"
    assert "alarm" not in facts
    log = shop.sim.control("GET", f"/_sim/log?payment={intent.payment_request_id}")
    assert log["bodies"].get("pay") == 1
    assert shop.antom.cancel(intent.payment_request_id, 3.0).event in (
        "cancel done",
        "no such order",
    )
    assert shop.sim.owed(intent.payment_request_id) == 0


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        ("5xx after the debit", "cancel unknown"),
        ("cut after the debit", "cancel unknown"),
        ("U after the debit", "cancel unknown"),
        ("unsigned", "cancel unknown"),
        ("badly signed", "cancel unknown"),
        ("tampered", "cancel unknown"),
        ("order unknown", "no such order"),
        ("order status invalid", "status refuses"),
        ("cancel window closed", "window closed"),
        ("merchant balance not enough", "cancel refused"),
    ],
)
def test_a_cancel_that_failed_is_repeated_until_it_is_done(
    shop: Shop, fault: str, event: str
) -> None:
    intent, _ = shop.paid()
    shop.sim.set_faults({"api": "cancel", "fault": fault, "times": 1})
    assert shop.antom.cancel(intent.payment_request_id, PATIENCE_S).event == event
    assert shop.antom.cancel(intent.payment_request_id, 3.0).event == "cancel done"
    assert shop.antom.cancel(intent.payment_request_id, 3.0).event == "cancel done"
    assert shop.sim.owed(intent.payment_request_id) == 0
    assert shop.antom.inquire(intent, 3.0).event == "closed"
    assert shop.antom.check(intent, 3.0).event == "check closed"
    assert shop.antom.locate(intent.payment_request_id, 3.0).event == "not refundable"


def test_the_check_after_a_refused_cancel_sees_refunds_that_give_all_back(shop: Shop) -> None:
    intent, paid = shop.paid()
    assert shop.antom.check(intent, 3.0).event == "check success"
    assert shop.antom.refund(shop.refund(paid, 1000), 3.0).event == "refund done"
    assert shop.antom.check(intent, 3.0).event == "check success"
    assert shop.antom.cancel(intent.payment_request_id, 3.0).event == "status refuses"
    assert shop.antom.refund(shop.refund(paid, 250), 3.0).event == "refund done"
    assert shop.antom.check(intent, 3.0).event == "check returned"


def test_an_order_that_never_arrived_is_undecided_and_unknown_to_a_cancel(shop: Shop) -> None:
    intent = shop.intent()
    event, facts = shop.antom.inquire(intent, 3.0)
    assert (event, facts["upstream_code"]) == ("undecided", "ORDER_NOT_EXIST")
    assert shop.antom.cancel(intent.payment_request_id, 3.0).event == "no such order"


def test_a_refund_is_done_once_and_found(shop: Shop) -> None:
    intent, paid = shop.paid()
    order = shop.refund(paid, 400)
    done = shop.antom.refund(order, 3.0)
    assert done.event == "refund done"
    assert shop.antom.refund(order, 3.0) == done
    assert shop.sim.owed(intent.payment_request_id) == 850
    assert shop.antom.inquire_refund(order, 3.0) == ("found done", done.facts)


def test_a_refund_of_too_much_is_refused_and_one_never_sent_is_not_found(shop: Shop) -> None:
    _, paid = shop.paid()
    event, facts = shop.antom.refund(shop.refund(paid, 1251), 3.0)
    assert (event, facts["upstream_code"]) == ("refund refused", "REFUND_AMOUNT_EXCEED")
    assert shop.antom.inquire_refund(shop.refund(paid), 3.0).event == "not found"


@pytest.mark.parametrize("fault", ["unsigned", "badly signed", "cut after the debit"])
def test_a_refund_whose_answer_is_lost_is_unknown_and_the_same_id_again_is_one_refund(
    shop: Shop, fault: str
) -> None:
    intent, paid = shop.paid()
    order = shop.refund(paid)
    shop.sim.set_faults({"api": "refund", "fault": fault, "times": 1})
    assert shop.antom.refund(order, 3.0).event == "refund unknown"
    assert shop.antom.inquire_refund(order, 3.0).event == "found done"
    assert shop.antom.refund(order, 3.0).event == "refund done"
    assert shop.sim.owed(intent.payment_request_id) == 0


def test_a_key_that_antom_does_not_know_is_refused_unsigned(shop: Shop) -> None:
    home = shop.sim.home
    other = Signer((home / "antom_key.pem").read_text(), (home / "antom_public.pem").read_text())
    client_id = (home / "client_id").read_text().strip()
    stranger = Antom(
        shop.session, Account(shop.sim.url, client_id), SHOP, other, lambda: time.time_ns()
    )
    intent = shop.intent()
    event, facts = stranger.pay(intent, shop.sim.fresh_code(), 5.0)
    assert (event, facts["upstream_code"]) == ("refused", "INVALID_SIGNATURE")
    assert stranger.inquire(intent, 3.0).event == "undecided"
    assert stranger.cancel(intent.payment_request_id, 3.0).event == "cancel unknown"
    assert shop.sim.payment(intent.payment_request_id) == {}


def test_with_the_network_out_nothing_is_sent(shop: Shop) -> None:
    """Connections are closed before TLS: not one byte of a body can have left."""
    code = shop.sim.fresh_code()
    intent = shop.intent()
    shop.session.close()
    shop.sim.control_by_socket("PUT", "/_sim/faults", [{"api": "*", "fault": "refuse connections"}])
    calls: list[tuple[Callable[[], Evidence], str]] = [
        (lambda: shop.antom.pay(intent, code, 5.0), "not sent"),
        (lambda: shop.antom.inquire(intent, 3.0), "undecided"),
        (lambda: shop.antom.check(intent, 3.0), "check unknown"),
        (lambda: shop.antom.cancel(intent.payment_request_id, 3.0), "cancel unknown"),
        (lambda: shop.antom.refund(ARefund(), 3.0), "refund not sent"),
        (lambda: shop.antom.inquire_refund(ARefund(), 3.0), "refund unknown"),
    ]
    seen = [(call().event, event) for call, event in calls]
    assert not shop.antom.open_ahead(3.0)
    shop.sim.control_by_socket("PUT", "/_sim/faults", [])
    assert all(event == expected for event, expected in seen), seen
    assert shop.sim.payment(intent.payment_request_id) == {}


def test_a_server_that_the_pinned_ca_did_not_sign_hears_nothing(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("other")) as other:
        home = shop.sim.home
        signer = Signer(
            (home / "merchant_key.pem").read_text(), (home / "antom_public.pem").read_text()
        )
        stray = Antom(
            shop.session, Account(other.url, "SANDBOX_1"), SHOP, signer, lambda: time.time_ns()
        )
        event, facts = stray.pay(shop.intent(), "281006020000000000125733", 5.0)
        assert (event, facts["reason"]) == ("not sent", "tls")
        assert other.control("GET", "/_sim/log")["requests"] == []
