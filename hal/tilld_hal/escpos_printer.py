"""An ESC/POS printer at the end of a line: status now, and a fate for every job.

Real-time questions (DLE EOT n) are answered at once, even out of paper; a mark in the job (GS r 1)
is answered when the printer gets there, so its answer after the last line is the only proof of a
print.  Answers carry no name.  So a real-time question that went unanswered lets the line fall
silent before the next one, and marks are counted over the printer's life: a job is done when no
mark is owed, the unanswered ones of earlier jobs included.
"""

import time

from tilld_hal.errors import Gone
from tilld_hal.escpos_render import MARK, MARKS
from tilld_hal.printer import DONE, FAILED, NO, UNKNOWN, YES, Fate, PrinterStatus, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from tilld_hal.escpos_render import EscposRenderer

    class Line(Protocol):
        """What carries the bytes; ``tilld_hal.line_linux.DescriptorLine`` says what each does."""

        def check(self) -> None: ...
        def read_until(self, deadline_s: float) -> bytes: ...
        def write_some(self, data: bytes, deadline_s: float) -> int: ...
        def discard_unsent(self) -> None: ...
        def rest(self, all_said: bool) -> None: ...
        def close(self) -> None: ...


_SILENCE_READS_MAX = 64

_CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
_CLEARED = b"\x37\x25\x00"

_OFFLINE = 0x08  # DLE EOT 1
_COVER_OPEN = 0x04  # DLE EOT 2
_ERROR = 0x68  # DLE EOT 3: the cutter, what can't be recovered from, what passes by itself
_PAPER_END = 0x60  # DLE EOT 4
_PAPER_NEAR_END = 0x0C
_MARK_PAPER_END = 0x0C  # GS r 1
_QUESTIONS = (1, 2, 4, 3)  # the one that models may lack comes last
_FLOW = (0x11, 0x13)  # XON and XOFF are no answers


