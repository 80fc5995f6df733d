"""Which interface has an address, and whether it hangs on USB."""

import socket

import pytest

from tilld_hal.usb_linux_network import interface_of, is_usb

DEVICES = {
    "usb0": "devices/platform/soc/20980000.usb/udc/20980000.usb/device/gadget.0",
    "usb1": "devices/platform/soc/20980000.usb/gadget.0",
    "enx001122334455": "devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0",
    "eth0": "devices/pci0000:00/0000:00:1f.6",
    "usbish": "devices/platform/usbnet-lookalike",
}


@pytest.fixture
def sys(tmp_path):
    """Interfaces and their devices, as the kernel shows them."""
    for name, device in DEVICES.items():
        (tmp_path / device).mkdir(parents=True)
        (tmp_path / "class/net" / name).mkdir(parents=True)
        (tmp_path / "class/net" / name / "device").symlink_to(tmp_path / device)
    (tmp_path / "class/net/lo").mkdir()
    return str(tmp_path)


@pytest.mark.parametrize("name", ["usb0", "usb1", "enx001122334455"])
def test_gadgets_and_usb_devices_are_usb(sys, name):
    assert is_usb(name, sys)


@pytest.mark.parametrize("name", ["eth0", "usbish", "lo", "none", "", "../net/usb0/../eth0"])
def test_anything_else_is_not(sys, name):
    assert not is_usb(name, sys)


def test_an_address_leads_to_its_interface():
    assert interface_of(("127.0.0.1", 80)) == "lo"
    assert interface_of(("192.0.2.99", 80)) == ""
    index = socket.if_nametoindex("lo")
    assert interface_of(("fe80::1", 80, 0, index)) == "lo"
    assert interface_of(("fd00::1", 80, 0, 0)) == ""
    assert interface_of(("fe80::1", 80, 0, 2**31 - 1)) == ""
