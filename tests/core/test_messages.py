"""The vocabulary of the till socket: parameters are checked by kind, tables are whole."""

from tilld_core import messages, payment
from tilld_core.messages import CallError, check_params, method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEY = "0123456789abcdef"
PNG = b"\x89PNG\r\n\x1a\n"


def row_of(kind: str) -> "messages.Method":
    """A method with one parameter of that kind."""
    return ("test.method", messages.TILL, (("it", kind, False),), "nothing")


def refusal(row: "messages.Method", params: object) -> CallError:
    try:
        check_params(row, params)
    except CallError as error:
        return error
    raise AssertionError("it was taken")


def is_taken(kind: str, value: object) -> bool:
    try:
        return check_params(row_of(kind), [{"it": value}]) == {"it": value}
    except CallError:
        error = refusal(row_of(kind), [{"it": value}])
    assert error.code == "bad_param"
    assert error.fields == ["it"]
    assert "'it'" in error.message
    return False


def test_every_kind_takes_what_it_should_and_nothing_else() -> None:
    cases: tuple[Any, ...] = (
        ("text 5", ("a", "fünf!"), ("", "sechs!", "a\n", "a\x7f", b"a", 1, True, ["a"])),
        ("id", ("a" * 64,), ("a" * 65, "", 7)),
        ("key", (KEY, "~" * 64), (KEY[1:], "k" * 65, KEY[1:] + " ", KEY[1:] + "ü", b"k" * 16)),
        ("int 0 60", (0, 60), (-1, 61, True, 1.0, "1", None.__class__)),
        ("int 1 9223372036854775807", (1, 2**63 - 1), (0, 2**63)),
        ("bool", (True, False), (0, 1, "true")),
        ("one of map text", ("map", "text"), ("of", "", 1, ["map"], {"map": 1})),
        ("api", ([1, 0],), ([1], [1, 0, 0], [1.0, 0], [True, 0], "1.0", {"1": 0})),
        (
            "amount",
            ({"currency": "EUR", "value": 1},),
            (
                {"currency": "EUR", "value": 1.0},
                {"currency": "EUR", "value": True},
                {"currency": b"EUR", "value": 1},
                {"currency": "EUR"},
                {"currency": "EUR", "value": 1, "exponent": 2},
                {1: 1, "value": 1},
                [1],
                "1 EUR",
            ),
        ),
        (
            "since",
            ({"epoch": 1, "seq": 0},),
            ({"epoch": 1}, {"epoch": 1.5, "seq": 0}, {"epoch": 1, "seq": True}, [1, 0]),
        ),
        ("topics", ([], ["gap", "attention"]), (["nothing"], "gap", [["gap"]], [1], [{}])),
        ("png", (PNG, PNG + bytes(16376)), (PNG + bytes(16377), b"GIF89a", "PNG")),
        ("block_text", ("", "a\nb", "x" * 4096), ("x" * 4097, b"x")),
    )
    for kind, good, bad in cases:
        for value in good:
            assert is_taken(kind, value), (kind, value)
        for value in bad:
            assert not is_taken(kind, value), (kind, value)


def test_every_kind_of_the_tables_has_its_check() -> None:
    for row in messages.METHODS:
        for _, kind, _ in row[2]:
            is_taken(kind, object())
    for kinds in messages.DOCUMENT_BLOCKS.values():
        for _, kind in kinds:
            is_taken(kind, object())


def test_a_document_is_checked_block_by_block() -> None:
    good = (
        {"type": "text", "text": "a", "align": "center", "bold": True, "size": 2},
        {"type": "barcode", "data": "a" * 64, "symbology": "code128"},
        {"type": "text", "text": "a", "bold": None, "size": None},  # nil is the same as absent
        {"type": "qr", "data": "a"},
        {"type": "image", "png": PNG},
        {"type": "feed", "lines": 20},
        {"type": "cut"},
    )
    assert is_taken("document", list(good))
    bad = (
        {"type": "text"},
        {"type": "text", "text": "a", "size": 3},
        {"type": "text", "text": "a", "colour": "red"},
        {"type": "drawer"},
        {"type": "barcode", "data": "a" * 65},
        {"type": "barcode", "data": "\u00e9"},
        {"type": "qr", "data": None},
        {"type": ["cut"]},
        {"text": "a"},
        "cut",
        {"type": "feed", "lines": 21},
    )
    for block in bad:
        assert not is_taken("document", [good[0], block]), block
    assert not is_taken("document", [])
    assert not is_taken("document", [good[-1]] * 201)
    assert not is_taken("document", good[-1])


def test_absent_nil_and_empty_are_the_empty_map() -> None:
    empty: tuple[Any, ...] = ([], [None], [{}], [{"it": None}])
    for params in empty:
        assert check_params(row_of("bool"), params) == {"it": None}


