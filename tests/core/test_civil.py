from tilld_core import civil

KNOWN = (  # epoch seconds, offset in minutes, RFC 3339
    (0, 0, "1970-01-01T00:00:00+00:00"),
    (-1, 0, "1969-12-31T23:59:59+00:00"),
    (951782400, 0, "2000-02-29T00:00:00+00:00"),
    (951868800, 0, "2000-03-01T00:00:00+00:00"),
    (1000000000, 60, "2001-09-09T02:46:40+01:00"),
    (1234567890, -210, "2009-02-13T20:01:30-03:30"),
    (1709251199, 0, "2024-02-29T23:59:59+00:00"),
    (2147483648, 345, "2038-01-19T08:59:08+05:45"),
    (4107542400, 0, "2100-03-01T00:00:00+00:00"),
)


def test_times_are_written_with_the_shops_offset_and_read_back() -> None:
    for at_s, offset_min, text in KNOWN:
        assert civil.rfc3339(at_s, offset_min) == text
        assert civil.parse_rfc3339(text) == at_s


def test_every_day_from_1968_to_2104_follows_the_day_before_it() -> None:
    before = civil.date_of(civil.days_of(1968, 1, 1) - 1)
    assert before == (1967, 12, 31)
    for days in range(civil.days_of(1968, 1, 1), civil.days_of(2104, 1, 1)):
        date = civil.date_of(days)
        assert date > before
        assert civil.days_of(*date) == days
        before = date


def test_a_receipt_shows_seconds_and_the_zone_or_says_that_no_time_is_set() -> None:
    assert civil.receipt_text(1000000000, 60) == "2001-09-09 02:46:40 +01:00"
    assert civil.receipt_text(None, 60) == "time not set"


def test_the_times_of_antom_and_its_sdks_are_read() -> None:
    for text in (
        "2026-11-22T18:30:05+00:00",
        "2026-11-22T18:30:05+0000",
        "2026-11-22T18:30:05Z",
        "2026-11-22T18:30:05.1234567Z",
        "2026-11-23T02:30:05+08:00",
        "2026-11-22T10:30:05-08:00",
        "2026-11-23T00:00:05.5+05:30",
    ):
        assert civil.parse_rfc3339(text) == 1795372205


def test_what_is_no_time_with_an_offset_is_none() -> None:
    for text in (
        "",
        "1795372205",
        "2026-11-22T18:30:05",
        "2026-11-22",
        "2026-02-29T18:30:05Z",
        "2026-13-01T18:30:05Z",
        "2026-00-01T18:30:05Z",
        "2026-11-22T24:30:05Z",
        "2026-11-22T18:60:05Z",
        "2026-11-22T18:30:61Z",
        "2026-11-22T18:30:05+8:00",
        "2026-11-22T18:30:05+08:60",
        "2026-11-22T18:30:05.Z",
        "2026-11-22T18:30:05Zulu",
        "2026-11-22T18.30.05Z",
        "+026-11-22T18:30:05Z",
        "2026-11-22T18:30: 5Z",
    ):
        assert civil.parse_rfc3339(text) is None, text


def test_the_cancel_window_closes_at_the_midnight_of_utc_plus_8() -> None:
    for paid, closes in (
        ("2026-11-22T00:00:00+08:00", "2026-11-23T00:00:00+08:00"),
        ("2026-11-22T23:59:59+08:00", "2026-11-23T00:00:00+08:00"),
        ("2026-11-22T15:59:59Z", "2026-11-22T16:00:00Z"),  # late afternoon in Europe
        ("2026-11-22T16:00:00Z", "2026-11-23T16:00:00Z"),
        ("2026-12-31T12:00:00-08:00", "2027-01-01T16:00:00Z"),
    ):
        paid_s, closes_s = civil.parse_rfc3339(paid), civil.parse_rfc3339(closes)
        assert paid_s is not None
        assert civil.cancel_window_closes_at(paid_s) == closes_s
        assert civil.cancel_window_closes_at(paid_s, 900) == (closes_s or 0) + 900
