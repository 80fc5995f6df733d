"""The ten lines that daemon/TILL_SOCKET.md begins with are a till: they sell, as they stand."""

import threading

from tilld_testkit import till_tables
from tilld_testkit.rpc import Rpc
from tilld_testkit.shop import new_key, open_shop


def test_the_ten_lines_sell(tmp_path, simulator):
    stored, handed_over = [], []

    def store_a_new_key(order):
        stored.append(new_key())
        return stored[-1]

    with (
        open_shop(tmp_path / "device", simulator, scanner=True) as shop,
        Rpc(shop.socket_path) as watching,
    ):
        watching.ask("events.subscribe", topics=["payment.changed"])
        source = till_tables.example().replace("Till()", f"Till({str(shop.socket_path)!r})")
        names = {
            "store_a_new_key": store_a_new_key,
            "order": "order 1",
            "hand_over_the_goods": lambda: handed_over.append("order 1"),
        }
        till = threading.Thread(target=exec, args=(source, names), daemon=True)
        till.start()
        watching.event(lambda event: event["payment"]["state"] == "waiting_for_code")
        _scanner(shop).send(simulator.fresh_code().encode() + b"\r")
        till.join(timeout=20)
        assert handed_over == ["order 1"]
        (paid,) = watching.ask("payment.list", order_ref="order 1")["payments"]
        assert (paid["key"], paid["outcome"]) == (stored[0], "paid")
        assert simulator.owed(paid["payment"]) == 1250


def _scanner(shop):
    return shop.scanner
