"""Which paper belongs to a payment or refund, and what stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import civil, payment, receipt, refund
from tilld_core.messages import CallError
from tilld_core.payment import Payment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.ledger import Ledger
    from tilld_core.refund import Refund
    from tilld_daemon.settings import Receipt

    Thing = Payment | Refund


class Receipts:
    """``clock_was_set()`` is False while times on paper would be a guess (rules.md §2); ``shop``
    heads the paper when the settings have no header."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Receipt,
        terminal: str,
        offset_min: Callable[[int], int],
        clock_was_set: Callable[[], bool],
        columns: int,
        shop: str,
        logo: bytes = b"",
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._terminal = terminal
        self._offset_min = offset_min
        self._clock_was_set = clock_was_set
        self._columns = columns
        self._header = settings.header or ((shop,) if shop else ())
        self._logo = logo

    def check(self, subject: Thing, decided: bool) -> None:
        """Raises CallError not_paid when there is nothing to print (till_socket.md §2).

        ``decided`` is what tills were told: a decision that is not durable has no paper (I30).
        """
        if not isinstance(subject, Payment):
            if not decided or subject.state != refund.REFUNDED:
                raise CallError(
                    "not_paid", "The refund is not confirmed, so it has no receipt yet."
                )
        elif not decided:
            raise CallError("not_paid", "The payment is not decided yet.", payment=subject.payment)
        elif subject.state == payment.FAILED and not was_sent(subject):
            raise CallError("not_paid", payment=subject.payment)

    def document(self, subject: Thing) -> list[dict[str, Any]]:
        """The blocks to print now: headed COPY when an earlier print of it left the terminal."""
        settings = self._settings
        return receipt.document(
            self._fields(subject),
            self._columns,
            self._header,
            settings.footer,
            settings.copy_text if subject.receipts_printed else "",
            settings.language,
            self._logo,
        )

    def shown(self, subject: Thing) -> dict[str, Any]:
        """`fields` for tills that print themselves, and `lines`."""
        settings = self._settings
        fields = self._fields(subject)
        return {
            "fields": fields,
            "lines": receipt.lines(
                fields, self._columns, self._header, settings.footer, "", settings.language
            ),
        }

    def _fields(self, subject: Thing) -> receipt.Fields:
        if isinstance(subject, Payment):
            return self._payment_fields(subject)
        paid = self._ledger.payments.get(subject.payment)
        at_s = civil.parse_rfc3339(subject.refunded_at) or self._known(subject.decided_at_s)
        return receipt.fields(
            receipt.REFUND,
            subject.payment,
            paid.order_ref if paid else None,
            subject.currency,
            subject.amount_minor,
            at_s,
            self._offset_min(at_s or 0),
            antom_payment_id=subject.antom_payment_id or None,
            refund=subject.refund,
            antom_refund_id=subject.antom_refund_id or None,
            terminal=self._terminal,
        )

    def _payment_fields(self, subject: Payment) -> receipt.Fields:
        is_paid = subject.state == payment.PAID
        at_s = civil.parse_rfc3339(subject.paid_at) if is_paid else None
        at_s = at_s or self._known(subject.decided_at_s)
        return receipt.fields(
            receipt.PAID if is_paid else receipt.NOT_PAID,
            subject.payment,
            subject.order_ref,
            subject.currency,
            subject.amount_minor,
            at_s,
            self._offset_min(at_s or 0),
            antom_payment_id=subject.antom_payment_id or None,
            terminal=self._terminal,
            state=None if is_paid else subject.state,
        )

    def _known(self, at_s: int) -> int | None:
        return at_s if at_s and self._clock_was_set() else None


def was_sent(failed: Payment) -> bool:
    """A failed payment of which something may have reached Antom."""
    return failed.reason == "declined"
