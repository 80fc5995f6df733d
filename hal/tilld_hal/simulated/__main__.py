"""`python -m tilld_hal.simulated`: plays the hardware of a developer's machine."""

from __future__ import annotations

import argparse
import sys
from typing import cast

from tilld_hal.simulated import printer, scanner, scanner_commands


def main(words: list[str]) -> int:
    """The exit status: 0, 1 when it can't be done, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m tilld_hal.simulated", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    scanner_commands.add_commands(commands)
    printer.add_commands(commands)
    arguments = parser.parse_args(words)
    try:
        return cast(int, arguments.run(arguments))
    except (scanner.NobodyReads, scanner_commands.NoCode) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
