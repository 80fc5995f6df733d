"""Payments brought into a state by calls alone, every step of theirs looked at on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core.messages import PAYMENT_KEYS
from tilld_testkit.shop import new_key

if TYPE_CHECKING:
    from tilld_testkit.antomsim_process import Simulator
    from tilld_testkit.rpc import Rpc

Json = dict[str, Any]

EUR = {"currency": "EUR", "value": 1250}
SPENT = "281006020000000000125733"  # a code that the wallet does not know

# rules.md §1: state -> outcome, decided, settled
STATES = {
    "waiting_for_code": ("pending", False, True),
    "paying": ("pending", False, False),
    "inquiring": ("pending", False, False),
    "approved": ("pending", False, False),
    "paid": ("paid", True, True),
    "failed": ("not_paid", True, True),
    "cancelling": ("not_paid", True, False),
    "cancel_queued": ("not_paid", True, False),
    "cancelled": ("not_paid", True, True),
}


def body(key: str = "", **changes: Any) -> Json:
    """A payment.start with a key and an order of its own."""
    key = key or new_key()
    return {"key": key, "order_ref": f"order-{key}", "amount": EUR} | changes


def start(till: Rpc, **changes: Any) -> Json:
    begun: Json = till.ask("payment.start", **body(**changes))
    return begun


def approved(till: Rpc, simulator: Simulator, **changes: Any) -> Json:
    """A payment that Antom has approved and the till has not acknowledged."""
    begun = start(till, code=simulator.fresh_code(), **changes)
    told: Json = till.ask("payment.wait", key=begun["key"], timeout_s=20)
    assert told["state"] == "approved", told
    return told


def paid(till: Rpc, simulator: Simulator, **changes: Any) -> Json:
    key = approved(till, simulator, **changes)["key"]
    done: Json = till.ask("payment.acknowledge", key=key)
    return done


def inquiring(till: Rpc, simulator: Simulator, **changes: Any) -> Json:
    """A payment whose customer has to confirm it on the phone."""
    begun = start(till, code=simulator.fresh_code("?wallet=pin"), **changes)
    return until(till, begun, "inquiring")


def declined(till: Rpc, simulator: Simulator, **changes: Any) -> Json:
    begun = start(till, code=simulator.fresh_code("?wallet=no-money"), **changes)
    return until(till, begun, "failed")


def until(till: Rpc, told: Json, *states: str) -> Json:
    """The payment once it is in one of the states; every step on the way is seen and checked."""
    while told["state"] not in states:
        before = told["revision"]
        told = till.ask("payment.wait", key=told["key"], revision=before, timeout_s=20)
        assert told["revision"] > before, f"it stays {told['state']}"
        check(told)
    return told


def check(told: Json) -> None:
    """Every listed key, and state, outcome, decided and settled as rules.md §1 puts them."""
    assert set(PAYMENT_KEYS) <= set(told)
    assert (told["outcome"], told["decided"], told["settled"]) == STATES[told["state"]]
    assert isinstance(told["decides_in_s"], int) is (not told["decided"])
    assert set(told["prompt"]) == {"code", "message"}
    if told["outcome"] == "not_paid":
        assert set(told["reason"]) == {"code", "rule", "message", "upstream_code"}
    else:
        assert told["reason"] is None