def test_params_that_are_no_array_of_one_map_are_refused() -> None:
    shapeless: tuple[Any, ...] = ({}, None, "x", 1, [{}, {}])
    for params in shapeless:
        assert refusal(row_of("bool"), params).code == "bad_message"
    no_map: tuple[Any, ...] = ("x", 1, [], 1.5)
    for given in no_map:
        assert refusal(row_of("bool"), [given]).code == "bad_param"


def test_unknown_parameters_are_named_sorted_and_cut() -> None:
    error = refusal(row_of("bool"), [{"zeta": 1, "a" * 99: 2, 7: 3, "it": True}])
    assert error.code == "unknown_param"
    assert error.fields == ["7", "a" * 64, "zeta"]


def test_a_required_parameter_may_be_neither_absent_nor_nil() -> None:
    row = ("test.method", messages.TILL, (("it", "bool", True),), "nothing")
    for given in ({}, {"it": None}):
        assert refusal(row, [given]).fields == ["it"]


def test_a_method_is_found_by_its_name_alone() -> None:
    assert method("hello")[0] == "hello"
    found = []
    for name in ("hullo", 7, b"hello", None):
        try:
            method(name)
        except CallError as error:
            found.append(error.code)
    assert found == ["unknown_method", "bad_message", "bad_message", "bad_message"]


def test_an_error_is_a_map_of_the_contracts_keys() -> None:
    told = CallError("not_found").as_map()
    assert sorted(told) == ["changed", "class", "code", "message", "retry"]
    assert told["changed"] == "no"
    told = CallError("order_busy", "Wait.", ["order_ref"], "P1", "never").as_map()
    assert told == {
        "code": "order_busy",
        "class": "busy",
        "changed": "no",
        "retry": "never",
        "message": "Wait.",
        "payment": "P1",
        "fields": ["order_ref"],
    }


def test_only_a_storage_fault_leaves_open_whether_something_changed() -> None:
    for row in messages.ERRORS:
        expected = "unknown" if row[0] == "storage" else "no"
        assert CallError(row[0]).as_map()["changed"] == expected


def codes(table: "tuple[Any, ...]") -> "list[str]":
    found = [row[0] for row in table]
    assert len(set(found)) == len(found)
    return found


def test_the_errors_are_those_of_the_contract() -> None:
    contract = (
        "bad_message unknown_method bad_param unknown_param api_mismatch not_allowed too_many "
        "stopping not_found key_mismatch key_used order_busy order_paid already_paid not_approved "
        "not_paid refund_exceeds scanner_busy bad_code no_scanner no_printer not_ready storage "
        "journal_full"
    )
    assert codes(messages.ERRORS) == contract.split()
    classes = ("caller", "busy", "hardware", "network", "storage", "security", "internal")
    retries = ("same_key", "new_key", "after_fix", "later", "never")
    for _, kind, retry, sentence in messages.ERRORS:
        assert kind in classes
        assert retry in retries
        assert sentence.endswith(".")


def test_the_reasons_and_blocks_are_those_of_the_contract() -> None:
    reasons = (
        "declined not_sent scan_timeout till_cancelled till_left cancelled_before_start no_answer "
        "unverified_answer not_acknowledged restarted refunded_instead cancelled_by_gateway"
    )
    assert codes(messages.REASONS) == reasons.split()
    blocks = "no_link no_gateway clock_unset storage certificate_expired scanner not_provisioned"
    assert codes(messages.BLOCKS) == blocks.split()


def test_every_reason_that_a_payment_can_have_is_in_the_table() -> None:
    known = codes(messages.REASONS)
    for reason in payment.REASONS.values():
        assert reason in known
    for reason in ("unverified_answer", "refunded_instead"):
        assert reason in known


def test_every_reason_that_a_refund_can_have_is_in_its_own_table() -> None:
    assert codes(messages.REFUND_REASONS) == [
        "declined",
        "not_sent",
        "no_such_payment",
        "written_off",
    ]
    for code, _, says, _ in messages.REFUND_REASONS:
        assert ("no money went back" in says) == (code != "written_off")


def test_every_state_that_a_till_can_see_has_its_prompt() -> None:
    prompts = codes(messages.PROMPTS)
    states = [row[3] for row in payment.ROWS] + [row[0] for row in payment.ROWS]
    for state in states:
        assert state in prompts or state in (payment.NEW, "="), state


def test_the_events_are_those_of_the_contract() -> None:
    events = "payment.changed refund.changed job.changed queue.changed device.changed attention gap"
    assert codes(messages.EVENTS) == events.split()


def test_every_method_has_a_role_and_names_each_parameter_once() -> None:
    assert "hello" in codes(messages.METHODS)
    for name, role, params, gives in messages.METHODS:
        assert role in (messages.TILL, messages.ENGINEER, messages.ANY)
        assert len({param[0] for param in params}) == len(params), name
        assert gives


def test_a_description_and_a_reason_may_be_empty() -> None:
    for name, param in (("payment.start", "description"), ("refund.start", "reason")):
        kinds = {each: kind for each, kind, _ in method(name)[2]}
        assert kinds[param] == "text 256 empty"
    assert is_taken("text 256 empty", "")
    assert not is_taken("text 256", "")
