"""The acts. A line with ✓ was asked: of Antom's ledger, the journal, the paper, the till socket."""

from tilld_story import flash
from tilld_story.shop import COLUMNS, SPEED, Json, Shop
from tilld_story.telling import Teller
from tilld_testkit.shop import new_key

FIRST_MINOR = 1250
SECOND_MINOR = 340
FLUSHES_A_SALE = 2
PRINTED_WITHIN_S = 30


def tell(shop: Shop, teller: Teller) -> None:
    """Both sales, from the opened shop to the closed queue."""
    paid = _a_sale(shop, teller)
    owed = _the_network_fails(shop, teller)
    _tilld_is_killed(shop, teller, owed)
    _the_network_returns(shop, teller, owed)
    _at_the_end(shop, teller, paid)


def _a_sale(shop: Shop, teller: Teller) -> Json:
    teller.title("A sale")
    flushes = _flushes(shop)
    payment: Json = shop.till.start(new_key(), "A-1001", "EUR", FIRST_MINOR)
    teller.say("The till asks for 12.50 EUR. The scanner waits.", payment["state"])
    _hold_up(shop, teller)
    payment = shop.until(payment, "approved")
    teller.say("Antom took the money. tilld asks the till to store that.", payment["state"])
    payment = shop.till.acknowledge(payment)
    teller.say("The till has stored it. Goods may go over the counter.", payment["state"])
    flushes = _flushes(shop) - flushes
    recorded = flash.kinds_about(payment["payment"], shop.journal)
    teller.note(f"in the journal: {', '.join(recorded)}")
    teller.fact(
        "The journal holds the intent and the sale; that took two flushes.",
        {"intent", "paid"} <= {*recorded} and flushes == FLUSHES_A_SALE,
    )
    teller.fact("Antom's ledger: the customer paid 12.50 EUR, once.", _paid_once(shop, payment))
    _print(shop, teller, payment, "receipt.png", "The receipt")
    return payment


def _the_network_fails(shop: Shop, teller: Teller) -> Json:
    teller.title("The answer is lost, then the network")
    shop.faults(
        {"api": "pay", "fault": "answer lost after the debit"},
        {"api": "inquiryPayment", "fault": "no answer"},
    )
    payment: Json = shop.till.start(new_key(), "A-1002", "EUR", SECOND_MINOR)
    teller.say("The till asks for 3.40 EUR.", payment["state"])
    _hold_up(shop, teller)
    payment = shop.until(payment, "inquiring")
    teller.say("No answer came. tilld asks what became of it.", payment["state"])
    shop.faults({"fault": "refuse connections"})
    teller.say("Now the whole network is gone.")
    teller.fact("Antom's ledger: the customer is charged 3.40 EUR.", _charged(shop, payment))
    payment = shop.until(payment, "cancelling")
    teller.say("Asked ten times in vain. Decided: not paid.", payment["state"])
    teller.note("the till may tell the customer; that word will never change")
    recorded = flash.kinds_about(payment["payment"], shop.journal)
    teller.fact("The till hears of the cancel, and it is in the journal.", "cancel" in recorded)
    payment = shop.until(payment, "cancel_queued")
    teller.say("A minute of attempts in vain. A person is called.", payment["state"])
    teller.note(f"(that minute took {60 // SPEED} s here) the cancel now waits in flash")
    _print(shop, teller, payment, "not-paid.png", "The customer's slip")
    return payment


def _tilld_is_killed(shop: Shop, teller: Teller, owed: Json) -> None:
    teller.title("tilld is killed")
    before = _queue(shop, teller)
    teller.fact("The cancel is in the queue.", before == [owed["payment"]])
    shop.terminal.kill()
    teller.say("kill -9. The cancel is owed, and nobody is there.")
    recorded = flash.kinds_about(owed["payment"], shop.journal)
    teller.note(f"in the journal, while nobody runs: {', '.join(recorded)}")
    teller.fact("The cancel waits in flash.", "cancel" in recorded and "closed" not in recorded)
    shop.terminal.start()
    teller.say("tilld runs again. There is still no network.")
    after = _queue(shop, teller)
    teller.fact("The same cancel is in the queue, and nothing else.", after == before)


def _the_network_returns(shop: Shop, teller: Teller, owed: Json) -> None:
    teller.title("The network returns")
    shop.faults()
    teller.say("Antom can be reached again. Nobody does anything.")
    payment = shop.until(shop.till.get(owed["key"]), "cancelled")
    teller.say("Antom has confirmed the cancel.", payment["state"])
    truth = shop.in_antoms_ledger(payment["payment"])
    took, gave = truth["debited"], truth["returned"]
    sums = f"{took / 100:.2f} EUR taken, {gave / 100:.2f} EUR given back"
    teller.fact(f"The customer's money is untouched: {sums}.", took == gave)
    teller.fact(
        "Antom's ledger calls it cancelled, the till not paid.", _is_cancelled(truth, payment)
    )
    teller.fact("The queue is empty.", _queue(shop, teller) == [])


def _at_the_end(shop: Shop, teller: Teller, paid: Json) -> None:
    teller.title("At the end of the day")
    again = shop.till.get(paid["key"])
    teller.fact(
        "The first sale is still paid, after the kill too.",
        again["state"] == "paid" and _paid_once(shop, paid),
    )
    leaks = [
        path.name
        for path in sorted(shop.terminal.folder.rglob("*"))
        if path.is_file() and any(code.encode() in path.read_bytes() for code in shop.codes)
    ]
    teller.fact("The customers' codes are in no file of the device, log or journal.", not leaks)


def _hold_up(shop: Shop, teller: Teller) -> None:
    code = shop.fresh_code()
    shop.scan(code)
    teller.say(f"A customer shows a code: {code[:2]}…, {len(code)} digits on the serial line.")


def _print(shop: Shop, teller: Teller, payment: Json, name: str, what: str) -> None:
    job = shop.till.print_receipt(new_key(), payment, PRINTED_WITHIN_S)
    teller.say(f"{what} is printed.", job["state"])
    teller.fact("The printer has confirmed its last line.", job["state"] == "done")
    if job["state"] != "done":
        return
    picture, lines, codes = shop.take_slip(name)
    teller.show(lines, COLUMNS)
    teller.note(str(picture))
    teller.fact(
        "Its barcode, read back from the pixels, is the payment's id.",
        codes == [payment["payment"]],
    )


def _queue(shop: Shop, teller: Teller) -> list[str]:
    """The payments whose cancels are owed, as queue.list has them."""
    entries = shop.till.call("queue.list")["entries"]
    for entry in entries:
        value = entry["amount"]["value"] / 100
        teller.say(f"queue.list: cancel of {value:.2f} EUR, waiting for {entry['age_s']} s.")
    if not entries:
        teller.say("queue.list: nothing is owed.")
    return [entry["payment"] for entry in entries]


def _flushes(shop: Shop) -> int:
    flushes: int = shop.till.call("device.health")["storage"]["flushes"]
    return flushes


def _paid_once(shop: Shop, payment: Json) -> bool:
    truth = shop.in_antoms_ledger(payment["payment"])
    movements = [(each["kind"], each["value"]) for each in truth["movements"]]
    return movements == [("debit", FIRST_MINOR)] and truth["bodies"]["pay"] == 1


def _charged(shop: Shop, payment: Json) -> bool:
    truth = shop.in_antoms_ledger(payment["payment"])
    return bool(truth["debited"] == SECOND_MINOR and truth["returned"] == 0)


def _is_cancelled(truth: Json, payment: Json) -> bool:
    return bool(truth["status"] == "CANCELLED" and payment["outcome"] == "not_paid")
