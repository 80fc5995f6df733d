"""The device put together, with a network that the test speaks for."""

import asyncio
from typing import Any

from tilld_core.ledger import PAYMENT_RECORDS, REFUND_RECORDS
from tilld_daemon.device import Device, believed_unproven
from tilld_daemon.settings import load

PATIENCE_S = 20
SETTINGS = """\
[terminal]
number = "7"
mode = "test"
[merchant]
id = "m1"
name = "Shop"
mcc = "5411"
store_id = "s1"
store_name = "Shop, High Street"
[storage]
path = "state"
size = 65536
[network]
driver = "dummy"
link = "no"
[upstream]
url = "https://127.0.0.1:1"
client_id = "c"
merchant_key_file = "key.pem"
antom_key_file = "key.pem"
"""


class Heard:
    """A connection that is told of events."""

    is_open = True
    is_full = False

    def __init__(self):
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def tell(self, event):
        self.told.put_nowait(event)

    async def blocks(self):
        """The codes of the next `device.changed`."""
        while True:
            event = await asyncio.wait_for(self.told.get(), PATIENCE_S)
            if event["event"] == "device.changed":
                return [block["code"] for block in event["blocks"]]


def test_the_engineers_port_is_announced_and_none_is_port_0(tmp_path):
    (tmp_path / "key.pem").write_text("no key")
    (tmp_path / "tilld.toml").write_text(SETTINGS)
    settings = load(str(tmp_path / "tilld.toml"))

    async def run():
        ports = []
        for listen in ("", "192.0.2.2:7443", "[2001:db8::2]:7444"):
            there = settings._replace(engineer=settings.engineer._replace(listen=listen))
            device = Device(there, lambda: None, lambda error: None, False)
            await device.wake()
            said = device._announcement()
            ports.append(said.port)
            assert (said.id, said.terminal, said.owed) == (device.ledger.device, "7", 0)
            device.close()
        assert ports == [0, 7443, 7444]

    asyncio.run(run())


def test_a_network_that_is_watched_no_more_blocks_no_payment(tmp_path):
    """What was seen last is no observation any more, and unknown is tried (till_socket.md §3)."""
    (tmp_path / "key.pem").write_text("no key")
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "tilld.toml").write_text(SETTINGS)
    bugs: list[BaseException] = []

    async def run():
        device = Device(load(str(tmp_path / "tilld.toml")), lambda: None, bugs.append, False)
        device.fatal = lambda error: None  # the keys are none
        heard = Heard()
        device.events.subscribe(heard, None, ["device.changed"], tuple)()
        await device.wake()
        device.load_the_rest()
        while await heard.blocks() != ["no_link"]:
            pass
        network = device.discovery._network
        assert network is not None
        network.close()
        assert await heard.blocks() == []
        assert device.presence.info()["drivers"]["network"]["state"] == "unknown"
        device.close()

    asyncio.run(run())
    assert bugs == []


def test_what_is_perhaps_not_on_flash_hands_out_nothing_and_lets_no_cancel_rest():
    """Not paid, no refund, and no operator's signature (I15)."""
    kinds = [*PAYMENT_RECORDS, *REFUND_RECORDS]
    doubted = [kind for kind in kinds if not believed_unproven([kind, "P1"])]
    assert doubted == ["paid", "written off", *REFUND_RECORDS]
