"""What is not for Linux alone runs on the real MicroPython."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parents[2]
MICROPYTHON = ROOT / ".venv/micropython/micropython"

PROGRAM = """
import os
for folder in ("tilld_hal", "tilld_hal/drivers"):
    for name in sorted(os.listdir("hal/" + folder)):
        if name.endswith(".py") and name[0] != "_" and "_linux" not in name:
            __import__((folder + "/" + name[:-3]).replace("/", "."))

from tilld_hal import catalogue
from tilld_hal.document import checked
from tilld_hal.errors import Gone
from tilld_hal.mdns_sightings import Sightings
from tilld_hal.network import NetworkState
from tilld_hal.scan_splitter import ScanSplitter
from tilld_hal.scanner import Scan

scans = ScanSplitter().feed(b"]Q12812\\r\\n2\\x002\\r99\\n", 0)
assert scans == [Scan("2812", "qr"), Scan(""), Scan("99")]
assert "812" not in repr(Scan("2812"))
assert checked([{"type": "text", "text": "a\\x1b"}])[0]["text"] == "a?"

from tilld_hal.keyboard_decoder import KeyDecoder

keys = KeyDecoder("fr", False, 0)  # Shift, then the keys of 2 8 on a French keyboard, then Enter
pressed = [(42, 1), (3, 1), (3, 0), (9, 1), (9, 0), (42, 0), (28, 1)]
spelt = [keys.feed(1, code, value, 1000) for code, value in pressed]
assert b"".join(spelt) == b"28\\r", spelt

scanner = catalogue.open_driver("scanner", "dummy", {"codes": "2811 2812", "gone_at": 3})
assert scanner.read(1) == Scan("2811", "qr")
assert scanner.drain() == 1
try:
    scanner.read(1), scanner.read(1)
    raise AssertionError
except Gone as error:
    assert error.reason == "the scanner was unplugged"

clock = catalogue.open_driver("clock", "dummy", {"rtc_ms": 0, "seed": 1})
assert len(clock.random_bytes(40)) == 40 and not clock.trusted()

network = catalogue.open_driver("network", "dummy", {"link": "no", "route": "no"})
network.change("yes", "yes")
assert network.watch(0) == NetworkState("yes", "yes")

sightings = Sightings()
sightings.pointed("Shop", 10.0)
sightings.located("Shop", "shop.local", 8443)
sightings.described("Shop", b"\\x03v=1\\x06id=gw1")
assert sightings.taken(5.0) and not sightings.taken(5.0)
assert [one.id for one in sightings.gateways(5.0)] == ["gw1"]
assert sightings.gateways(10.0) == ()

printer = catalogue.open_driver("printer", "dummy", {"columns": 32, "paper_out": True})
assert printer.send(b"x").state == "failed"
try:
    catalogue.open_driver("printer", "dummy", {"columns": 33})
    raise AssertionError
except catalogue.BadSetting as error:
    assert error.key == "columns"
print("all right")
"""


def test_every_portable_module_imports_and_the_dummies_work() -> None:
    ran = subprocess.run(
        [MICROPYTHON, "-c", PROGRAM],
        cwd=ROOT,
        env={"MICROPYPATH": "firmware:hal"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("all right\n", "")