class EscposPrinter:
    """``tilld_hal.printer.Printer`` over a line."""

    def __init__(
        self,
        line: "Line",
        renderer: "EscposRenderer",
        asks: bool,
        answer_s: float,
        job_timeout_s: float,
        byte_s: float,
    ) -> None:
        """``asks``: the printer may be asked for its status; ``answer_s``: how long it may think
        about one question; ``byte_s``: what a byte takes on the line."""
        self.columns = renderer.columns
        self._line = line
        self._renderer = renderer
        self._asks = asks
        self._answer_s = answer_s
        self._job_timeout_s = job_timeout_s
        self._byte_s = byte_s
        self._late = False  # a real-time answer that nobody waits for may still come
        self._marks_owed = 0
        self._marks: "list[int]" = []
        self._answers: "list[int]" = []
        self._nonsense = False  # something came that is no answer to anything

    def warm(self) -> None:
        """Loads what rendering needs."""
        self._renderer.warm()

    def render(self, document: "list[dict[str, Any]]") -> bytes:
        """The document in ESC/POS."""
        return self._renderer.render(document)

    def close(self) -> None:
        """Gives the line back."""
        self._line.close()

    def status(self) -> PrinterStatus:
        """Asks now; see ``tilld_hal.printer.Printer``."""
        self._line.check()
        if not self._asks:
            return PrinterStatus()
        try:
            return self._ask_afresh()
        finally:
            self._line.rest(not self._late)

    def send(self, data: bytes) -> Fate:
        """Prints and confirms; see ``tilld_hal.printer.Printer``."""
        self._line.check()
        try:
            return self._send(data)
        finally:
            self._line.rest(not self._late and not self._marks_owed and self._asks)

    def _send(self, data: bytes) -> Fate:
        before = self._ask_afresh() if self._asks else PrinterStatus()
        why_not = refusal(before)
        if why_not:
            return Fate(FAILED, why_not, began=False)
        self._catch_up()
        job_s = len(data) * self._byte_s
        deadline_s = time.monotonic() + self._job_timeout_s + job_s
        self._marks = []
        self._nonsense = False
        self._marks_owed += MARKS if self._asks else 0
        fate = self._write_job(data, deadline_s)
        if fate is not None:
            return fate
        if not self._asks:
            return Fate(UNKNOWN, "the printer does not report")
        if before.online == UNKNOWN:
            # It was mute just now: give the job its time on the line and a few answers' time.
            deadline_s = min(deadline_s, time.monotonic() + job_s + 3 * self._answer_s)
        try:
            return self._confirm(deadline_s)
        except Gone:
            return Fate(UNKNOWN, "the printer was lost before it confirmed")

    def _write_job(self, job: bytes, deadline_s: float) -> "Fate | None":
        sent = 0
        try:
            while sent < len(job):
                took = self._line.write_some(job[sent:], deadline_s)
                sent += took
                if not took and time.monotonic() >= deadline_s:
                    self._line.discard_unsent()
                    if sent:
                        return Fate(UNKNOWN, "the printer stopped taking data")
                    self._marks_owed -= MARKS if self._asks else 0
                    return Fate(FAILED, "the printer takes no data", began=False)
        except Gone:
            if not sent:
                self._marks_owed -= MARKS if self._asks else 0
                raise
            return Fate(UNKNOWN, "the printer was lost while printing")
        return None

    def _confirm(self, deadline_s: float) -> Fate:
        while self._marks_owed and time.monotonic() < deadline_s:
            if not self._read(min(deadline_s, time.monotonic() + self._answer_s)):
                trouble = self._trouble()
                if trouble and self._marks_owed:
                    return self._given_up(trouble)
        if self._marks_owed:
            if self._marks_owed == 1:
                return Fate(UNKNOWN, "printed, but the printer did not confirm the cut")
            return Fate(UNKNOWN, "the printer does not report")
        if self._nonsense:
            return Fate(UNKNOWN, "the printer's answers make no sense")
        if any([mark & _MARK_PAPER_END for mark in self._marks[-MARKS:]]):
            return Fate(UNKNOWN, "the paper ended with the job")
        return Fate(DONE)

    def _trouble(self) -> str:
        """What keeps the printer from going on, by its own word; "" when it names nothing."""
        now = self._ask_all()
        if now.paper == NO:
            return "the paper ran out"
        if now.cover_closed == NO:
            return "the cover was opened"
        if now.error == YES:
            return "the printer reported an error"
        return ""

    def _given_up(self, trouble: str) -> Fate:
        """Makes sure that nothing comes out later by itself, and says what is certain.

        The job certainly failed when the printer has not come to its last block and has forgotten
        the rest by its own word.
        """
        self._line.discard_unsent()
        if self._marks_owed < MARKS:
            return Fate(UNKNOWN, trouble + " at the last line")
        deadline_s = time.monotonic() + self._answer_s
        heard = b""
        self._write(_CLEAR, deadline_s)
        while _CLEARED not in heard:
            more = self._line.read_until(deadline_s)
            if not more or time.monotonic() >= deadline_s:  # a line that babbles has no end
                return Fate(UNKNOWN, trouble + " while printing")
            heard += more
        self._marks_owed = 0
        return Fate(FAILED, trouble)

    def _ask_afresh(self) -> PrinterStatus:
        """A line that is never silent may answer by chance: nothing is known then."""
        return self._ask_all() if self._fall_silent() else PrinterStatus()

    def _ask_all(self) -> PrinterStatus:
        answers: "dict[int, int]" = {}
        for question in _QUESTIONS:
            answer = self._ask(question)
            if answer is None:
                break  # it is mute: its other answers would only be waited for
            answers[question] = answer
        near_end = _flag(_PAPER_NEAR_END, answers.get(4))
        return PrinterStatus(
            _not(_flag(_OFFLINE, answers.get(1))),
            _not(_flag(_PAPER_END, answers.get(4))),
            _not(_flag(_COVER_OPEN, answers.get(2))),
            near_end,
            _flag(_ERROR, answers.get(3)),
        )

    def _ask(self, question: int) -> "int | None":
        """One byte answers; more than one is noise that looks like an answer."""
        deadline_s = time.monotonic() + self._answer_s
        self._answers = []
        if self._write(bytes((0x10, 0x04, question)), deadline_s):
            while not self._answers and self._read(deadline_s):
                if time.monotonic() >= deadline_s:
                    break  # a line that babbles always has more to read
        if len(self._answers) == 1:
            return self._answers[0]
        self._late = True
        return None

    def _write(self, data: bytes, deadline_s: float) -> bool:
        sent = 0
        while sent < len(data):
            took = self._line.write_some(data[sent:], deadline_s)
            sent += took
            if not took and time.monotonic() >= deadline_s:
                self._line.discard_unsent()
                return False
        return True

    def _read(self, deadline_s: float) -> bool:
        """Sorts what comes into real-time answers and marks; False when nothing came."""
        data = self._line.read_until(deadline_s)
        for byte in data:
            if byte & 0x93 == 0x12:
                self._answers.append(byte)
            elif not byte & 0x90 and self._marks_owed:
                self._marks.append(byte)
                self._marks_owed -= 1
            elif byte not in _FLOW:
                self._nonsense = True
        return bool(data)

    def _fall_silent(self) -> bool:
        """Leaves the past behind: no answer to an earlier question comes after this.

        False for a line that never falls silent.
        """
        for _ in range(_SILENCE_READS_MAX):
            wait_s = self._answer_s / 2 if self._late else 0
            if not self._read(time.monotonic() + wait_s):
                self._late = False
                return True
        return False

    def _catch_up(self) -> None:
        """Gives the marks of earlier jobs time to be answered, or finds that they never will be.

        One more mark is put behind them: when an answer comes and then none for a while, the
        printer has lost the others (it was switched off).  When none comes at all they stay owed,
        and so they do when it still talks at the end of a job's time.
        """
        if not self._marks_owed:
            return
        owed = self._marks_owed
        self._marks_owed += 1
        self._write(MARK, time.monotonic() + self._answer_s)
        deadline_s = time.monotonic() + self._job_timeout_s
        while self._marks_owed and self._read(time.monotonic() + self._answer_s):
            if time.monotonic() >= deadline_s:
                return
        if self._marks_owed <= owed:
            self._marks_owed = 0


def _flag(bits: int, answer: "int | None") -> str:
    if answer is None:
        return UNKNOWN
    return YES if answer & bits else NO


def _not(flag: str) -> str:
    return {YES: NO, NO: YES}.get(flag, UNKNOWN)
