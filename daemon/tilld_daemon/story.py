"""What happened to each payment in this life, step by step with its time, for `payment.explain`.

In memory alone: nothing of it is written on the way of a sale. Stories are kept of what is open
and of the last that were settled; a story has a bounded number of steps, because what repeats is
one step that counts. A step is seen only when the records it speaks of are durable (I4), and
holds no secret (I31).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from tilld_core import money
from tilld_core.messages import REASONS, REFUND_REASONS
from tilld_core.payment import Payment
from tilld_daemon import story_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.refund import Refund

    Thing = Payment | Refund

RECENT = 100  # stories of settled payments that are kept
STEPS_MAX = 60  # of a story; what is left out then is from its middle
KEPT_FIRST = 20
SAID_MAX = 6  # different answers that one step lists

_REASONS = {row[0]: (row[1], row[2]) for row in REASONS}
_REFUND_REASONS = {row[0]: (row[1], row[2]) for row in REFUND_REASONS}


class Step:
    """``times`` and ``until_s`` are of a step that repeats; ``said`` what answered it, and how
    often."""

    __slots__ = ("at_s", "known", "rule", "said", "times", "until_s")

    def __init__(self, at_s: int, known: str, rule: str) -> None:
        self.at_s = at_s
        self.until_s = at_s
        self.known = known
        self.rule = rule
        self.times = 0
        self.said: dict[str, int] = {}


class Stories:
    """One for the device; the shell tells it of every event and every effect."""

    def __init__(self, now_s: Callable[[], int]) -> None:
        self._now_s = now_s
        self._stories: OrderedDict[str, list[Step]] = OrderedDict()
        self._pending: dict[str, list[Step]] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()

    def of(self, asked: Payment) -> list[Step]:
        """The steps of a payment and its refunds, oldest first; none when it is not of this life
        or its story was dropped."""
        return self._stories.get(asked.payment, [])

    def heard(self, thing: Thing, event: str, facts: dict[str, Any], before: str) -> None:
        """An event moved it on from the state ``before``, or was ignored there."""
        self._settled.pop(thing.payment, None)
        said = story_words.said(facts)
        group = story_words.group_of(thing, event)
        if group:
            self._answered(thing, group, story_words.SAYS.get(event, said))
            return
        if event == "not sent" and said == story_words.NOTHING:
            event = "given up"  # no obstacle: it was wanted no more
        row = story_words.of_event(thing, event, before)
        if row is not None:
            self._add(thing, row, {"said": said, "code": _code(facts)})

    def did(self, thing: Thing, effect: str, before: str) -> None:
        """An effect is done; what a record says is durable."""
        if effect == "tell till":
            self.rest(thing)
            return
        repeated = story_words.repeated(thing, effect)
        if repeated is not None:
            self._again(thing, repeated)
            return
        row = story_words.of_effect(thing, effect, before)
        if row is not None:
            self._add(thing, row, {})

    def rest(self, thing: Thing) -> None:
        """Nothing that is not durable stands in the steps so far: they may be seen."""
        pending = self._pending.pop(_name(thing), [])
        if not pending:
            return
        story = self._stories.setdefault(thing.payment, [])
        story += pending
        if len(story) > STEPS_MAX:
            del story[KEPT_FIRST : KEPT_FIRST + len(story) - STEPS_MAX]

    def lost(self, thing: Thing) -> None:
        """Its record could not be written: what the record would have said is not known."""
        self._pending[_name(thing)] = []
        self._add(thing, story_words.LOST, {})
        self.rest(thing)

    def settled(self, settled: Thing) -> None:
        """Nothing is owed any more: kept until enough others are settled."""
        self._settled[settled.payment] = None
        while len(self._settled) > RECENT:
            oldest, _ = self._settled.popitem(last=False)
            self._stories.pop(oldest, None)

    def _add(self, thing: Thing, row: tuple[str, str], words: dict[str, str]) -> None:
        known, rule = row
        if "{" in known or "{" in rule:  # most are the same for every payment
            words |= _about(thing)
            known, rule = known.format(**words), rule.format(**words)
        step = Step(self._now_s(), known, rule)
        self._pending.setdefault(_name(thing), []).append(step)

    def _again(self, thing: Thing, row: tuple[str, str]) -> None:
        """One more of what repeats, in the step of its group if nothing else came since then than
        what repeats as well."""
        step = self._repeating(thing, row[0])
        if step is None:
            step = Step(self._now_s(), *row)
            self._pending.setdefault(_name(thing), []).append(step)
        step.times += 1
        step.until_s = self._now_s()

    def _answered(self, thing: Thing, group: str, said: str) -> None:
        """An answer belongs to the last step of its group, if there is one."""
        for step in reversed(self._steps(thing)):
            if step.known == group:
                if said in step.said or len(step.said) < SAID_MAX:
                    step.said[said] = step.said.get(said, 0) + 1
                return

    def _repeating(self, thing: Thing, group: str) -> Step | None:
        for step in reversed(self._steps(thing)):
            if not step.times:
                return None
            if step.known == group:
                return step
        return None

    def _steps(self, thing: Thing) -> list[Step]:
        return [*self._stories.get(thing.payment, ()), *self._pending.get(_name(thing), ())]


def _about(thing: Thing) -> dict[str, str]:
    reasons = _REASONS if isinstance(thing, Payment) else _REFUND_REASONS
    rule, why = reasons.get(thing.reason, ("", ""))
    words = {
        "amount": money.show(thing.currency, thing.amount_minor) if thing.currency else "nothing",
        "number": thing.antom_payment_id or "not known",
        "why": why,
        "rule": rule,
    }
    words["signed"] = f"{thing.written_off_by} ({thing.written_off_why})"
    words["mark"] = thing.written_off_signed_by
    words["refund"] = thing.refund
    if isinstance(thing, Payment):
        words["order"] = thing.order_ref
    return words


def _code(facts: dict[str, Any]) -> str:
    """A payment code as it may be shown: two digits and its length (rules.md §6)."""
    code = facts.get("code", "")
    return f"{code[:2]}…, {len(code)} digits" if code else ""


def _name(thing: Thing) -> str:
    return thing.payment if isinstance(thing, Payment) else thing.refund


def is_told_whole(steps: list[Step]) -> bool:
    """Whether the story begins with the till's request, and not in the middle."""
    return bool(steps) and steps[0].rule == story_words.ASKED
