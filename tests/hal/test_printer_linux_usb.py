"""The USB printer: which one is meant, and what its device file says when it is not well."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tilld_hal import catalogue
from tilld_hal.errors import Gone, Refused
from tilld_hal.line_linux_usb import UsbLine, find
from tilld_hal.printer import DONE, UNKNOWN, Fate
from tilld_testkit.descriptors import exhausted
from tilld_testkit.paper import Paper, PrinterOnLine
from tilld_testkit.serial_line import SerialDevice

RECEIPT: list[dict[str, Any]] = [{"type": "text", "text": "a receipt"}, {"type": "cut"}]


def plugged_in(sysfs: pathlib.Path, name: str, **ids: str) -> None:
    """A printer as sysfs shows it: usbmisc/lpN/device is an interface of the USB device."""
    device = sysfs / f"usb-{name}"
    interface = device / "1-1:1.0"
    interface.mkdir(parents=True)
    for key, value in ids.items():
        (device / key).write_text(value + "\n")
    (sysfs / "usbmisc" / name).mkdir(parents=True)
    (sysfs / "usbmisc" / name / "device").symlink_to(interface)


@pytest.fixture
def sysfs(tmp_path: pathlib.Path) -> pathlib.Path:
    plugged_in(tmp_path, "lp0", idVendor="04b8", idProduct="0e15", serial="J3KF001")
    plugged_in(tmp_path, "lp1", idVendor="04b8", idProduct="0e15", serial="J3KF002")
    plugged_in(tmp_path, "lp2", idVendor="0416", idProduct="5011")
    return tmp_path


@pytest.mark.parametrize(
    ("usb", "device"),
    [
        ("0416:5011", "/dev/usb/lp2"),
        ("04B8:0E15:J3KF002", "/dev/usb/lp1"),
        ("04b8:0e15:j3kf001", "/dev/usb/lp0"),
    ],
)
def test_a_printer_is_found_by_what_it_says_of_itself(
    sysfs: pathlib.Path, usb: str, device: str
) -> None:
    assert find(usb, str(sysfs / "usbmisc")) == device


def test_the_only_printer_needs_no_name(tmp_path: pathlib.Path) -> None:
    plugged_in(tmp_path, "lp3", idVendor="0416", idProduct="5011", serial="A:B")
    assert find("", str(tmp_path / "usbmisc")) == "/dev/usb/lp3"
    assert find("0416:5011:A:B", str(tmp_path / "usbmisc")) == "/dev/usb/lp3"


@pytest.mark.parametrize("usb", ["", "04b8:0e15", "04b8"])
def test_one_of_several_is_not_guessed_and_all_are_named(sysfs: pathlib.Path, usb: str) -> None:
    with pytest.raises(Refused, match="04b8:0e15:J3KF001, 04b8:0e15:J3KF002, 0416:5011"):
        find(usb, str(sysfs / "usbmisc"))


def test_a_printer_that_is_not_plugged_in_is_gone_and_those_there_are_named(
    sysfs: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(Gone, match="no USB printer 04b8:ffff is plugged in; there are: 04b8"):
        find("04b8:ffff", str(sysfs / "usbmisc"))
    with pytest.raises(Gone, match="there are: none"):
        find("", str(tmp_path / "nothing"))


def test_a_list_of_printers_that_can_not_be_read_is_refused_and_not_empty(
    sysfs: pathlib.Path,
) -> None:
    with exhausted(), pytest.raises(Refused, match="Too many open files"):
        find("", str(sysfs / "usbmisc"))


def test_one_that_is_pulled_while_it_is_looked_at_is_left_out(sysfs: pathlib.Path) -> None:
    (sysfs / "usb-lp0" / "idVendor").unlink()
    assert find("04b8:0e15", str(sysfs / "usbmisc")) == "/dev/usb/lp1"


@pytest.mark.parametrize(("port", "error"), [("nowhere", Gone), ("", Refused), ("file", Refused)])
def test_what_is_no_printer_is_not_opened(
    tmp_path: pathlib.Path, port: str, error: type[Exception]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(error):
        UsbLine(str(tmp_path / port))


@pytest.fixture
def device(tmp_path: pathlib.Path) -> Iterator[SerialDevice]:
    device = SerialDevice(tmp_path / "lp0")
    yield device
    device.close()


def opened(device: SerialDevice, **settings: Any) -> Any:
    return catalogue.open_driver("printer", "linux-usb", {"port": device.port, **settings})


def test_a_cable_pulled_within_a_job_makes_its_fate_unknown(device: SerialDevice) -> None:
    end = PrinterOnLine(device, Paper(), unplug_after_bytes=30)
    printer = opened(device)
    fate = printer.send(printer.render(RECEIPT))
    assert fate.state == UNKNOWN
    assert "lost" in fate.reason
    with pytest.raises(Gone):
        printer.status()
    end.close()
    device.replug()
    end = PrinterOnLine(device, Paper())
    again = opened(device)
    assert again.send(again.render(RECEIPT)) == Fate(DONE)
    end.close()


def test_a_printer_that_stops_taking_data_is_given_up_at_the_deadline(device: SerialDevice) -> None:
    end = PrinterOnLine(device, Paper(), stall_after_bytes=2000)
    printer = opened(device, job_timeout_s=1)
    long: dict[str, Any] = {"type": "text", "text": "x" * 4096}
    fate = printer.send(printer.render([long] * 8))
    assert fate == Fate(UNKNOWN, "the printer stopped taking data")
    end.close()
