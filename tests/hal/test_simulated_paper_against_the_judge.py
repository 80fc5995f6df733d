"""Two printers written apart, fed the same receipts: the one that ships, and the tests' own."""

from __future__ import annotations

import pytest
import zxingcpp

from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer_profiles import PROFILES
from tilld_hal.simulated.paper import Paper as SimulatedPaper
from tilld_testkit.paper import Paper as JudgesPaper
from tilld_testkit.printer_font import CHINESE_FONT
from tilld_testkit.receipt_pictures import PICTURES

NO_TEXT = ("[qr]", "[picture]", "- -")


def told(lines: list[str]) -> list[str]:
    texts = [line.strip() for line in lines]
    return [line for line in texts if line and not line.startswith(NO_TEXT)]


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_both_print_the_same_lines_codes_and_length(name: str) -> None:
    picture = PICTURES[name]
    profile = PROFILES[picture.profile]
    job = EscposRenderer(picture.profile).render(picture.document(profile.columns))
    judge = JudgesPaper(profile.columns, profile.chinese)
    simulated = SimulatedPaper(profile.columns, str(CHINESE_FONT), profile.chinese)
    judge.feed(job)
    simulated.feed(job)
    torn = simulated.tear_off()
    assert torn is not None
    image, lines = torn
    assert told(lines) == told(judge.lines)
    assert [code.text for code in zxingcpp.read_barcodes(image)] == [
        code.text for code in judge.codes()
    ]
    assert judge.unknown == []


@pytest.mark.parametrize("question", [1, 2, 3, 4])
@pytest.mark.parametrize("trouble", ["", "paper_out", "paper_low", "cover_open"])
def test_both_answer_a_question_with_the_same_word(question: int, trouble: str) -> None:
    """In the bits that mean something: the others are the maker's own."""
    judge, simulated = JudgesPaper(42), SimulatedPaper(42)
    if trouble:
        setattr(judge, trouble, True)
        setattr(simulated, trouble, True)
    asked = bytes((0x10, 0x04, question))
    simulated.feed(asked)
    meaning = {1: 0x08, 2: 0x24, 3: 0x6C, 4: 0x6C}[question]
    (ours,), (theirs,) = judge.feed(asked), simulated.answers()
    assert ours & meaning == theirs & meaning
    assert ours & 0x93 == theirs & 0x93 == 0x12
