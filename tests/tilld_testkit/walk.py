"""One payment led by hand through the tables that run, on both Pythons.

The walk does what the shell does, without its sockets: it gives events and the time, keeps the
effects, writes the records of a note into a list, and after a power cut makes payment and refund
from that list alone.
"""

from tilld_core import cancel_queue, payment, refund
from tilld_core.ledger import Ledger, entry_of
from tilld_core.limits import Timing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAYMENT_ID = "17000000000010000050000000001AAAA"
REFUND_ID = "R7000000000010000050000000001AAAA"
ANTOM_ID = "202611221940108001001880C0200000001"


def no_chance(n: int) -> int:
    """Chance at its least."""
    return 0


def all_chance(n: int) -> int:
    """Chance at its most."""
    return n


class Walk:
    """``done`` holds every effect in order, ``flash`` the durable records, ``marks`` the others."""

    def __init__(self, timing: "Timing | None" = None) -> None:
        self.timing = timing or Timing()
        self.now_ms = 5000
        self.chance = no_chance
        self.done: list[str] = []
        self.flash: list[Any] = []
        self.marks: list[Any] = []
        self.payment = payment.Payment(
            PAYMENT_ID, "till-key-0123456789", "order-1", "EUR", 500, 1700000000
        )
        self.refund: refund.Refund | None = None

    @property
    def state(self) -> str:
        return self.payment.state

    def hear(self, *events: "str | tuple[str, dict[str, Any]]") -> "Walk":
        """The payment hears events, each a name or (name, facts), all at this instant."""
        for event in events:
            name, facts = (event, {}) if isinstance(event, str) else event
            effects = payment.step(self.payment, name, facts, self.now_ms, self.timing, self.chance)
            for effect in effects:
                self._do(effect, self.payment)
        return self

    def refund_hears(self, *events: "str | tuple[str, dict[str, Any]]") -> "Walk":
        assert self.refund is not None
        for event in events:
            name, facts = (event, {}) if isinstance(event, str) else event
            effects = refund.step(self.refund, name, facts, self.now_ms, self.timing, self.chance)
            for effect in effects:
                self._do(effect, self.refund)
        return self

    def ask_refund(self, antom_payment_id: str = ANTOM_ID) -> "Walk":
        """The till asks for a refund of its own."""
        self.refund = refund.Refund(
            REFUND_ID, "till-key-refund-01", PAYMENT_ID, antom_payment_id, "EUR", 500, 1700000100
        )
        return self.refund_hears("start")

    def _do(self, effect: str, thing: "payment.Payment | refund.Refund") -> None:
        self.done.append(effect)
        verb, what = effect.split(" ", 1)
        if effect == "note refund":
            thing = self._replace()
            what = "requested"
        if verb in ("note", "mark"):
            kind = what if isinstance(thing, payment.Payment) else "refund " + what
            entries = self.flash if verb == "note" else self.marks
            if verb == "note":
                self.flash += self.marks
                self.marks = []
            entries.append(entry_of(kind, thing))
        elif effect == "send refund" and isinstance(thing, payment.Payment):
            self.refund_hears("take over")

    def _replace(self) -> refund.Refund:
        self.refund = refund.Refund(
            REFUND_ID,
            "",
            PAYMENT_ID,
            self.payment.antom_payment_id,
            "EUR",
            500,
            1700000100,
            in_place_of_cancel=True,
        )
        self.payment.refund = REFUND_ID
        return self.refund

    def wait(self, pause_ms: int) -> "Walk":
        self.now_ms += pause_ms
        return self

    def deadline(self) -> "Walk":
        """Time passes until the payment's deadline, and it fires."""
        assert self.payment.deadline_ms is not None
        self.now_ms = max(self.now_ms, self.payment.deadline_ms)
        return self.hear(self.payment.deadline_event)

    def next_try(self) -> "Walk":
        """Time passes until the payment's lane is due, and its next try begins."""
        self.now_ms = self._take(self.payment.lane)
        return self.hear("try")

    def next_refund_try(self) -> "Walk":
        assert self.refund is not None
        self.now_ms = self._take(self.refund.lane)
        return self.refund_hears("try")

    def _take(self, lane: cancel_queue.Lane) -> int:
        assert lane.next_ms is not None
        due_ms = max(self.now_ms, lane.next_ms)
        cancel_queue.take(lane)
        return due_ms

    def inquire_to_the_last(self) -> "Walk":
        """No answer at all: every inquiry is made, the last one is still out."""
        while not (self.state == payment.INQUIRING and self.inquiries() == self.timing.inquiries):
            self.deadline()
        return self

    def inquiries(self) -> int:
        return self.done.count("send inquiry")

    def power_cut(self) -> "Walk":
        """Everything is made anew from flash and hears of the restart; monotonic time goes on."""
        self.marks = []
        return self.process_death()

    def process_death(self) -> "Walk":
        """As a power cut, but what was only marked is still there."""
        ledger = Ledger()
        for entry in self.flash + self.marks:
            ledger.replay(entry)
        self.payment = ledger.payments[PAYMENT_ID]
        self.refund = ledger.refunds.get(REFUND_ID)
        self.done.append("power is back")
        if self.refund is not None:
            self.refund_hears("restart")
        return self.hear("restart")

    def since_power(self) -> "list[str]":
        """The effects since the last restart."""
        last = len(self.done) - 1
        while self.done[last] != "power is back":
            last -= 1
        return self.done[last + 1 :]


def paying() -> Walk:
    return Walk().hear("start", "code")


def inquiring() -> Walk:
    return paying().deadline()


def approved() -> Walk:
    return paying().hear(("success", {"pay_closed": True, "antom_payment_id": ANTOM_ID}))


def cancelling() -> Walk:
    return paying().hear("till cancel", ("unknown", {"pay_closed": True}))


def cancel_queued() -> Walk:
    return cancelling().next_try().hear("cancel unknown").deadline()


def needs_attention() -> Walk:
    return cancelling().next_try().hear("cancel refused")


def refunding() -> Walk:
    known = {"antom_payment_id": ANTOM_ID}
    return cancelling().next_try().hear("window closed", ("window check success", known))
