"""`till show`, `list`, `explain`, `queue`, `report`, `scan`, `watch`, `health`: what only asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tilld_cli import amounts, naming, paper, screen
from tilld_cli.statuses import DONE, NOT_DONE, REFUSED
from tilld_client import new_key

if TYPE_CHECKING:
    from argparse import Namespace

    from tilld_cli.screen import Screen
    from tilld_client import Till

    Told = dict[str, Any]

LISTED = 20
WAIT_MAX_S = 60
SCAN_WITHIN_S = 60

_COLOURS = {"paid": screen.GOOD, "not_paid": screen.BAD, "refunded": screen.GOOD}


def show(till: Till, options: Namespace, said: Screen) -> int:
    payment = naming.found(till, options.payment)
    if said.as_json:
        said.json({"payment": payment})
        return DONE
    text = f"{amounts.show(payment['amount'])}  {payment['prompt']['message']}"
    said.line(text, _COLOURS.get(payment["outcome"], screen.ACT))
    if payment["reason"]:
        said.line(payment["reason"]["message"], screen.DETAIL)
    refunded = payment["refunded"]
    rows = {
        "order": payment["order_ref"],
        "state": payment["state"].replace("_", " "),
        "owed": "" if payment["settled"] else "something is still owed upstream",
        "refunded": amounts.show(refunded) if refunded and refunded["value"] else "",
        "begun": payment["created_at"],
        "paid": payment["paid_at"],
        "period": payment["period"],
        "payment": payment["payment"],
        "Antom's id": payment["antom_payment_id"],
        "key": payment["key"],
    }
    for name, text in rows.items():
        said.row(name, text)
    return DONE


def list_payments(till: Till, options: Namespace, said: Screen) -> int:
    left = options.limit or LISTED
    asked = {"order_ref": options.order, "open": options.open or None, "period": options.period}
    cursor = None
    while left > 0:
        page = till.call("payment.list", limit=min(left, 100), cursor=cursor, **asked)
        for payment in page["payments"]:
            _list_line(said, payment)
        left -= len(page["payments"])
        cursor = page["next"]
        if cursor is None:
            break
    return DONE


def _list_line(said: Screen, payment: Told) -> None:
    if said.as_json:
        said.json({"payment": payment})
        return
    at = (payment["created_at"] or "")[:19].replace("T", " ")
    text = f"{at}  {amounts.show(payment['amount']):>14}  {payment['state'].replace('_', ' '):<16}"
    colour = _COLOURS.get(payment["outcome"], screen.ACT)
    said.line(f"{text}  {payment['order_ref'] or '-'}", colour, indent=4)


def explain(till: Till, options: Namespace, said: Screen) -> int:
    told = till.call("payment.explain", payment=naming.found(till, options.payment)["payment"])
    if said.as_json:
        said.json({"explanation": told})
        return DONE
    said.line(told["sentence"])
    for step in told["steps"]:
        at = (step["at"] or "")[11:19]
        said.line(f"  {at:<8}  {step['known']}  [{step['rule']}]", screen.DETAIL, indent=4)
    return DONE


def queue(till: Till, options: Namespace, said: Screen) -> int:
    page = till.call("queue.flush" if options.flush else "queue.list")
    entries = page["entries"]
    while page["next"] is not None:
        page = till.call("queue.list", cursor=page["next"])
        entries += page["entries"]
    if said.as_json:
        for entry in entries:
            said.json({"entry": entry})
        return DONE
    if not entries:
        said.line("Nothing is owed.")
    for entry in entries:
        amount = amounts.show(entry["amount"])
        said.line(f"{amount}  cancel owed for {duration(entry['age_s'])}", screen.BAD)
        said.row("payment", entry["payment"])
        next_s = entry["next_try_in_s"]
        said.row("next try", "now" if not next_s else f"in {duration(next_s)}")
        said.row("tries", entry["attempts"])
        said.row("window", entry["window_closes_at"])
        said.row("last", entry["last_error"])
    return DONE


def report(till: Till, options: Namespace, said: Screen) -> int:
    period = {"period": options.period} if options.period is not None else {}
    if options.close:
        told = till.call("report.close", key=new_key(), **period)
    else:
        told = till.call("report.get", **period)
    if said.as_json:
        said.json({"report": told})
    else:
        _tell_report(said, told)
    if not options.print:
        return DONE
    printed = paper.printed(till, said, "report.print", period=told["period"])
    return DONE if options.close or printed else NOT_DONE


def _tell_report(said: Screen, told: Told) -> None:
    said.line(f"Period {told['period']}", screen.BOLD)
    said.row("opened", told["opened_at"])
    said.row("closed", told["closed_at"] or "not yet")
    for sums in told["currencies"]:
        for move in ("paid", "refunded", "returned"):
            count, minor = sums[move]["count"], sums[move]["sum"]
            amount = amounts.show({"currency": sums["currency"], "value": minor})
            said.row(move, f"{count:>5}  {amount:>16}")
    for one in told["not_paid"]:
        said.row("not paid", f"{one['count']:>5}  {one['reason'].replace('_', ' ')}")
    listed = (("open_payments", "undecided"), ("owed_cancels", "owed"), ("unheard", "unheard"))
    for name, what in (*listed, ("open_refunds", "refunding")):
        for one_id in told[name]:
            said.row(what, one_id, screen.ACT)


def scan(till: Till, options: Namespace, said: Screen) -> int:
    ends_s = time.monotonic() + (options.timeout or SCAN_WITHIN_S)
    told: Told | None = till.call("scanner.read", timeout_s=0)  # from now on it is ours
    while told is None and (left_s := int(ends_s - time.monotonic() + 0.5)) > 0:
        if not said.as_json:
            said.live(f"{left_s:>4} s", "Scan a code.", screen.ACT)
        told = till.call("scanner.read", timeout_s=min(left_s, 1 if said.is_alive else WAIT_MAX_S))
    said.end_live()
    till.call("scanner.stop")
    if told is None:
        said.wrong("Nothing was scanned.")
        return NOT_DONE
    if said.as_json:
        said.json({"scan": told})
    elif told.get("payment_code"):
        said.line(f"A payment code of {told['length']} digits; it is shown to nobody.", screen.ACT)
    else:
        said.line(told["data"])
        said.row("symbology", told["symbology"], screen.DETAIL)
    return DONE


def watch(till: Till, options: Namespace, said: Screen) -> int:
    now = till.now()
    if not said.as_json:
        said.line(f"Watching terminal {till.greeting['terminal']}; Ctrl-C ends.", screen.DETAIL)
    for event in till.events(now):
        if said.as_json:
            said.json(event)
        else:
            said.line(f"{event['at'][11:19]}  {_told(event)}", _colour(event), indent=10)
    return DONE


def _told(event: Told) -> str:
    name = event["event"]
    if name == "payment.changed":
        one = event["payment"]
        state = one["state"].replace("_", " ")
        return f"{amounts.show(one['amount'])}  {one['order_ref'] or '-'}  {state}"
    if name == "refund.changed":
        one = event["refund"]
        return f"refund {amounts.show(one['amount'])}  {one['state'].replace('_', ' ')}"
    if name == "job.changed":
        one = event["job"]
        return f"print job {one['state']}{'  ' + one['reason'] if one['reason'] else ''}"
    if name == "queue.changed":
        return f"cancels owed: {event.get('owed')}"
    if name == "device.changed":
        wrong = event.get("blocks", []) + event.get("degraded", [])
        return f"ready: {event.get('ready')}  {' '.join(one['message'] for one in wrong)}".rstrip()
    if name == "attention":
        return f"Somebody is needed: {event.get('message')}"
    if name == "gap":
        return "Events were missed; what matters follows again."
    return str(name)


def _colour(event: Told) -> str:
    if event["event"] == "attention":
        return screen.BAD
    about = event.get("payment") or event.get("refund") or {}
    outcome = about.get("outcome", "") if isinstance(about, dict) else ""
    return _COLOURS.get(outcome, screen.PLAIN)


def health(till: Till, options: Namespace, said: Screen) -> int:
    told = till.call("device.health")
    if said.as_json:
        said.json({"health": told, "terminal": till.greeting})
    else:
        ready = told["ready"]
        words = {"yes": ("Ready", screen.GOOD), "no": ("Not ready", screen.BAD)}
        text, colour = words.get(ready, ("Not known yet; ask again in a moment", screen.ACT))
        said.line(f"{text}: terminal {till.greeting['terminal']}", colour)
        for one in told["blocks"]:
            said.line(f"  {one['message']}", screen.BAD)
        for one in told["degraded"]:
            said.line(f"  {one['message']}", screen.ACT)
        said.row("cancels", f"{told['owed']} owed" if told.get("owed") else "")
        unheard = till.greeting["unheard"]
        said.row("unheard", ", ".join(unheard), screen.ACT)
        said.row("mode", till.greeting["mode"], screen.DETAIL)
        said.row("version", till.greeting["version"], screen.DETAIL)
    return REFUSED if told["ready"] == "no" else DONE


def duration(seconds: int) -> str:
    """ "45 s", "12 min", "3 h 20 min": as a person would say it."""
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
