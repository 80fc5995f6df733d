from tilld_core import request_id

NOW_S = 1795386450
RANDOM = bytes(range(1, 14))


def test_an_id_holds_every_part_that_the_seed_names_in_its_order() -> None:
    made = request_id.make(NOW_S, "T0042", 1250, 77, RANDOM)
    assert made.startswith("1795386450" + "T0042" + "1250" + "00000077")
    assert len(made) == 10 + 5 + 4 + 8 + 20


def test_an_id_has_at_most_64_letters_and_digits() -> None:
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for amount in (1, 10**16 - 1):
        for terminal in ("7", "Berlin-Mitte, Kasse 0042", "x" * 64, "終端-9"):
            for make in (request_id.make, request_id.make_refund):
                made = make(NOW_S, terminal, amount, 10**8 - 1, b"\xff" * 13)
                assert len(made) <= 64
                assert all(c in plain for c in made)


def test_at_least_ten_last_characters_of_a_terminal_number_stay() -> None:
    made = request_id.make(NOW_S, "ABCDEFGHIJKLM0123456789", 10**16 - 1, 0, RANDOM)
    assert "0123456789" + "9" * 16 in made
    assert len(made) == 64
    made = request_id.make_refund(NOW_S, "ABCDEFGHIJKLM0123456789", 10**16 - 1, 0, RANDOM)
    assert "123456789" + "9" * 16 in made


def test_every_one_of_100_random_bits_changes_the_id() -> None:
    seen = {request_id.make(NOW_S, "T1", 1, 0, bytes(13))}
    for bit in range(100):
        seen.add(request_id.make(NOW_S, "T1", 1, 0, (1 << bit).to_bytes(13, "big")))
    assert len(seen) == 101


def test_a_refunds_id_differs_from_a_payments_made_of_the_same_parts() -> None:
    assert request_id.make_refund(NOW_S, "T1", 1, 0, RANDOM) == "R" + request_id.make(
        NOW_S, "T1", 1, 0, RANDOM
    )


def test_an_id_is_never_made_without_a_part() -> None:
    for parts in (
        (-1, "T1", 1, 0, RANDOM),
        (NOW_S, "", 1, 0, RANDOM),
        (NOW_S, "--", 1, 0, RANDOM),
        (NOW_S, "T1", 0, 0, RANDOM),
        (NOW_S, "T1", 10**27, 0, RANDOM),
        (NOW_S, "T1", 1, 10**8, RANDOM),
        (NOW_S, "T1", 1, 0, RANDOM[:12]),
    ):
        try:
            request_id.make(*parts)
        except ValueError:
            continue
        raise AssertionError(parts)


def test_a_clock_at_1970_still_makes_an_id() -> None:
    assert request_id.make(0, "T1", 1, 0, RANDOM).startswith("0000000000T1")


def test_serials_jump_and_are_never_consecutive() -> None:
    steps = [request_id.next_serial(500, number.to_bytes(4, "big")) - 500 for number in range(1000)]
    assert min(steps) == 2
    assert max(steps) == 1001
    assert len(set(steps)) == 1000


def test_a_new_device_begins_anywhere_and_the_last_serial_goes_round() -> None:
    assert request_id.next_serial(None, b"\x00\x01\x02\x03") == 66051
    assert request_id.next_serial(None, b"\xff\xff\xff\xff") == 4294967295 % 10**8
    assert request_id.next_serial(10**8 - 1, bytes(4)) == 1
    try:
        request_id.next_serial(5, b"abc")
    except ValueError:
        return
    raise AssertionError("three bytes were enough")
