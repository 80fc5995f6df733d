"""What the guest is made of: modules in an order that loads, an archive that a kernel unpacks."""

import pytest

from tilld_house import guest
from tilld_house.commands import Unprepared


def module(folder, name, *needs):
    path = folder / f"{name}.ko"
    path.write_bytes(b"\x7fELF\0license=GPL\0depends=" + ",".join(needs).encode() + b"\0name=x\0")
    return path


def test_a_module_comes_after_what_it_depends_on_and_once(tmp_path):
    known = {
        "usbhid": module(tmp_path, "usbhid", "hid", "usbcore"),
        "hid": module(tmp_path, "hid", "usb-common"),
        "usbcore": module(tmp_path, "usbcore", "usb-common"),
        "usb_common": module(tmp_path, "usb_common"),
        "unrelated": module(tmp_path, "unrelated"),
    }
    order = list(guest.chosen(known, ("usbhid", "hid")))
    assert order == ["usb_common", "hid", "usbcore", "usbhid"]


def test_a_module_that_the_kernel_lacks_is_named(tmp_path):
    known = {"usbhid": module(tmp_path, "usbhid", "hid")}
    with pytest.raises(Unprepared, match="no module hid"):
        guest.chosen(known, ("usbhid",))


def test_an_archive_holds_its_files_with_their_modes():
    files = {"bin": (0o040755, b""), "bin/a": (0o100755, b"#!/bin/sh\n"), "b": (0o100644, b"xyz")}
    archive = guest.cpio(files)
    assert archive.startswith(b"070701")
    assert len(archive) % 4 == 0
    assert found(archive) == [(name, mode, data) for name, (mode, data) in files.items()]


def found(archive):
    """Name, mode and contents of each entry, by the kernel's own description (initramfs "newc")."""
    entries: list[tuple[str, int, bytes]] = []
    at = 0
    while True:
        words = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = words[1], words[6], words[11]
        name = archive[at + 110 : at + 109 + name_size].decode()
        at += -(-(110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            return entries
        entries.append((name, mode, archive[at : at + size]))
        at += -(-size // 4) * 4
