"""A scanner that poses as a keyboard, by the bytes of the kernel's events.

The driver's own line reads them from a pipe; times are those that the events bear.  What needs a
kernel with a keyboard (grab, unplugging, stable names) is in tests/usb/test_usb_in_guest.py.
"""

import contextlib
import errno
import os
import pathlib
import pty
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tilld_hal import catalogue, evdev_linux
from tilld_hal.errors import Gone, Refused
from tilld_hal.evdev_linux import KeyboardLine
from tilld_hal.keyboard_decoder import PAUSE_MS, UNDER_WAY_MS, KeyDecoder
from tilld_hal.scanner import Scan
from tilld_hal.scanner_line_linux import LineScanner
from tilld_testkit.descriptors import exhausted
from tilld_testkit.keys import (
    ALT,
    ALT_GR,
    CAPS,
    CTRL,
    ENTER,
    EVENT,
    F5,
    KEYPAD_ENTER,
    PLAIN,
    RIGHT_SHIFT,
    SHIFT,
    SPACE,
    TAB,
    Keys,
)

PATIENCE_S = 20.0
CODE = "281234567890123456"


class Cable:
    """A scanner on a pipe: ``send`` puts events in, ``unplug`` closes the device's end."""

    def __init__(self, layout: str = "us", caps: bool = False, gap_ms: int = 0) -> None:
        theirs, self._ours = os.pipe2(os.O_NONBLOCK)
        decoder = KeyDecoder(layout, caps, time.monotonic_ns() // 1_000_000)
        self.scanner = LineScanner(KeyboardLine(theirs, "the scanner", decoder), gap_ms)

    def send(self, keys: Keys | bytes) -> None:
        os.write(self._ours, keys if isinstance(keys, bytes) else keys.taken())

    def unplug(self) -> None:
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def scans(self) -> list[Scan]:
        """Everything that the events sent so far give."""
        found: list[Scan] = []
        while (scan := self.scanner.read(0)) is not None:
            found.append(scan)
        return found


@contextlib.contextmanager
def plugged(**how: Any) -> Iterator[Cable]:
    cable = Cable(**how)
    try:
        yield cable
    finally:
        cable.scanner.close()
        cable.unplug()


def read(keys: Keys, **how: Any) -> list[Scan]:
    with plugged(**how) as cable:
        cable.send(keys)
        return cable.scans()


def test_a_code_is_read_with_its_symbology():
    assert read(Keys().scan(f"]Q1{CODE}")) == [Scan(CODE, "qr")]


@pytest.mark.parametrize("end", [ENTER, KEYPAD_ENTER, TAB])
def test_enter_and_tab_end_a_code(end):
    assert read(Keys().text(CODE).press(end)) == [Scan(CODE)]


def test_two_ends_give_no_empty_code():
    assert read(Keys().text(CODE).press(ENTER, ENTER, TAB)) == [Scan(CODE)]


def test_every_printable_letter_of_a_us_keyboard_is_read():
    every = "".join(chr(number) for number in range(0x20, 0x7F) if chr(number) != "]") + "]"
    assert read(Keys().scan(every)) == [Scan(every)]


def test_the_right_shift_is_one_too():
    assert read(Keys().held(RIGHT_SHIFT, PLAIN["a"]).press(ENTER)) == [Scan("A")]


def test_events_in_any_pieces_are_the_same_code():
    events = Keys().scan("2812").taken()
    for cut in range(1, len(events), 7):
        with plugged() as cable:
            cable.send(events[:cut])
            found = cable.scans()
            cable.send(events[cut:])
            assert found + cable.scans() == [Scan("2812")]


def german(keys: Keys) -> Keys:
    """]C1 and Zy-/{"1, as a scanner with the country code Germany presses it."""
    keys.held(ALT_GR, PLAIN["9"]).held(SHIFT, PLAIN["c"]).press(PLAIN["1"])
    keys.held(SHIFT, PLAIN["y"]).press(PLAIN["z"], PLAIN["/"]).held(SHIFT, PLAIN["7"])
    keys.held(ALT_GR, PLAIN["7"]).held(SHIFT, PLAIN["2"])
    return keys.press(PLAIN["1"], ENTER)


def french(keys: Keys) -> Keys:
    """]Q1 and AqWm-28."; as a scanner with the country code France presses it."""
    keys.held(ALT_GR, PLAIN["-"]).held(SHIFT, PLAIN["a"], PLAIN["1"])
    keys.held(SHIFT, PLAIN["q"]).press(PLAIN["a"]).held(SHIFT, PLAIN["z"]).press(PLAIN[";"])
    keys.press(PLAIN["6"]).held(SHIFT, PLAIN["2"], PLAIN["8"], PLAIN[","])
    return keys.press(PLAIN["3"], PLAIN[","], ENTER)


def test_a_german_scanner_is_read_by_its_layout():
    assert read(german(Keys()), layout="de") == [Scan('Zy-/{"1', "code128")]


def test_a_french_scanner_is_read_by_its_layout_and_its_digits_need_shift():
    assert read(french(Keys()), layout="fr") == [Scan('AqWm-28.";', "qr")]


def test_ctrl_and_alt_together_are_alt_gr():
    keys = Keys().down(CTRL).held(ALT, PLAIN["9"]).up(CTRL).scan("Q12812")
    assert read(keys, layout="de") == [Scan("2812", "qr")]


@pytest.mark.parametrize(
    ("layout", "keys", "text"),
    [
        ("de", [PLAIN["`"], SPACE, PLAIN["1"]], "^1"),
        ("de", [PLAIN["`"], PLAIN["1"]], ""),
        ("de", [PLAIN["`"]], ""),
        ("fr", [PLAIN["["], SPACE, PLAIN["5"]], "^("),
    ],
)
def test_a_dead_key_gives_itself_with_the_space_bar_and_else_nothing(layout, keys, text):
    assert read(Keys().press(*keys, ENTER), layout=layout) == [Scan(text)]


@pytest.mark.parametrize(("layout", "key"), [("de", ";"), ("fr", "2"), ("fr", "0"), ("de", "=")])
def test_a_letter_beyond_ascii_spoils_its_code(layout, key):
    assert read(Keys().press(PLAIN[key], ENTER), layout=layout) == [Scan("")]


def test_caps_lock_turns_letters_and_no_digits():
    keys = Keys().press(CAPS).scan("aB1!").press(CAPS).scan("aB1!")
    assert read(keys) == [Scan("Ab1!"), Scan("aB1!")]


def test_caps_lock_that_was_on_at_the_opening_is_known():
    assert read(Keys().scan("aB1!"), caps=True) == [Scan("Ab1!")]


def test_a_keypad_types_digits_in_every_layout():
    keypad = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73]
    for layout in ("us", "de", "fr"):
        assert read(Keys().press(*keypad, ENTER), layout=layout) == [Scan("0123456789")]


