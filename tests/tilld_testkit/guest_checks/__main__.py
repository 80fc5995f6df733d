"""Inside the guest (a real kernel, a real udev, USB devices made of programs): runs the checks of
the named modules, one after the other; one line of JSON each.

To add a check write a function in a module here; a new module is named in the test that boots the
guest.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import pathlib
import sys
import traceback

from tilld_testkit import guest

CHECK_LIMIT_S = 45


def main(modules: list[str]) -> None:
    for name in guest.checks(*modules):
        module, _, function = name.partition(".")
        check = getattr(importlib.import_module(f"tilld_testkit.guest_checks.{module}"), function)
        faulthandler.dump_traceback_later(CHECK_LIMIT_S, exit=True)
        try:
            check()
            error = ""
        except Exception:  # noqa: BLE001 - whatever it was, the test outside shows it
            error = traceback.format_exc()
        print(json.dumps({"check": name, "error": error, "up_s": _up_s()}), flush=True)


def _up_s() -> str:
    """Since the guest began to boot."""
    return pathlib.Path("/proc/uptime").read_text().split()[0]


if __name__ == "__main__":
    main(sys.argv[1:])
