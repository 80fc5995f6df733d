"""notifyPayment, as Antom posts it to the merchant's URL (antom-api.md §9).

Reads and checks; what a notification may do to a payment is `tilld_core.notification`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilld_antom.answers import SIGNED, minor_units, read
from tilld_antom.evidence import a_message, a_text, a_time, an_id
from tilld_core.notification import Notification

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tilld_antom.signing import Signer

CONTENT_TYPE = "application/json; charset=UTF-8"

# The one notifyType whose S means paid. Another's S may mean "pending" or "refunded" (§9.1, §9.5):
# its status is not told, so that it can only lead to an inquiry.
PAYMENT_RESULT = "PAYMENT_RESULT"

# Byte for byte what AMSJ answers (antom-api.md §9.2); U makes Antom send again (§9.3).
BODIES = {
    "S": b'{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"success"}}',
    "U": b'{"result":{"resultCode":"UNKNOWN_EXCEPTION","resultStatus":"U",'
    b'"resultMessage":"UNKNOWN_EXCEPTION"}}',
}


def receive(path: str, headers: Mapping[str, str], content: bytes, signer: Signer) -> Notification:
    """The notification in a POST to ``path`` (as requested, with its query if it has one).

    ``headers`` have names in lower case. The signature is checked over the bytes before
    anything is parsed, under the client id and the literal request-time that came with them; a
    notification that fails is returned with ``genuine`` False and nothing read.
    """
    client_id = headers.get("client-id", "")
    time = headers.get("request-time", "")
    signature = headers.get("signature", "")
    if not time or not signer.verify(path, client_id, time, content, signature):
        return Notification(False, client_id)
    answer = read(200, headers.get("content-type", ""), content, SIGNED)
    body = answer.body
    amount = body.get("paymentAmount")
    amount = amount if isinstance(amount, dict) else {}
    return Notification(
        True,
        client_id,
        payment_request_id=an_id(body.get("paymentRequestId")),
        status=answer.status if body.get("notifyType") == PAYMENT_RESULT else "",
        currency=a_text(amount.get("currency")),
        amount_minor=minor_units(amount.get("value")),
        antom_payment_id=an_id(body.get("paymentId")),
        paid_at=a_time(body.get("paymentTime")),
        upstream_code=a_message(answer.code),
        message=a_message(answer.message),
    )


def reply(
    status: str, path: str, client_id: str, time: str, signer: Signer
) -> tuple[dict[str, str], bytes]:
    """Headers and body that answer a notification with "S" or "U", signed (antom-api.md C8).

    ``time`` is the response-time: ISO 8601 with an offset, to the second (§1.6).
    """
    body = BODIES[status]
    headers = {
        "content-type": CONTENT_TYPE,
        "client-id": client_id,
        "response-time": time,
        "signature": signer.sign(path, client_id, time, body),
    }
    return headers, body
