from tilld_core.record import Record


class Coin(Record):
    FIELDS = ("currency", "value")

    def __init__(self, currency: str, value: int) -> None:
        self.currency = currency
        self.value = value


class Token(Coin):
    pass


def test_equal_fields_make_equal_records_with_equal_hashes() -> None:
    assert Coin("EUR", 5) == Coin("EUR", 5)
    assert hash(Coin("EUR", 5)) == hash(Coin("EUR", 5))
    assert len({Coin("EUR", 5), Coin("EUR", 5), Coin("EUR", 6)}) == 2


def test_another_field_or_another_type_is_another_record() -> None:
    assert Coin("EUR", 5) != Coin("EUR", 6)
    assert Coin("EUR", 5) != Token("EUR", 5)
    assert Coin("EUR", 5) != ("EUR", 5)


def test_a_record_shows_its_fields_in_their_order() -> None:
    assert repr(Coin("EUR", 5)) == "Coin(currency='EUR', value=5)"
