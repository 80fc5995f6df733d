"""The customer's wallet: fresh one-time codes, and what it does with a payment.

``GET /_sim/code?wallet=…`` issues a code; the behaviour named there belongs to the code.
"""

import dataclasses
import secrets

from antomsim.clock import Clock
from antomsim.params import CODE_SHAPE
from antomsim.settings import Settings
from antomsim.store import Code, Store


@dataclasses.dataclass(frozen=True)
class Course:
    """How a new payment goes. ``end`` is SUCCESS, FAIL or PROCESSING.

    ``code``: why it fails. ``confirm_after_s``: the customer confirms by himself then.
    ``answer``: the code that answers this ``pay`` in place of the honest one.
    """

    end: str
    code: str = ""
    confirm_after_s: float | None = None
    answer: str = ""
    never_expires: bool = False
    succeeds_on_cancel: bool = False


#: What the wallet does, by the name that /_sim/code takes.
WALLETS: dict[str, Course] = {
    "pays": Course("SUCCESS"),
    "pin": Course("PROCESSING"),
    "slow": Course("PROCESSING", confirm_after_s=3.0),
    "refuse": Course("FAIL", "USER_PAYMENT_VERIFICATION_FAILED"),
    "no-money": Course("FAIL", "USER_BALANCE_NOT_ENOUGH"),
    "limit": Course("FAIL", "USER_AMOUNT_EXCEED_LIMIT"),
    "risk": Course("FAIL", "RISK_REJECT"),
    "expired": Course("FAIL", "EXPIRED_CODE"),
}

_USED_OR_UNKNOWN = Course("FAIL", "INVALID_PAYMENT_CODE")


class Wallet:
    def __init__(self, store: Store, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    def fresh_code(self, wallet: str, after_s: float, digits: int) -> str:
        """A code never issued before, of 16 to 32 digits; ``after_s`` is for ``slow``."""
        while True:
            prefix = secrets.choice(("25", "26", "27", "28", "29", "30"))
            rest = "".join(secrets.choice("0123456789") for _ in range(digits - 2))
            if self._store.code(prefix + rest) is None:
                break
        self._store.put_code(Code(prefix + rest, wallet, self._clock.now_ms(), after_s, ""))
        return prefix + rest

    def present(self, code: str, request_id: str) -> Course:
        """The course of a new payment with this code, which is used up by it."""
        now_ms = self._clock.now_ms()
        known = self._store.code(code)
        if known is None:
            if not CODE_SHAPE.fullmatch(code) or self._settings.unknown_codes == "refuse":
                return _USED_OR_UNKNOWN
            known = Code(code, "pays", now_ms, 0.0, "")
        if known.used_by:
            return _USED_OR_UNKNOWN
        if now_ms - known.issued_ms > self._settings.code_life_s * 1000:
            return WALLETS["expired"]
        self._store.put_code(dataclasses.replace(known, used_by=request_id))
        course = WALLETS[known.wallet]
        if course.confirm_after_s is not None and known.after_s:
            return dataclasses.replace(course, confirm_after_s=known.after_s)
        return course
