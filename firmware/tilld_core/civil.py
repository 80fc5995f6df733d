"""Civil time from epoch seconds, without a calendar module: RFC 3339, receipts, the cancel window.

``at_s`` is seconds since 1970-01-01T00:00:00Z; ``offset_min`` is the shop's offset from UTC in
minutes, east positive.  Only whole seconds: receipts and Antom's times have no more.
"""

DAY_S = 86400
UTC8_S = 8 * 3600  # Antom's contracts count their days in UTC+8 (rules.md §2, lessons.md)
TIME_NOT_SET = "time not set"

_NUMBERS_AT = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def date_of(days: int) -> "tuple[int, int, int]":
    """Year, month and day that lie ``days`` after 1970-01-01."""
    days += 719468
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153  # months counted from March
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def offset_text(offset_min: int) -> str:
    """ "+01:00", "-03:30", "+00:00"."""
    size = abs(offset_min)
    sign = "-" if offset_min < 0 else "+"
    return f"{sign}{size // 60:02d}:{size % 60:02d}"


def _parts(at_s: int, offset_min: int) -> "tuple[str, str]":
    local = at_s + offset_min * 60
    second = local % DAY_S
    year, month, day = date_of(local // DAY_S)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{year:04d}-{month:02d}-{day:02d}", clock


def rfc3339(at_s: int, offset_min: int) -> str:
    """ "2026-11-22T23:27:30+01:00" for a time on the wire."""
    return "T".join(_parts(at_s, offset_min)) + offset_text(offset_min)


def receipt_text(at_s: "int | None", offset_min: int) -> str:
    """ "2026-11-22 23:27:30 +01:00" for paper; "time not set" for None (rules.md §2)."""
    if at_s is None:
        return TIME_NOT_SET
    return " ".join(_parts(at_s, offset_min)) + " " + offset_text(offset_min)


def parse_rfc3339(text: str) -> "int | None":
    """Epoch seconds of an ISO 8601 time as Antom and its SDKs write it; None if it is not one.

    Takes "Z", "+08:00" and "+0800"; a fraction of a second is dropped.  A time without an offset
    is None: whose local time it is would be a guess.
    """
    if len(text) < 20 or text[10] not in "Tt ":
        return None
    shape = text[4] + text[7] + text[13] + text[16]
    numbers = [_number(text[start:end]) for start, end in _NUMBERS_AT]
    offset_s = _offset_s(_after_fraction(text[19:]))
    if shape != "--::" or None in numbers or offset_s is None:
        return None
    year, month, day, hour, minute, second = [number or 0 for number in numbers]
    if hour > 23 or minute > 59 or second > 60:
        return None
    days = days_of(year, month, day) if 1 <= month <= 12 else 0
    if date_of(days) != (year, month, day):
        return None
    return days * DAY_S + hour * 3600 + minute * 60 + second - offset_s


def _after_fraction(rest: str) -> str:
    if rest[:1] != ".":
        return rest
    end = 1
    while end < len(rest) and rest[end] in "0123456789":
        end += 1
    return rest[end:] if end > 1 else ""


def _offset_s(text: str) -> "int | None":
    if text in ("Z", "z"):
        return 0
    hours, minutes = _number(text[1:3]), _number(text[-2:])
    shaped = len(text) == 5 or (len(text) == 6 and text[3] == ":")
    if not shaped or text[0] not in "+-" or hours is None or minutes is None or minutes > 59:
        return None
    size = hours * 3600 + minutes * 60
    return -size if text[0] == "-" else size


def _number(text: str) -> "int | None":
    """Digits only: int() alone would take "+1", " 1" and "1_0"."""
    if not text or any(c not in "0123456789" for c in text):
        return None
    return int(text)


def cancel_window_closes_at(payment_time_s: int, after_midnight_s: int = 0) -> int:
    """The 00:00 UTC+8 that ends the day of ``payment_time_s``, as epoch seconds (rules.md §2).

    ``after_midnight_s`` is the contract's grace after it.  It only orders and hastens attempts:
    only Antom's CANCEL_WINDOW_EXCEED says that the window has closed.
    """
    day = (payment_time_s + UTC8_S) // DAY_S
    return (day + 1) * DAY_S - UTC8_S + after_midnight_s
