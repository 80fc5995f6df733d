"""After the story: the shop stays open for a till of your own."""

import select
import sys
import threading
from pathlib import Path

from tilld_story.shop import COLUMNS, SPEED, Shop
from tilld_story.telling import Teller

PYTHON = Path(sys.prefix, "bin", "python")

TILL = """\
import sys, uuid
from tilld_client import Till

key = str(uuid.uuid4())  # a till stores it before the call
with Till({socket!r}) as till:
    payment = till.start(key, "order-" + key[:8], "EUR", int(sys.argv[1]))
    payment = till.wait(payment)
    if payment["state"] == "approved":
        payment = till.acknowledge(payment)  # "I have stored it"
    print(payment["outcome"], "-", payment["prompt"]["message"])
    till.print_receipt(str(uuid.uuid4()), payment)
"""


def stay_open(shop: Shop, teller: Teller) -> None:
    """Serves until Ctrl-C, which arrives as KeyboardInterrupt."""
    till = shop.folder / "till.py"
    till.write_text(TILL.format(socket=str(shop.terminal.socket_path)))
    _explain(shop, teller, till)
    threading.Thread(target=_show_paper, args=(shop, teller), daemon=True).start()
    _listen(shop, teller)


def _explain(shop: Shop, teller: Teller, till: Path) -> None:
    control = f"curl -s --unix-socket {shop.antom.home / 'control.sock'}"
    teller.title("The shop stays open until Ctrl-C")
    for line in (
        f"till socket   {shop.terminal.socket_path}",
        f"a till        {PYTHON} {till} 1250",
        "              then press Enter here: a customer shows a fresh code",
        f"a fresh code  {control} http://antom/_sim/code",
        "              type it here, or hand it to payment.start as `code`",
        f"a fault       {control} http://antom/_sim/faults -X PUT \\",
        """                -d '[{"api": "pay", "fault": "U for ever"}]'""",
        "              all of them: tools/antomsim/FAULTS.md; none: -d '[]'",
        f"the ledger    {control} http://antom/_sim/payments",
        f"the log       {shop.terminal.folder / 'log'}",
        f"timers        {SPEED} times as fast as in a shop",
    ):
        teller.plain("  " + line)
    teller.plain()
    for line in till.read_text().splitlines():
        teller.note(line)
    teller.plain()


def _listen(shop: Shop, teller: Teller) -> None:
    """A line on standard input is a scan; when there is none to come, only time passes."""
    while select.select([sys.stdin], [], [])[0]:
        line = sys.stdin.readline()
        if not line:
            threading.Event().wait()
        code = line.strip() or shop.fresh_code()
        shop.scan(code)
        teller.say(f"The scanner has sent {code[:2]}…, {len(code)} characters.")


def _show_paper(shop: Shop, teller: Teller) -> None:
    """Each piece of paper as it comes out."""
    while True:
        shop.await_slip()
        picture, lines, _ = shop.take_slip(f"slip-{shop.slips_taken + 1}.png")
        teller.show(lines, COLUMNS)
        teller.note(str(picture))
