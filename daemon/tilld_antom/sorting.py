"""From an answer to an event: rules.md §3 and §4, one function a call.

By resultStatus first, code second. Absence of knowledge never becomes an outcome: whatever is
not listed here is the call's "unknown" event (I9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilld_antom.answers import FORGED, SIGNED, is_amount, minor_units
from tilld_antom.evidence import Evidence, a_text, a_time, an_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from tilld_antom.answers import Answer
    from tilld_antom.requests import Intent, Refund

# F that says nothing certain about money: inquired like U (rules.md §3, F on `pay`).
F_IS_UNKNOWN = ("SYSTEM_ERROR", "PROCESS_FAIL", "REPEAT_REQ_INCONSISTENT")

# F that Antom can't sign for us, or may not sign: believed unsigned on `pay`, because it
# answers the only body of that id and came over verified TLS (rules.md §3).
F_UNSIGNED = ("INVALID_SIGNATURE", "KEY_NOT_FOUND", "CLIENT_INVALID")

ORDER_CODE_LENGTH = 2048  # codeValue, antom-api.md §11

NO_ANSWER_F = ("SYSTEM_ERROR", "PROCESS_FAIL")  # counts as no answer, whatever was asked

CANCEL_F = {
    **dict.fromkeys(NO_ANSWER_F, "cancel unknown"),
    "ORDER_NOT_EXIST": "no such order",
    "CANCEL_WINDOW_EXCEED": "window closed",
    "ORDER_STATUS_INVALID": "status refuses",
}
CHECKED = {"success": "check success", "fail": "check closed", "closed": "check closed"}
FOUND = {"SUCCESS": "found done", "PROCESSING": "found processing", "FAIL": "found failed"}


def pay(answer: Answer, intent: Intent, f_is_unknown: Collection[str] = ()) -> Evidence:
    """ "success", "refused" or "unknown". ``f_is_unknown``: more codes whose F is inquired."""
    alarm = _alarm(answer, {"paymentRequestId": intent.payment_request_id})
    if not alarm and answer.status == "S":
        alarm = _amount_alarm(answer, intent)
        if not alarm:
            return Evidence("success", _payment_facts(answer))
    if not alarm and answer.status == "F" and _is_final(answer, f_is_unknown):
        return Evidence("refused", _why(answer))
    return _unknown("unknown", answer, alarm)


def order_code(answer: Answer, intent: Intent, f_is_unknown: Collection[str] = ()) -> Evidence:
    """The answer to a `pay` that asks for an order code: "code issued", never "success" (I33),
    with the QR's text as ``order_code``; "refused" or "unknown". A signed S without a code that
    can be shown is "unknown": nobody can pay by it here, and the inquiries will say so. So is one
    for another amount, where it names one: the customer would be asked for that."""
    if answer.status != "S" or _alarm(answer, {"paymentRequestId": intent.payment_request_id}):
        return pay(answer, intent, f_is_unknown)
    if answer.body.get("paymentAmount") is not None and _amount_alarm(answer, intent):
        return _unknown("unknown", answer, "amount")
    text = _qr_text(answer.body.get("orderCodeForm"))
    if not text:
        return Evidence("unknown", {**_ids(answer), "message": "no order code in the answer"})
    return Evidence("code issued", {**_ids(answer), "order_code": text})


def _qr_text(form: object) -> str:
    """The text of the form's QR code, for the till to draw; "" when there is none (§11 there:
    the other display types are addresses of pictures)."""
    details = form.get("codeDetails") if isinstance(form, dict) else None
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict) or detail.get("codeValueType") != "QRCODE":
            continue
        text = detail.get("codeValue")
        shown = isinstance(text, str) and 0 < len(text) <= ORDER_CODE_LENGTH and text.isprintable()
        if detail.get("displayType") in (None, "", "TEXT") and shown:
            return str(text)
    return ""


def inquiry(answer: Answer, intent: Intent) -> Evidence:
    """ "success", "fail", "closed", "undecided" or "inquiry refused"; paymentStatus decides."""
    alarm = _alarm(answer, {"paymentRequestId": intent.payment_request_id})
    if not alarm and answer.status == "S":
        status = answer.body.get("paymentStatus")
        if status == "SUCCESS":
            alarm = _amount_alarm(answer, intent)
            if not alarm:
                return Evidence("success", _payment_facts(answer))
        elif status == "FAIL":
            return Evidence("fail", _why_payment(answer))
        elif status == "CANCELLED":
            return Evidence("closed", _why_payment(answer))
        if not alarm:  # why it is not decided; the code of the call itself only says SUCCESS
            return Evidence("undecided", _why_payment(answer))
    if not alarm and _signed_f(answer) and answer.code not in (*NO_ANSWER_F, "ORDER_NOT_EXIST"):
        return Evidence("inquiry refused", _why(answer))
    return _unknown("undecided", answer, alarm)


def check(answer: Answer, intent: Intent) -> Evidence:
    """The inquiry after a refused cancel: "check closed", "check returned" when refunds give
    all of it back, "check success", or "check unknown" (rules.md §3, Cancel F)."""
    event, facts = inquiry(answer, intent)
    checked = CHECKED.get(event, "check unknown")
    if checked == "check success" and refunded_minor(answer, intent) >= intent.amount_minor:
        checked = "check returned"
    return Evidence(checked, facts)


def cancel(answer: Answer, payment_request_id: str) -> Evidence:
    """ "cancel done", "cancel unknown", "no such order", "window closed", "status refuses" or
    "cancel refused" (rules.md §3)."""
    alarm = _alarm(answer, {"paymentRequestId": payment_request_id})
    if not alarm and answer.status == "S":
        return Evidence("cancel done", _ids(answer))
    if not alarm and _signed_f(answer):
        return Evidence(CANCEL_F.get(answer.code, "cancel refused"), _why(answer))
    return _unknown("cancel unknown", answer, alarm)


def location(answer: Answer, ids: dict[str, str]) -> Evidence:
    """ "located": paid, and here is Antom's id; "not refundable": certainly never paid or given
    back; "no such payment"; or "locate unknown" (rules.md §4: "none yet: stays queued"). ``ids``
    are what was asked by, as the answer repeats it."""
    alarm = _alarm(answer, ids)
    if not alarm and answer.status == "S":
        status = answer.body.get("paymentStatus")
        if status == "SUCCESS" and an_id(answer.body.get("paymentId")):
            return Evidence("located", _payment_facts(answer))
        if status in ("FAIL", "CANCELLED"):
            return Evidence("not refundable", _why_payment(answer))
    if not alarm and _signed_f(answer) and answer.code == "ORDER_NOT_EXIST":
        return Evidence("no such payment", _why(answer))
    return _unknown("locate unknown", answer, alarm)


def refund(answer: Answer, order: Refund) -> Evidence:
    """ "refund done", "refund refused" (a signed final F), "refund disputed" or "refund unknown"
    (rules.md §4).

    REPEAT_REQ_INCONSISTENT says that a refund of this id exists with another amount: not an
    end, so that no second id is ever made for it, and a matter for a person.
    """
    ours = {"refundRequestId": order.refund_request_id, "paymentId": order.antom_payment_id}
    alarm = _alarm(answer, ours)
    if not alarm and answer.status == "S":
        alarm = _refund_amount_alarm(answer, order)
        if not alarm:
            return Evidence("refund done", _refund_facts(answer))
    if not alarm and _signed_f(answer):
        if answer.code == "REPEAT_REQ_INCONSISTENT":
            return Evidence("refund disputed", _why(answer))
        if answer.code not in NO_ANSWER_F:
            return Evidence("refund refused", _why(answer))
    return _unknown("refund unknown", answer, alarm)


def refund_inquiry(answer: Answer, order: Refund) -> Evidence:
    """ "found done", "found processing", "found failed", "not found" or "refund unknown"."""
    alarm = _alarm(answer, {"refundRequestId": order.refund_request_id})
    if not alarm and answer.status == "S":
        alarm = _refund_amount_alarm(answer, order)
        found = FOUND.get(a_text(answer.body.get("refundStatus")))
        if found and not alarm:
            return Evidence(found, _refund_facts(answer))
    if not alarm and _signed_f(answer) and answer.code == "ORDER_NOT_EXIST":
        return Evidence("not found", _why(answer))
    return _unknown("refund unknown", answer, alarm)


def refunded_minor(answer: Answer, intent: Intent) -> int:
    """What the answer's transactions gave back, in the intent's minor units.

    Counted for certain or not at all: each refund once by its id, and entries without any id
    as one, because counting one twice would call money returned that is not.
    """
    entries = answer.body.get("transactions")
    counted: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("transactionType") != "REFUND":
            continue
        amount = entry.get("transactionAmount")
        if entry.get("transactionStatus") != "SUCCESS" or not isinstance(amount, dict):
            continue
        if amount.get("currency") == intent.currency:
            name = a_text(entry.get("transactionId")) or a_text(entry.get("transactionRequestId"))
            counted[name] = minor_units(amount.get("value")) or 0
    return sum(counted.values())


def _alarm(answer: Answer, ours: dict[str, str]) -> str:
    """Why nothing in this answer is believed, or ""."""
    if answer.trust == FORGED or (answer.status == "S" and answer.trust != SIGNED):
        return "signature"
    for name, value in ours.items():
        theirs = answer.body.get(name)
        if theirs not in (None, "") and a_text(theirs) != value:
            return "id"
    return ""


def _amount_alarm(answer: Answer, intent: Intent) -> str:
    amount = answer.body.get("paymentAmount")
    return "" if is_amount(amount, intent.currency, intent.amount_minor) else "amount"


def _refund_amount_alarm(answer: Answer, order: Refund) -> str:
    """A refund's answer may leave the amount out: the request's own was fixed with its id (I37)."""
    amount = answer.body.get("refundAmount")
    if amount is None or is_amount(amount, order.currency, order.amount_minor):
        return ""
    return "amount"


def _signed_f(answer: Answer) -> bool:
    return answer.status == "F" and answer.trust == SIGNED


def _is_final(answer: Answer, f_is_unknown: Collection[str]) -> bool:
    if answer.trust == SIGNED:
        return answer.code not in F_IS_UNKNOWN and answer.code not in f_is_unknown
    return answer.code in F_UNSIGNED and answer.code not in f_is_unknown


ALARMS = {
    "signature": "the answer is not signed by Antom",
    "amount": "the answer's amount is not ours",
    "id": "the answer is about another payment",
}


def _unknown(event: str, answer: Answer, alarm: str) -> Evidence:
    """An event that decides nothing. What was not signed, or raised an alarm, brings no ids."""
    if alarm:
        return Evidence(event, {"alarm": alarm, "message": ALARMS[alarm]})
    facts = _why(answer)
    if answer.trust == SIGNED:
        facts.update(_ids(answer))
    return Evidence(event, facts)


def _why(answer: Answer) -> dict[str, str]:
    return {"upstream_code": answer.code, "message": answer.message}


def _why_payment(answer: Answer) -> dict[str, str]:
    code = a_text(answer.body.get("paymentResultCode"))
    message = a_text(answer.body.get("paymentResultMessage"))
    return {"upstream_code": code, "message": message, **_ids(answer)}


def _payment_facts(answer: Answer) -> dict[str, str]:
    return {**_ids(answer), "paid_at": a_time(answer.body.get("paymentTime"))}


def _refund_facts(answer: Answer) -> dict[str, str]:
    refunded_at = a_time(answer.body.get("refundTime"))
    return {"antom_refund_id": an_id(answer.body.get("refundId")), "refunded_at": refunded_at}


def _ids(answer: Answer) -> dict[str, str]:
    return {"antom_payment_id": an_id(answer.body.get("paymentId"))}
