"""USB devices on a real kernel with a real udev: in a guest, because the machine may have none.

The guest is booted once; each check inside is a test here. tests/tilld_testkit/guest_checks holds
them, and a check that the guest did not reach has failed.
"""

from __future__ import annotations

import pytest

from tilld_testkit import guest

MODULES = ("scanners", "printers")


@pytest.fixture(scope="module")
def guest_run():
    return guest.run(*MODULES)


@pytest.mark.parametrize("check", guest.checks(*MODULES))
def test_in_the_guest(check, guest_run):
    result = guest_run.result(check)
    print(f"{result.up_s:.1f} s after the start")  # pytest -rP shows what takes long
    assert result.error == "", result.error
