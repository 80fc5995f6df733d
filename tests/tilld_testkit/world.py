"""What the explorer's world holds: the device's memory and flash, the wires, Antom, the till.

Everything is a small tuple, so that a world is its own key.  Volatile are the state, the deadline
and the lane; flash keeps the last record.  A request in flight is a word that says where it is.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from tilld_core import payment, refund

ANY = -1  # any number of times: no counter, so the smaller and the stronger run
OFF = "off"

# Antom's side of one payment. REVERSED is a debit that was cancelled; LATE one whose cancel window
# has closed; WRONG a debit of another amount than asked for.
NONE = "none"
PROCESSING = "processing"
SUCCESS = "success"
LATE = "success, window closed"
WRONG = "success, other amount"
FAIL = "fail"
CANCELLED = "cancelled"
REVERSED = "reversed"
REFUNDED = "refunded"
DEBITED = (SUCCESS, LATE, WRONG)
ONCE_SUCCESS = (SUCCESS, LATE, REVERSED, REFUNDED)
CLOSED = (CANCELLED, REVERSED)

# The socket that carried `pay` (I8).
OPEN, SHUT, PAST = 0, 1, 2  # PAST: pay_in_flight_max has passed since it was shut

INQUIRIES = 2  # stands for the setting's 10 to 20: one that is not the last, and the last

# What a restart finds on flash (or, after the death of the process alone, in a mark).
RECOVERS = {
    "start": payment.WAITING,
    "intent": payment.PAYING,
    "failed": payment.FAILED,
    "cancel": payment.CANCELLING,
    "queued": payment.CANCEL_QUEUED,
    "attention": payment.NEEDS_ATTENTION,
    "refund": payment.REFUNDING,
    "closed": payment.CANCELLED,
    "returned": payment.RETURNED,
    "paid": payment.PAID,
    "written off": payment.WRITTEN_OFF,
}
REFUND_RECOVERS = {
    "requested": refund.LOCATING,
    "located": refund.SENDING,
    "queued": refund.QUEUED,
    "attention": refund.NEEDS_ATTENTION,
    "refunded": refund.REFUNDED,
    "refused": refund.REFUSED,
    "written off": refund.WRITTEN_OFF,
}


class Weather(NamedTuple):
    """How often each thing may go wrong; ANY is without a bound."""

    cuts: int = 0  # power cuts and deaths of the process, in recovery too
    losses: int = 0  # requests and answers lost
    duplicates: int = 0  # requests that arrive twice
    lates: int = 0  # cancels and refunds that arrive after their call was given up
    oddities: int = 0  # signed refusals that honest books don't explain: balance, status, disputes
    others: int = 0  # somebody cancels or refunds in the merchant's console
    lies: int = 0  # a signed F or FAIL, and then the customer pays
    write_offs: int = 0  # an operator signs that a person has settled what is owed


CUTS, LOSSES, DUPLICATES, LATES, ODDITIES, OTHERS, LIES, WRITE_OFFS = range(8)


@cache
def spend(left: Weather, kind: int) -> Weather | None:
    """What is left after one more of a kind, None when none was left."""
    if left[kind] == ANY:
        return left
    if left[kind] == 0:
        return None
    counts = list(left)
    counts[kind] -= 1
    return Weather(*counts)


class Refund(NamedTuple):
    """One refund: where its table stands, what flash holds, what Antom did with its id."""

    state: str = refund.NEW
    flash: str = ""
    mark: str = ""
    shown: str = ""  # what the till was told of it
    lane: str = ""
    deadline: str = ""
    tries: int = 0  # 0, 1, 2 for more; of this life alone, as the device counts
    absent: int = 0  # how often Antom did not know it since the last try, of this life alone
    asked: bool = False  # the last try left because Antom knew of none before
    located: bool = True
    antom: str = NONE  # none, processing, done, failed
    ghost: bool = False  # a copy of the request, loose in the network
    code: str = ""  # why Antom refused: closed, exceeds, refused


class World(NamedTuple):
    """One instant. ``shown`` is what the till would be shown, ``told`` the most it ever heard."""

    state: str = payment.NEW
    deadline: str = ""
    flash: str = ""
    mark: str = ""
    shown: str = ""
    told: str = ""  # "", "paid", "not paid", "settled" (not paid, and nothing is owed)
    called: bool = False
    alarm: bool = False  # money came after a no, and no person was called yet
    pay: str = ""  # "", "on its way", "there": its answer is still owed to the open socket
    socket: int = OPEN
    ghost_pay: bool = False  # `pay` is loose in the network, nobody listens
    asked: int = 0  # inquiries sent, while the payment is undecided
    inquiry: bool = False  # the answer of the last one may still come
    lane: str = ""  # "", "due", a request on its way, or "answer: …" on its way back
    ghost_cancel: bool = False
    antom: str = NONE
    refund: Refund | None = None
    lied: bool = False
    left: Weather = Weather()


def may_be_charged(world: World) -> bool:
    """The customer's money is with the merchant, or may still get there by itself."""
    if world.antom in (*DEBITED, PROCESSING):
        return True
    return world.antom == NONE and (world.ghost_pay or world.pay != "")


# Where the till's own refund begins: the payment is paid, Antom holds the money.
NEW_REFUND_OF_A_PAID = World(
    state=payment.PAID, flash="paid", shown=payment.PAID, told="paid", antom=SUCCESS
)
