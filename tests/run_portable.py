"""Runs tests/core on MicroPython: plain functions, bare asserts, no pytest.

    MICROPYPATH=.frozen:firmware:hal:tests micropython tests/run_portable.py tests/core

Exit status 1 if a test failed, a file could not be loaded, or there was none.
"""

import gc
import os
import sys


def tests_in(module):
    for key in sorted(dir(module)):
        found = getattr(module, key)
        if key.startswith("test_") and callable(found):
            yield key, found


def passes(label, call):
    """(whether it returned, what it returned); the trace of what it raised is printed."""
    try:
        return True, call()
    except Exception as error:  # noqa: BLE001 - a runner reports whatever a test raises
        print(label)
        sys.print_exception(error)
        return False, None


def main(folder):
    """(passed, failed) over every test file of the folder."""
    passed = failed = 0
    sys.path.append(folder)
    for file in sorted(os.listdir(folder)):
        if not file.startswith("test_") or not file.endswith(".py"):
            continue
        name = file[:-3]
        loaded, module = passes(file, lambda name=name: __import__(name))
        failed += not loaded
        for key, test in tests_in(module) if loaded else ():
            good, _ = passes(file + ": " + key, test)
            passed += good
            failed += not good
        sys.modules.pop(name, None)
        gc.collect()
    return passed, failed


passed, failed = main(sys.argv[1])
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
