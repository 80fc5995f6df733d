"""The simulated printer: each job becomes a picture in a folder; faults are words in a file there.

The driver is the one of real printers, over a line that ends in ``Paper``: what a fault does to a
job is what it does to a job on a real printer.  The words outlive the daemon and may be set before
it starts.
"""

import argparse
import io
import os
import re
import sys
import time
from pathlib import Path

from tilld_hal.errors import Gone, Refused
from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer import UNKNOWN, Fate
from tilld_hal.printer_profiles import PROFILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from PIL.Image import Image

    from tilld_hal.simulated.paper import Paper

FAULTS = {
    "paper-low": "the roll will end soon",
    "paper-out": "no paper; what is printing stops",
    "cover-open": "the cover is open; what is printing stops",
    "offline": "it says that it is offline, and prints nothing",
    "swallow": "it takes jobs, prints nothing and says nothing",
    "stall": "it takes no more data, after N bytes of a job (default 0)",
    "cut-off": "its cable is pulled after N bytes of a job (default 0)",
    "unplugged": "it is not there",
}
OK = "ok"

_STATE = "printer.faults"
_STEP_S = 0.02
_BYTE_S = 0.0
_PICTURE = re.compile(r"paper-(\d+)\.png")
_QUESTION = b"\x10\x04"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``printer FOLDER FAULT…`` to the command line of ``python -m tilld_hal.simulated``."""
    told = "\n".join([f"  {word:12}{what}" for word, what in FAULTS.items()])
    parser = commands.add_parser(
        "printer",
        help="what is wrong with the simulated printer from now on",
        description=f"Sets what is wrong with the printer; '{OK}' is nothing.\n\n{told}\n\n"
        "A number belongs to the word before it: cut-off 200.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("faults", nargs="+", metavar="FAULT")
    parser.set_defaults(run=_run)


def set_faults(folder: Path, faults: "dict[str, int]") -> None:
    """What is wrong from now on; the number is N of those faults that have one."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join([f"{word} {number}\n" for word, number in faults.items()])
    _write(folder / _STATE, text.encode())


def faults_of(folder: Path) -> "dict[str, int]":
    """What is wrong now; a line that names no fault says nothing.  Raises ``Gone``."""
    try:
        lines = (folder / _STATE).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Gone(f"{folder / _STATE}: {error.strerror}") from error
    told = [line.partition(" ") for line in lines]
    return {
        word: int(number) if number.isdecimal() else 0 for word, _, number in told if word in FAULTS
    }


def _run(arguments: argparse.Namespace) -> int:
    faults: "dict[str, int]" = {}
    word = ""
    for given in arguments.faults:
        if given in FAULTS:
            word = given
            faults[word] = 0
        elif given.isdecimal() and word:
            faults[word] = int(given)
        elif given != OK or len(arguments.faults) > 1:
            known = ", ".join([OK, *FAULTS])
            sys.stderr.write(f"no fault {given!r} of a printer; there are: {known}\n")
            return 2
    set_faults(arguments.folder, faults)
    return 0


def open_printer(
    folder: str, profile: str, columns: int, qr: str, font: str, answer_s: float, job_s: int
) -> "SimulatedPrinter":
    """The printer whose papers come into ``folder``.  Raises ``Refused``."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Refused(f"{folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise Refused(f"{folder}: this user may not write there")
    from tilld_hal.simulated.paper import Paper  # 5 MiB that no command line needs

    renderer = EscposRenderer(profile, columns, qr, font, marks=True)
    paper = Paper(renderer.columns, font, PROFILES[profile].chinese)
    return SimulatedPrinter(Path(folder), paper, renderer, answer_s, job_s)


class SimulatedPrinter(EscposPrinter):
    """``tilld_hal.printer.Printer``, with a folder for its papers."""

    def __init__(
        self, folder: Path, paper: "Paper", renderer: EscposRenderer, answer_s: float, job_s: int
    ) -> None:
        self._folder = folder
        self._paper = paper
        self._simulated = SimulatedLine(folder, paper)
        super().__init__(self._simulated, renderer, True, answer_s, job_s, _BYTE_S)

    def send(self, data: bytes) -> Fate:
        """See ``tilld_hal.printer.Printer``; what came out is in the folder when this returns."""
        self._simulated.begin_job()
        fate = super().send(data)
        torn = self._paper.tear_off()
        if torn is None:
            return fate
        picture, lines = torn
        try:
            self._keep(picture, lines)
        except OSError as error:
            return Fate(UNKNOWN, f"the paper could not be kept ({error.strerror})")
        return fate

    def _keep(self, picture: "Image", lines: "list[str]") -> None:
        number = 1 + max([0, *_numbers(self._folder)])
        path = self._folder / f"paper-{number:04}.png"
        drawn = io.BytesIO()
        picture.save(drawn, "PNG")
        # The picture last: whoever waits for it finds the words too.
        _write(path.with_suffix(".txt"), "".join([line + "\n" for line in lines]).encode())
        _write(path, drawn.getvalue())


class SimulatedLine:
    """``tilld_hal.escpos_printer.Line`` that ends in ``Paper``."""

    def __init__(self, folder: Path, paper: "Paper") -> None:
        self._folder = folder
        self._paper = paper
        self._job_bytes = 0
        self._pulled = False

    def begin_job(self) -> None:
        """The bytes that ``stall`` and ``cut-off`` speak of are counted from here."""
        self._job_bytes = 0

    def check(self) -> None:
        """Raises ``Gone`` while it is not there."""
        if self._pulled or "unplugged" in self._faults():
            raise Gone("the simulated printer is unplugged")

    def read_until(self, deadline_s: float) -> bytes:
        """What it says; faults that end meanwhile let it go on."""
        while True:
            self.check()
            said = self._paper.answers()
            left_s = deadline_s - time.monotonic()
            if said or left_s <= 0:
                return said
            time.sleep(min(_STEP_S, left_s))

    def write_some(self, data: bytes, deadline_s: float) -> int:
        """Takes what its faults let it take."""
        self.check()
        faults = self._faults()
        room = len(data)
        if not data.startswith(_QUESTION):
            for fault in ("stall", "cut-off"):
                if fault in faults:
                    room = min(room, max(0, faults[fault] - self._job_bytes))
            self._job_bytes += room
        elif faults.get("stall") == 0:
            room = 0
        if room and "swallow" not in faults:
            self._paper.feed(data[:room])
        if room < len(data) and "cut-off" in faults:
            self._pulled = True
            if not room:
                raise Gone("the simulated printer is unplugged")
        elif not room:
            time.sleep(max(0.0, min(_STEP_S, deadline_s - time.monotonic())))
        return room

    def discard_unsent(self) -> None:
        """Nothing is ever on its way."""

    def rest(self, all_said: bool) -> None:
        """It is always there for one."""

    def close(self) -> None:
        """Later calls end with ``Gone``."""
        self._pulled = True

    def _faults(self) -> "dict[str, int]":
        faults = faults_of(self._folder)
        self._paper.paper_out = "paper-out" in faults
        self._paper.paper_low = "paper-low" in faults
        self._paper.cover_open = "cover-open" in faults
        self._paper.offline = "offline" in faults
        self._paper.go_on()
        return faults


def _numbers(folder: Path) -> "list[int]":
    found = [_PICTURE.fullmatch(name) for name in os.listdir(folder)]
    return [int(match[1]) for match in found if match]


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, whoever looks and whatever happens meanwhile."""
    begun = path.with_name(f".{path.name}.{os.getpid()}")
    begun.write_bytes(data)
    os.replace(begun, path)
