"""Which paper belongs to a payment or refund, and what stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import civil, payment, receipt, refund, report_paper
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
        elif shows_code(subject):
            return
        elif not decided:
            raise CallError("not_paid", "The payment is not decided yet.", payment=subject.payment)
        elif subject.state == payment.FAILED and not was_sent(subject):
            raise CallError("not_paid", payment=subject.payment)

    def document(self, subject: Thing) -> list[dict[str, Any]]:
        """The blocks to print now: headed COPY when an earlier print of it left the terminal."""
        settings = self._settings
        is_copy = subject.receipts_printed and not shows_code(subject)
        return receipt.document(
            self._fields(subject),
            self._columns,
            self._header,
            settings.footer,
            settings.copy_text if is_copy else "",
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

    def report_document(self, report: dict[str, Any]) -> list[dict[str, Any]]:
        """The blocks of a period's report, as report.get has it."""
        return report_paper.document(
            report,
            self._columns,
            self._header,
            self._terminal,
            self._settings.language,
            self._logo,
        )

    def _fields(self, subject: Thing) -> receipt.Fields:
        if isinstance(subject, Payment):
            return self._payment_fields(subject)
        paid = self._ledger.payments.get(subject.payment)
        at_s = civil.parse_rfc3339(subject.refunded_at) or self._known(subject.decided_at_s)
        paid_s = self._paid_s(paid) if paid else None
        return receipt.fields(
            receipt.REFUND,
            subject.payment,
            paid.order_ref if paid else None,
            subject.currency,
            subject.amount_minor,
            at_s,
            self._offset_min(at_s or 0),
            self._settings.language,
            antom_payment_id=subject.antom_payment_id or None,
            description=(paid.description or None) if paid else None,
            terminal=self._terminal,
            refund=subject.refund,
            antom_refund_id=subject.antom_refund_id or None,
            payment_value=paid.amount_minor if paid else None,
            paid_s=paid_s,
            paid_offset_min=self._offset_min(paid_s or 0),
        )

    def _payment_fields(self, subject: Payment) -> receipt.Fields:
        kind = receipt.PAID if subject.state == payment.PAID else receipt.NOT_PAID
        at_s = self._paid_s(subject)
        if shows_code(subject):
            kind = receipt.ORDER_CODE
            at_s = self._known(subject.created_at_s)
        return receipt.fields(
            kind,
            subject.payment,
            subject.order_ref,
            subject.currency,
            subject.amount_minor,
            at_s,
            self._offset_min(at_s or 0),
            self._settings.language,
            antom_payment_id=subject.antom_payment_id or None,
            description=subject.description or None,
            terminal=self._terminal,
            state=subject.state if kind == receipt.NOT_PAID else None,
            code=subject.order_code if kind == receipt.ORDER_CODE else None,
            expires_s=self._known(subject.code_expires_s) if kind == receipt.ORDER_CODE else None,
        )

    def _paid_s(self, subject: Payment) -> int | None:
        """When it was paid, by Antom's time; of another one, when it was decided."""
        at_s = civil.parse_rfc3339(subject.paid_at) if subject.state == payment.PAID else None
        return at_s or self._known(subject.decided_at_s)

    def _known(self, at_s: int) -> int | None:
        return at_s if at_s and self._clock_was_set() else None


def was_sent(failed: Payment) -> bool:
    """A failed payment of which something may have reached Antom."""
    return failed.reason == "declined"


def shows_code(subject: Thing) -> bool:
    """An order code that may still be paid: its paper is a slip to pay by, and no receipt."""
    return isinstance(subject, Payment) and subject.state == payment.SHOWING
