"""How a sale is followed, sentence by sentence: what the client does next, whatever it is told."""

import pytest

from tilld_client import CallError, NotFound, NotReady, Payment, Refund, ScannerBusy, sale
from tilld_client.errors import refusal

KEY = "0f6f3e0a-8f0e-4b5c-9a55-3d6a1f2b7c10"


class Store:
    """Says in which order it was used."""

    def __init__(self, *unfinished):
        self.used = []
        self._unfinished = list(unfinished)

    def remember(self, key, body):
        self.used.append(("remember", key, body))

    def settle(self, key):
        self.used.append(("settle", key))

    def unfinished(self):
        return self._unfinished


def payment(state, revision=1, outcome="pending"):
    decided = outcome != "pending"
    return {
        "state": state,
        "outcome": outcome,
        "decided": decided,
        "settled": decided,
        "revision": revision,
        "key": KEY,
    }


def error(code, changed="no", **more):
    told = {"code": code, "message": "no", "retry": "later", "changed": changed, **more}
    return refusal(told)


WAITING = payment("waiting_for_code")
PAYING = payment("paying", 2)
APPROVED = payment("approved", 3)
PAID = payment("paid", 4, "paid")
FAILED = payment("failed", 4, "not_paid")
REFUNDING = payment("refunding")
REFUNDED = payment("refunded", 2, "refunded")


def wanted(**more):
    return sale.payment_wanted(KEY, "A-1", "EUR", 1250, more.pop("scanner_wait_s", 60.0), more)


def done(steps, *answers):
    """What the steps asked for and told, answered in this order; stores answer for themselves."""
    seen, left = [], list(answers)
    step = next(steps)
    while True:
        answer = None
        if isinstance(step, sale.Do):
            seen.append(step.what.__name__)
            answer = step.what(*step.arguments)
        elif isinstance(step, sale.Call):
            seen.append(step.method)
            answer = left.pop(0)
        elif isinstance(step, sale.Pause):
            seen.append(f"pause: {step.why.code}")
        else:
            seen.append(f"told: {step['state']}")
        try:
            step = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
        except StopIteration:
            assert left == []
            return seen
        except CallError as refused:
            return [*seen, f"raised: {refused.code}"]


def test_the_key_is_stored_before_the_start_and_settled_after_the_end_was_told():
    assert done(sale.sold(Store(), wanted()), WAITING, PAYING, APPROVED, PAID) == [
        "remember",
        "payment.start",
        "told: waiting_for_code",
        "payment.wait",
        "told: paying",
        "payment.wait",
        "payment.acknowledge",
        "told: paid",
        "settle",
    ]


def test_a_code_is_never_stored():
    store = Store()
    done(sale.sold(store, wanted(code="281006020000000000125733")), PAID)
    amount = {"currency": "EUR", "value": 1250}
    params = {"order_ref": "A-1", "amount": amount}
    assert store.used[0] == ("remember", KEY, {"method": "payment.start", "params": params})


def test_an_approval_is_acknowledged_before_anybody_is_told():
    seen = done(sale.sold(Store(), wanted()), APPROVED, PAID)
    assert seen.index("payment.acknowledge") < seen.index("told: paid")
    assert "told: approved" not in seen


def test_a_key_that_a_power_cut_took_starts_again():
    steps = sale.sold(Store(), wanted(code="28"))
    seen = done(steps, WAITING, error("not_found"), PAYING, APPROVED, error("not_found"), FAILED)
    assert seen.count("payment.start") == 3
    assert seen[-2:] == ["told: failed", "settle"]


def test_an_acknowledge_that_came_too_early_or_late_looks_again():
    seen = done(sale.sold(Store(), wanted()), APPROVED, error("not_approved"), FAILED)
    assert seen[-3:] == ["payment.get", "told: failed", "settle"]


def test_a_busy_scanner_is_waited_for():
    busy = error("scanner_busy")
    seen = done(sale.sold(Store(), wanted()), busy, busy, PAID)
    assert seen.count("pause: scanner_busy") == 2
    assert seen[-1] == "settle"


def test_a_scanner_that_stays_busy_is_the_callers_business():
    store = Store()
    seen = done(sale.sold(store, wanted(scanner_wait_s=0.0)), error("scanner_busy"))
    assert seen == ["remember", "payment.start", "settle", "raised: scanner_busy"]