def test_alt_and_a_number_on_the_keypad_is_a_letter_in_every_layout():
    numbers = {"]": [73, 81], "Q": [72, 79], "1": [82, 75, 73], "7": [76, 76]}
    keys = Keys()
    for letter in "]Q1717":
        keys.held(ALT, *numbers[letter])
    keys.held(ALT, 82, 79, 81)  # 013, the end
    assert read(keys, layout="fr") == [Scan("717", "qr")]


@pytest.mark.parametrize("number", [[80, 76, 76], [79], [82, 80, 71, 75, 71]])
def test_a_number_that_is_no_letter_spoils_its_code(number):
    assert read(Keys().text("28").held(ALT, *number).press(ENTER)) == [Scan("")]


@pytest.mark.parametrize("odd", [F5, 0x1FF])
def test_a_key_that_is_no_letter_spoils_its_code_and_no_other(odd):
    assert read(Keys().text("28").press(odd).scan("12").scan(CODE)) == [Scan(""), Scan(CODE)]


@pytest.mark.parametrize("modifier", [CTRL, ALT, 125])
def test_a_shortcut_is_no_letter(modifier):
    assert read(Keys().held(modifier, PLAIN["c"]).press(ENTER)) == [Scan("")]


def test_a_key_that_the_kernel_repeats_because_its_release_came_late_is_one_key():
    held = Keys().text("28").down(PLAIN["1"]).down(PLAIN["1"], 2).down(PLAIN["1"], 2)
    assert read(held.up(PLAIN["1"]).scan("2")) == [Scan("2812")]


