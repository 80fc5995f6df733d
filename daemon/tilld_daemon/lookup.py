"""Finding what a call is about, and cutting lists into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tilld_core import limits, money
from tilld_core.errors import BadValue
from tilld_core.ledger import Job
from tilld_core.messages import CallError
from tilld_core.payment import Payment
from tilld_core.periods import Period
from tilld_core.refund import Refund
from tilld_hal.errors import StorageFault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tilld_core.ledger import Ledger
    from tilld_daemon.journal import Journal
    from tilld_daemon.past import Past

    Params = dict[str, Any]

Thing = TypeVar("Thing", Payment, Refund, Job)
Numbered = TypeVar("Numbered", Payment, Refund)


class Lookup:
    """Objects by id or key, and lists of them."""

    def __init__(self, ledger: Ledger, past: Past) -> None:
        self._ledger = ledger
        self._past = past

    def payment(self, params: Params, key_name: str = "key") -> Payment:
        """By ``payment``, ours or Antom's id, or by its key. Raises CallError."""
        return self.known(params, "payment", Payment, self._ledger.find_payment, key_name)

    def refund(self, params: Params) -> Refund:
        """By ``refund`` or by ``key``. Raises CallError."""
        return self.known(params, "refund", Refund, self._ledger.refunds.get)

    def known(
        self,
        params: Params,
        name: str,
        kind: type[Thing],
        find: Callable[[str], Thing | None],
        key_name: str = "key",
    ) -> Thing:
        """By id or by key; if both are named, they must mean the same object."""
        by_id, key = params[name], params[key_name]
        if by_id is None and key is None:
            raise CallError("bad_param", f"Name the {name} or its key.", [name, key_name])
        found = self._ledger.keys.get(key) if by_id is None else find(by_id)
        if found is None:
            raise CallError("not_found")
        if not isinstance(found, kind):
            raise CallError("key_used", f"This key belongs to a {kind_of(found)}.")
        if key is not None and found.key != key:
            raise CallError("key_mismatch", f"This key is not that {name}'s.", [key_name])
        return found

    async def page(
        self,
        params: Params,
        things: dict[str, Numbered],
        is_asked_for: Callable[[Numbered], bool],
        past: Callable[[int, int], Awaitable[list[Numbered]]] | None,
    ) -> tuple[list[Numbered], str | None]:
        """The things asked for after the cursor, newest first, and the next cursor: the last id
        of this page.

        ``things`` are those in memory, asked for or not; ``past(before, size)`` gives those asked
        for of the archive. A cursor stays good when what it names has moved on in the meantime.
        """
        size = params["limit"] or limits.LIST_DEFAULT
        before = await self._before(params["cursor"], things)
        found = [one for one in things.values() if one.number < before and is_asked_for(one)]
        if past is not None:
            found += await past(before, size + 1)
        found.sort(key=lambda one: -one.number)
        return found[:size], object_id(found[size - 1]) if len(found) > size else None

    async def _before(self, cursor: str | None, things: dict[str, Numbered]) -> int:
        if cursor is None:
            return limits.INT_MAX
        known = things.get(cursor)
        number = known.number if known else await self._past.number_of(cursor)
        if number is None:
            raise CallError("bad_param", "This cursor is not of this list.", ["cursor"])
        return number


def page_of(
    params: Params, things: Sequence[Thing], is_asked_for: Callable[[Thing], bool]
) -> tuple[list[Thing], str | None]:
    """The same of things that are all in memory and in their order, asked for or not."""
    first = 0
    if params["cursor"] is not None:
        ids = [object_id(thing) for thing in things]
        if params["cursor"] not in ids:
            raise CallError("bad_param", "This cursor is not of this list.", ["cursor"])
        first = ids.index(params["cursor"]) + 1
    size = params["limit"] or limits.LIST_DEFAULT
    rest = [thing for thing in things[first:] if is_asked_for(thing)]
    return rest[:size], object_id(rest[size - 1]) if len(rest) > size else None


async def reserve(journal: Journal, of: str, size: int) -> None:
    """Room for all that ``of`` may need (I22). Raises CallError: nothing has begun."""
    try:
        found = await journal.reserve(of, size)
    except StorageFault as fault:
        raise CallError("storage") from fault
    if not found:
        raise CallError("journal_full")


def amount_of(amount: dict[str, Any]) -> tuple[str, int]:
    """Currency and minor units of a payable amount. Raises CallError bad_param."""
    currency, value = amount["currency"], amount["value"]
    try:
        money.check_amount(currency, value)
        money.check_antom(currency, value)
    except BadValue as error:
        raise CallError("bad_param", f"The amount's {error}.", ["amount"]) from error
    return currency, value


def differs(fields: list[str]) -> str:
    """Why a key can't be used again, in words."""
    return f"This key was used with another {' and '.join(fields)}."


def kind_of(thing: object) -> str:
    if isinstance(thing, Payment):
        return "payment"
    if isinstance(thing, Period):
        return "report"
    return "refund" if isinstance(thing, Refund) else "print job"


def object_id(thing: Payment | Refund | Job) -> str:
    if isinstance(thing, Payment):
        return thing.payment
    return thing.refund if isinstance(thing, Refund) else thing.job
