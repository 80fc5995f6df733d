"""The catalogue: a driver is found by kind and name, and refuses what it does not declare."""

import pathlib
import subprocess
import sys

import pytest

from tilld_hal import catalogue
from tilld_hal.catalogue import BadSetting, UnknownDriver

ROOT = pathlib.Path(__file__).parents[2]
PORT = "/nowhere/ttyS0"


def test_an_unknown_driver_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownDriver) as caught:
        catalogue.open_driver("scanner", "linux-telepathy", {})
    assert "dummy, linux-hid, linux-serial, simulated" in str(caught.value)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownDriver):
        catalogue.check_settings("kettle", "dummy", {})


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({}, "port", "must be set"),
        ({"port": PORT, "baud": 9600}, "baud", "not a setting"),
        ({"port": 3}, "port", "must be a text"),
        ({"port": "/dev/tty\0S0"}, "port", "NUL"),
        ({"port": PORT, "baudrate": "9600"}, "baudrate", "must be a whole number"),
        ({"port": PORT, "baudrate": True}, "baudrate", "must be a whole number"),
        ({"port": PORT, "baudrate": 9601}, "baudrate", "must be one of"),
        ({"port": PORT, "columns": 40}, "columns", "must be one of 0, 32, 42, 48"),
        ({"port": PORT, "job_timeout_s": 0}, "job_timeout_s", "from 1 to 600"),
        ({"port": PORT, "status": 1}, "status", "must be true or false"),
        ({"port": PORT, "qr": "painted"}, "qr", "must be one of 'profile', 'native'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(
    settings: dict[str, object], key: str, words: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        catalogue.check_settings("printer", "linux-serial", settings)
    assert caught.value.key == key
    assert words in caught.value.reason


def test_settings_are_checked_without_opening_anything() -> None:
    catalogue.check_settings("printer", "linux-serial", {"port": PORT, "columns": 32})


@pytest.mark.parametrize(
    ("driver", "settings", "key", "words"),
    [
        ("linux-hid", {}, "device", "must be set"),
        ("linux-hid", {"device": PORT, "layout": "gb"}, "layout", "one of 'us', 'de', 'fr'"),
        ("linux-hid", {"device": PORT, "gap_ms": 5001}, "gap_ms", "from 0 to 5000"),
        ("simulated", {}, "folder", "must be set"),
    ],
)
def test_a_wrong_setting_of_a_scanner_is_refused_by_name(
    driver: str, settings: dict[str, object], key: str, words: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        catalogue.check_settings("scanner", driver, settings)
    assert caught.value.key == key
    assert words in caught.value.reason


def test_the_effective_settings_hold_the_defaults() -> None:
    full = catalogue.effective_settings("scanner", "linux-serial", {"port": PORT, "gap_ms": 50})
    assert full == {"port": PORT, "baudrate": 9600, "gap_ms": 50}


def test_every_driver_declares_settings_choices_and_maturity() -> None:
    for kind, name in catalogue.DRIVERS:
        module = catalogue.driver_module(kind, name)
        maturity, seen_with = catalogue.maturity(kind, name)
        assert kind in catalogue.KINDS
        assert maturity in catalogue.MATURITIES
        assert all(isinstance(thing, str) for thing in seen_with)
        annotations = dict(module.open_device.__annotations__)
        annotations.pop("return")
        assert set(annotations.values()) <= {"str", "int", "bool"}, (kind, name)
        assert set(module.ALLOWED) <= set(annotations), (kind, name)


def test_checking_every_driver_imports_no_heavy_library() -> None:
    program = """
import sys
from tilld_hal import catalogue
for kind, name in catalogue.DRIVERS:
    catalogue.driver_module(kind, name)
heavy = {"serial", "escpos", "PIL", "yaml", "qrcode", "zeroconf", "cryptography"}
print(sorted(heavy & set(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "hal")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "[]\n"


def test_asking_for_one_driver_imports_no_other() -> None:
    program = """
import sys
from tilld_hal import catalogue
catalogue.open_driver("clock", "dummy", {})
print(sorted(m for m in sys.modules if m.startswith("tilld_hal.drivers.")))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "hal")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "['tilld_hal.drivers.clock_dummy']\n"