def test_an_enter_and_a_shift_that_repeat_themselves_do_no_harm():
    keys = Keys().down(SHIFT).down(SHIFT, 2).press(PLAIN["a"]).up(SHIFT)
    keys.down(ENTER).down(ENTER, 2).up(ENTER).scan("2812")
    assert read(keys) == [Scan("A"), Scan("2812")]


@pytest.mark.parametrize(
    ("sent_as", "read_as"), [("us", "fr"), ("fr", "us"), ("fr", "de"), ("de", "fr")]
)
def test_a_payment_code_never_leaves_in_the_disguise_of_another_layout(sent_as, read_as):
    """Digits of the wrong layout are signs: a cipher that everybody can undo (I31)."""
    digits = [PLAIN[digit] for digit in CODE]
    keys = Keys()
    keys = keys.held(SHIFT, *digits) if sent_as == "fr" else keys.press(*digits)
    assert read(keys.press(ENTER), layout=read_as) == [Scan("")]


def test_what_the_kernel_lost_drops_its_code_with_a_word_and_no_other():
    keys = Keys().text("2812").lost().scan("345678").scan(CODE)
    assert read(keys) == [Scan(""), Scan(CODE)]


def test_the_word_comes_at_once_and_not_with_the_end_of_the_code():
    assert read(Keys().text("2812").lost()) == [Scan("")]


def test_a_loss_that_took_the_end_of_a_code_too_spoils_nothing_after_a_pause():
    keys = Keys().text("2812").lost().text("34").pause(PAUSE_MS).scan(CODE)
    assert read(keys) == [Scan(""), Scan(CODE)]


def test_a_loss_in_mid_shift_leaves_no_shift_behind():
    keys = Keys().down(SHIFT).press(PLAIN["q"]).lost().press(ENTER).scan("2812")
    assert read(keys) == [Scan(""), Scan("2812")]


def test_a_code_that_was_under_way_at_the_opening_is_dropped_with_a_word():
    keys = Keys(after_ms=UNDER_WAY_MS - 50).scan("281234567890123456").scan(CODE)
    assert read(keys) == [Scan(""), Scan(CODE)]


def test_a_code_that_begins_after_the_opening_is_read():
    assert read(Keys(after_ms=UNDER_WAY_MS + 50).scan(CODE)) == [Scan(CODE)]


def test_half_a_code_before_the_cable_was_pulled_is_in_no_other():
    with plugged() as cable:
        cable.send(Keys().text("2812"))
        assert cable.scans() == []
        cable.unplug()
        for _ in range(2):
            with pytest.raises(Gone, match="unplugged"):
                cable.scanner.read(PATIENCE_S)
    assert read(Keys().scan("99")) == [Scan("99")]


def test_a_code_that_was_whole_is_read_before_the_cable_is_missed():
    with plugged() as cable:
        cable.send(Keys().scan(CODE))
        cable.unplug()
        assert cable.scanner.read(PATIENCE_S) == Scan(CODE)
        with pytest.raises(Gone):
            cable.scanner.read(PATIENCE_S)


def test_a_drain_throws_away_what_came_and_the_rest_of_what_is_coming():
    with plugged() as cable:
        cable.send(Keys().scan("11").scan("22").text("33"))
        assert cable.scanner.drain() == 2
        cable.send(Keys().scan("44").scan(CODE))
        assert cable.scans() == [Scan(CODE)]
        assert cable.scanner.dropped == 3


