"""Stories are bounded, and say nothing before it is durable."""

from __future__ import annotations

from tilld_core import payment
from tilld_core.payment import Payment
from tilld_daemon.story import RECENT, STEPS_MAX, Stories

CODE = "281006020000000000125733"


class Time:
    def __init__(self) -> None:
        self.now_s = 1700000000

    def __call__(self) -> int:
        self.now_s += 1
        return self.now_s


def a_payment(name: str = "P1", state: str = payment.CANCELLING) -> Payment:
    made = Payment(name, f"key-{name}", "A-1", "EUR", 1250, 1700000000)
    made.state = state
    made.reason = "no_answer"
    return made


def known(stories: Stories, one: Payment) -> list[str]:
    return [step.known for step in stories.of(one)]


def test_a_step_is_seen_only_once_the_till_was_told() -> None:
    stories, one = Stories(Time()), a_payment()
    stories.heard(one, "till cancel", {}, payment.PAYING)
    stories.did(one, "note cancel", payment.PAYING)
    assert known(stories, one) == []
    stories.did(one, "tell till", payment.PAYING)
    assert known(stories, one)[0] == "The till cancelled it."
    assert known(stories, one)[1].startswith("Decided not paid, on flash")


def test_a_record_that_could_not_be_written_decides_nothing_in_the_story() -> None:
    stories, one = Stories(Time()), a_payment()
    stories.heard(one, "acknowledge", {}, payment.APPROVED)
    stories.lost(one)
    assert known(stories, one) == [
        "Its record could not be written; the next start reads what flash says."
    ]


def test_a_code_is_never_in_a_story() -> None:
    stories, one = Stories(Time()), a_payment(state=payment.PAYING)
    stories.heard(one, "start with code", {"code": CODE}, payment.NEW)
    stories.rest(one)
    (step,) = known(stories, one)
    assert CODE not in step
    assert "28…, 24 digits" in step


def tried(stories: Stories, one: Payment, said: str) -> None:
    stories.did(one, "send cancel", one.state)
    stories.rest(one)
    stories.heard(one, "cancel unknown", {"upstream_code": said}, one.state)
    stories.rest(one)


def test_ten_thousand_tries_are_one_step_with_what_came_back() -> None:
    stories, one = Stories(Time()), a_payment()
    for n in range(10_000):
        tried(stories, one, f"CODE_{n % 50}")
    (step,) = stories.of(one)
    assert step.times == 10_000
    assert step.until_s > step.at_s
    assert len(step.said) < 10


def test_a_story_has_a_bounded_number_of_steps_and_keeps_its_ends() -> None:
    stories, one = Stories(Time()), a_payment(state=payment.PAYING)
    stories.heard(one, "start with code", {"code": CODE}, payment.NEW)
    one.state = payment.CANCELLING
    for _ in range(500):
        stories.heard(one, "restart", {}, payment.CANCELLING)
        tried(stories, one, "NEW")
    assert len(stories.of(one)) == STEPS_MAX
    assert known(stories, one)[0].startswith("The till asked")
    assert stories.of(one)[-1].times == 1


def test_of_what_is_settled_only_the_last_stories_are_kept() -> None:
    stories = Stories(Time())
    owed = a_payment("owed")
    tried(stories, owed, "NEW")
    for n in range(RECENT + 10):
        one = a_payment(f"P{n}", payment.FAILED)
        stories.heard(one, "refused", {"upstream_code": "RISK_REJECT"}, payment.PAYING)
        stories.rest(one)
        stories.settled(one)
    assert stories.of(owed)
    assert stories.of(a_payment("P9")) == []
    assert stories.of(a_payment("P10"))


def test_a_payment_that_was_cancelled_before_its_first_byte_is_not_told_as_sent() -> None:
    stories, one = Stories(Time()), a_payment(state=payment.PAYING)
    stories.did(one, "send pay", payment.NEW)
    one.state = payment.CANCELLING
    stories.heard(one, "not sent", {"pay_closed": True}, payment.CANCELLING)
    stories.rest(one)
    assert known(stories, one) == [
        "Sending the payment to Antom began; it is sent once.",
        "It was cancelled before a byte of it was sent.",
    ]


def test_a_request_and_the_check_that_follows_it_are_two_steps_however_often() -> None:
    stories, one = Stories(Time()), a_payment()
    for _ in range(5):
        tried(stories, one, "CANCEL_WINDOW_EXCEED")
        stories.did(one, "send window check", one.state)
        stories.rest(one)
        stories.heard(one, "check unknown", {"reason": "timeout"}, one.state)
        stories.rest(one)
    cancel, check = stories.of(one)
    assert (cancel.times, cancel.said) == (5, {"CANCEL_WINDOW_EXCEED": 5})
    assert (check.times, check.said) == (5, {"no answer in time": 5})