@pytest.mark.parametrize("code", ["order_busy", "order_paid", "bad_code", "key_mismatch"])
def test_a_refused_start_is_raised_and_its_key_settled(code):
    seen = done(sale.sold(Store(), wanted()), error(code))
    assert seen == ["remember", "payment.start", "settle", f"raised: {code}"]


def test_not_ready_is_raised_with_its_blocks():
    blocks = [{"code": "no_link", "message": "The network is not connected."}]
    steps = sale.sold(Store(), wanted())
    next(steps)
    steps.send(None)
    asked = steps.throw(error("not_ready"))
    assert asked == sale.Call("device.health", {})
    assert isinstance(steps.send({"blocks": blocks}), sale.Do)
    with pytest.raises(NotReady) as refused:
        steps.send(None)
    assert refused.value.blocks == blocks


def test_after_a_storage_fault_the_same_key_is_asked_again():
    fault = error("storage", "unknown")
    seen = done(sale.sold(Store(), wanted()), fault, APPROVED, fault, PAID)
    assert seen == [
        "remember",
        "payment.start",
        "pause: storage",
        "payment.start",
        "payment.acknowledge",
        "pause: storage",
        "payment.get",
        "told: paid",
        "settle",
    ]


def test_what_a_storage_fault_may_have_recorded_stays_unfinished():
    seen = done(sale.sold(Store(), wanted()), error("storage", "unknown"), error("order_busy"))
    assert seen[-1] == "raised: order_busy"
    assert "settle" not in seen


def recovery(method="payment.start"):
    return sale.recovered(Store((KEY, {"method": method, "params": {"order_ref": "A-1"}})))


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ((PAID,), []),
        ((PAYING, APPROVED, PAID), ["payment.wait", "payment.acknowledge"]),
        ((APPROVED, PAID), ["payment.acknowledge"]),
        ((WAITING, FAILED), ["payment.cancel"]),
        ((error("not_found"), FAILED), ["payment.cancel"]),
        ((WAITING, error("already_paid"), PAID), ["payment.cancel", "payment.get"]),
    ],
)
def test_an_unfinished_payment_is_asked_for_and_brought_to_its_end(answers, asked):
    end = f"told: {answers[-1]['state']}"
    assert done(recovery(), *answers) == ["unfinished", "payment.get", *asked, end, "settle"]


def test_a_refund_that_an_engineer_closed_is_followed_no_further():
    closed = {**REFUNDING, "state": "needs_attention", "settled": True}
    seen = done(recovery("refund.start"), closed)
    assert seen[1:] == ["refund.get", "told: needs_attention", "settle"]


def test_a_refund_that_never_began_begins():
    seen = done(recovery("refund.start"), error("not_found"), REFUNDING, REFUNDED)
    assert seen[1:] == ["refund.get", "refund.start", "refund.wait", "told: refunded", "settle"]


@pytest.mark.parametrize(
    ("retry", "decided", "then"),
    [("after_fix", True, ["settle"]), ("later", False, []), ("never", True, ["settle"])],
)
def test_a_refund_that_is_refused_does_not_hide_the_others(retry, decided, then):
    other = ("another key of a payment", {"method": "payment.start", "params": {}})
    store = Store((KEY, {"method": "refund.start", "params": {"payment": "P1"}}), other)
    steps = sale.recovered(store)
    refused = error("refund_exceeds", retry=retry)
    seen = done(steps, error("not_found"), refused, PAID)
    state = "refused" if decided else "None"
    asked = ["unfinished", "refund.get", "refund.start", f"told: {state}", *then]
    assert seen == [*asked, "payment.get", "told: paid", "settle"]


def test_only_decided_and_paid_is_paid():
    for state in (WAITING, PAYING, APPROVED, FAILED, {**PAID, "decided": False}):
        assert not Payment(state).paid
    assert Payment(PAID).paid
    assert Refund(REFUNDED).refunded
    assert not Refund({**REFUNDED, "outcome": "not_refunded"}).refunded


def test_an_error_has_its_type_code_class_and_retry():
    told = {"class": "busy", "payment": "P1", "fields": ["amount"]}
    refused = error("scanner_busy", **told)
    assert isinstance(refused, ScannerBusy)
    assert (refused.code, refused.kind, refused.retry) == ("scanner_busy", "busy", "later")
    assert (refused.payment, refused.fields) == ("P1", ["amount"])
    assert type(error("not_found")) is NotFound
    assert type(error("a_code_of_later")) is CallError