def test_keys_that_spell_nothing_do_not_hold_up_a_drain_or_a_read():
    with plugged() as cable:
        cable.send(Keys().press(*[SHIFT] * 100).scan("11"))
        assert cable.scanner.drain() == 1
        assert cable.scanner.read(0) is None


def test_a_code_without_an_end_is_ended_by_silence_when_it_was_asked_for():
    with plugged(gap_ms=30) as cable:
        cable.send(Keys().text(f"]Q1{CODE}"))
        assert cable.scanner.read(PATIENCE_S) == Scan(CODE, "qr")


def test_a_wake_ends_a_read_and_is_not_lost():
    with plugged() as cable:
        cable.scanner.wake()
        assert cable.scanner.read(None) is None
        cable.send(Keys().scan(CODE))
        assert cable.scanner.read(None) == Scan(CODE)


def test_a_closed_scanner_is_gone():
    with plugged() as cable:
        cable.scanner.close()
        with pytest.raises(Gone):
            cable.scanner.read(0)
        with pytest.raises(Gone):
            cable.scanner.drain()
        cable.scanner.wake()


def test_nothing_that_is_shown_holds_a_code():
    """I31."""
    with plugged() as cable:
        cable.send(Keys().text(CODE))
        assert cable.scanner.read(0) is None
        cable.unplug()
        with pytest.raises(Gone) as caught:
            cable.scanner.read(0)
        assert CODE[2:] not in repr(caught.value) + str(caught.value.__cause__)


def test_an_event_is_as_long_as_the_kernel_makes_it():
    assert evdev_linux.EVENT.size == EVENT.size == 2 * struct.calcsize("l") + 8


def test_what_is_not_there_is_gone_and_the_words_say_what_is(tmp_path: pathlib.Path):
    with pytest.raises(Gone) as caught:
        catalogue.open_driver("scanner", "linux-hid", {"device": str(tmp_path / "none")})
    assert str(tmp_path / "none") in caught.value.reason
    assert evdev_linux.BY_ID in caught.value.reason


def test_likely_scanners_are_named_first(tmp_path: pathlib.Path):
    for name in (
        "usb-A_Keyboard-event-kbd",
        "usb-Z_Barcode_Scanner-event-kbd",
        "usb-M-event-mouse",
    ):
        (tmp_path / name).touch()
    assert evdev_linux.keyboards(str(tmp_path)) == [
        "usb-Z_Barcode_Scanner-event-kbd",
        "usb-A_Keyboard-event-kbd",
    ]
    assert evdev_linux.keyboards(str(tmp_path / "none")) == []


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/status", "/tmp"])
def test_what_is_no_input_device_is_refused(path):
    with pytest.raises(Refused) as caught:
        catalogue.open_driver("scanner", "linux-hid", {"device": path})
    assert path in caught.value.reason


def test_a_terminal_is_no_input_device():
    ours, theirs = pty.openpty()
    with pytest.raises(Refused):
        catalogue.open_driver("scanner", "linux-hid", {"device": os.ttyname(theirs)})
    os.close(ours)
    os.close(theirs)


def test_without_a_file_descriptor_nothing_is_held():
    held = set(os.listdir("/proc/self/fd"))
    with exhausted(0), pytest.raises(Refused):
        catalogue.open_driver("scanner", "linux-hid", {"device": "/dev/null"})
    assert set(os.listdir("/proc/self/fd")) == held


def test_a_service_that_may_not_read_it_hears_what_its_unit_lacks():
    error = evdev_linux.not_opened("/dev/input/event7", OSError(errno.EPERM, "not permitted"))
    assert "DeviceAllow" in error.reason


def test_who_may_not_read_it_hears_which_group_may(tmp_path: pathlib.Path):
    device = tmp_path / "event7"
    device.touch()
    error = evdev_linux.not_opened(str(device), OSError(errno.EACCES, "Permission denied"))
    assert isinstance(error, Refused)
    assert "may not read it" in error.reason
    assert "group" in error.reason
