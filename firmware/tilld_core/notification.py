"""Which of answer, notification and cancel wins, when Antom calls by itself.

A notification is a rumour until four things hold: Antom signed it, it is for us, it is about
a payment we know, and its amount and currency are the intent's (I10, I18). Then it says no more
than a verified answer does and becomes the same event, so that one table decides whichever came
first: after PAID it is ignored, while a cancel is open the cancel's result rules, after FAILED
or a closed cancel it is a discrepancy (rules.md §3, "Late evidence").
"""

from tilld_core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Known(Protocol):
        """What is compared: any payment with its intent's currency and amount."""

        currency: str
        amount_minor: int


class Notification(Record):
    """A notification as it was received, in plain values.

    ``genuine``: the signature was Antom's, over the exact bytes; False leaves the rest empty.
    ``status`` is "S", "F", "U" or ""; ``amount_minor`` is None when it was missing or no number.
    """

    FIELDS = (
        "genuine",
        "client_id",
        "payment_request_id",
        "status",
        "currency",
        "amount_minor",
        "antom_payment_id",
        "paid_at",
        "upstream_code",
        "message",
    )

    def __init__(
        self,
        genuine: bool,
        client_id: str,
        payment_request_id: str = "",
        status: str = "",
        currency: str = "",
        amount_minor: "int | None" = None,
        antom_payment_id: str = "",
        paid_at: str = "",
        upstream_code: str = "",
        message: str = "",
    ) -> None:
        self.genuine = genuine
        self.client_id = client_id
        self.payment_request_id = payment_request_id
        self.status = status
        self.currency = currency
        self.amount_minor = amount_minor
        self.antom_payment_id = antom_payment_id
        self.paid_at = paid_at
        self.upstream_code = upstream_code
        self.message = message


class Weight(Record):
    """What a notification is worth: the event for the payment's table, "" for none.

    ``facts`` go with the event. ``alarm`` is "" or why a person should look: "signature",
    "merchant", "id", "amount". ``reason`` says the same for people.
    """

    FIELDS = ("event", "facts", "alarm", "reason")

    def __init__(self, event: str, facts: "dict[str, str]", alarm: str, reason: str) -> None:
        self.event = event
        self.facts = facts
        self.alarm = alarm
        self.reason = reason


def weigh(notice: Notification, client_id: str, payment: "Known | None") -> Weight:
    """Weighs a notification against the payment its id names (None: we know none).

    "success" for a verified S of the intent's amount and currency; "notified other" for
    any other genuine word about a known payment, which only triggers an inquiry; "" for what
    must change nothing (I18). A replay weighs the same: the table makes it idempotent.
    """
    if not notice.genuine:
        return _nothing("signature", "a notification without Antom's signature")
    if notice.client_id != client_id:
        return _nothing("merchant", "a notification for another merchant")
    if payment is None:
        return _nothing("id", "a notification about a payment that is not ours")
    if notice.status != "S":
        facts = {"upstream_code": notice.upstream_code, "message": notice.message}
        return Weight("notified other", _known(facts), "", "a notification that is no success")
    if notice.currency != payment.currency or notice.amount_minor != payment.amount_minor:
        return _nothing("amount", "a notification with another amount than the payment's")
    facts = {"antom_payment_id": notice.antom_payment_id, "paid_at": notice.paid_at}
    return Weight("success", _known(facts), "", "Antom says it is paid")


def answer(weight: Weight, effect_is_durable: bool) -> str:
    """What Antom is told: "S" ends its repeats, "U" asks for another (antom-api.md §9.2).

    S only once whatever the event brought about is durable, also when that was nothing
    because the payment had ended (§9.4). What changed nothing because it can't be believed is
    answered U: the true one, if there is one, must still come.
    """
    return "S" if weight.event and effect_is_durable else "U"


def _nothing(alarm: str, reason: str) -> Weight:
    return Weight("", {}, alarm, reason)


def _known(facts: "dict[str, str]") -> "dict[str, str]":
    return {name: value for name, value in facts.items() if value}
