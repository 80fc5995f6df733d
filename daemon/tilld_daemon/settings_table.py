"""Every key of tilld.toml in one table: its type, its default, its check and its sentence.

What is not here, and is no setting of a driver, stops the start (design.md §4).
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from tilld_core import limits, money, paycode, receipt
from tilld_daemon import listen_address

REQUIRED = object()  # the default of a key that has none

TEXT = "a text"
NUMBER = "a whole number"
FACTOR = "a number"
TEXTS = "a list of texts"
LINES = "a text or a list of texts"
NUMBERS = "a list of whole numbers"

MODES = ("live", "sandbox", "test")
MODELS = ("direct",)
MODELS_LATER = ("forward", "rest", "switch")
SOCKET_PATH_MAX_BYTES = 107  # sun_path of unix(7), less its NUL

# Known to the design, not built yet: accepting one would promise what does not happen.
LATER = (
    ("upstream", "gateway_id"),
    ("upstream", "identity"),
)

# Sections whose other keys are those of the driver they name, with the driver's default name;
# "" means that the device has none.
DRIVERS = {
    "storage": "linux-file",
    "scanner": "",
    "printer": "",
    "network": "linux",
    "clock": "linux",
}

Check = Callable[[object], str]  # the reason for a refusal, or ""


class Key(NamedTuple):
    section: str
    name: str
    type: str
    default: object
    check: Check
    sentence: str


def _anything(value: object) -> str:
    return ""


def _one_of(*allowed: str) -> Check:
    def check(value: object) -> str:
        return "" if value in allowed else "must be one of " + ", ".join(allowed)

    return check


def _matches(pattern: str, words: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        return "" if compiled.fullmatch(str(value)) else words

    return check


def _between(smallest: int, largest: int) -> Check:
    def check(value: object) -> str:
        assert isinstance(value, int | float)
        return "" if smallest <= value <= largest else f"must be from {smallest} to {largest}"

    return check


def _model(value: object) -> str:
    if value in MODELS_LATER:
        return f"{value} is not in this version"
    return _one_of(*MODELS)(value)


def _short(most: int) -> Check:
    def check(value: object) -> str:
        size = len(str(value))
        return "" if 1 <= size <= most else f"must have 1 to {most} characters"

    return check


def _currency(value: object) -> str:
    known = value == "" or value in money.EXPONENTS
    return "" if known else "must be a currency code of ISO 4217"


def _socket_path(value: object) -> str:
    fits = len(str(value).encode()) <= SOCKET_PATH_MAX_BYTES
    return "" if fits else f"must have at most {SOCKET_PATH_MAX_BYTES} bytes"


def _till_address(value: object) -> str:
    return listen_address.refusal_for_tills(str(value))


def _engineer_address(value: object) -> str:
    return listen_address.refusal_for_engineers(str(value))


def _factor(value: object) -> str:
    assert isinstance(value, int | float)
    return "" if 0 < value <= 1 else "must be above 0 and at most 1"


def _prefixes(value: object) -> str:
    assert isinstance(value, tuple)
    if not value or not all(re.fullmatch("[0-9]{1,8}", prefix) for prefix in value):
        return "must hold at least one prefix, each of 1 to 8 digits"
    return ""


def _lengths(value: object) -> str:
    assert isinstance(value, tuple)
    if len(value) != 2 or not 8 <= value[0] <= value[1] <= 128:
        return "must be the smallest and the largest length, from 8 to 128"
    return ""


def _all_filled(value: object) -> str:
    assert isinstance(value, tuple)
    return "" if all(value) else "must not hold an empty text"


_HTTPS = r"https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"

_FIXED = (
    Key(
        "terminal",
        "number",
        TEXT,
        REQUIRED,
        _matches(
            r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}",
            "must have 1 to 64 letters, digits, dots, dashes or underscores",
        ),
        "the terminal's number: part of every payment request id, sent to Antom, on the receipt",
    ),
    Key(
        "terminal",
        "mode",
        TEXT,
        "live",
        _one_of(*MODES),
        "live, sandbox, or test (which may scale the timers and pays only on loopback)",
    ),
    Key(
        "terminal",
        "timezone",
        TEXT,
        "UTC",
        _matches(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "must be a name like Europe/Berlin"),
        "the shop's time zone by its IANA name, for receipts and times on the socket",
    ),
    Key(
        "merchant",
        "id",
        TEXT,
        REQUIRED,
        _short(64),
        "your id of the merchant (referenceMerchantId)",
    ),
    Key("merchant", "name", TEXT, REQUIRED, _short(256), "the merchant's name"),
    Key(
        "merchant",
        "mcc",
        TEXT,
        REQUIRED,
        _matches("[0-9]{4}", "must have 4 digits"),
        "the merchant category code, 4 digits",
    ),
    Key(
        "merchant",
        "store_id",
        TEXT,
        REQUIRED,
        _short(64),
        "your id of the store (referenceStoreId)",
    ),
    Key("merchant", "store_name", TEXT, REQUIRED, _short(256), "the store's name"),
    Key(
        "merchant",
        "region",
        TEXT,
        "",
        _matches("([A-Z]{2})?", "must have 2 capital letters"),
        "merchantRegion, two letters, where the contract asks for it",
    ),
    Key(
        "till",
        "socket",
        TEXT,
        "/run/tilld/till.sock",
        _socket_path,
        "the Unix socket that tills connect to",
    ),
    Key(
        "till",
        "users",
        TEXTS,
        (),
        _all_filled,
        "users who may be tills, by name or number; without users and groups: tilld's own and root",
    ),
    Key("till", "groups", TEXTS, (), _all_filled, "groups whose members may be tills"),
    Key(
        "till",
        "acknowledge",
        TEXT,
        "explicit",
        _one_of("explicit", "auto"),
        "explicit: the till acknowledges each approval; auto: tilld decides alone, at your risk",
    ),
    Key(
        "till",
        "tcp_listen",
        TEXT,
        "",
        _till_address,
        "ADDRESS:PORT of loopback or the USB network for tills over TLS; empty: none",
    ),
    Key(
        "till",
        "tcp_cert",
        TEXT,
        "",
        _anything,
        "PEM of this terminal's certificate and its key, for tills and engineers over TCP",
    ),
    Key(
        "till",
        "tcp_ca",
        TEXT,
        "",
        _anything,
        "PEM of the store's CA, which signs their certificates; its revocation lists too, if any",
    ),
    Key(
        "engineer",
        "listen",
        TEXT,
        "",
        _engineer_address,
        "ADDRESS:PORT for engineers, announced in the store's network; empty: none",
    ),
    Key(
        "upstream",
        "model",
        TEXT,
        "direct",
        _model,
        "direct: the device signs with the merchant's key and speaks to Antom itself",
    ),
    Key(
        "upstream",
        "url",
        TEXT,
        REQUIRED,
        _matches(_HTTPS, "must be https://HOST or https://HOST:PORT, without path or password"),
        "Antom's gateway for your region; TLS is always verified",
    ),
    Key("upstream", "ca_file", TEXT, "", _anything, "PEM of the CA to trust; empty: the system's"),
    Key("upstream", "client_id", TEXT, REQUIRED, _short(128), "the client id that Antom assigned"),
    Key(
        "upstream",
        "merchant_key_file",
        TEXT,
        REQUIRED,
        _anything,
        "the merchant's RSA private key; signs every request",
    ),
    Key(
        "upstream",
        "antom_key_file",
        TEXT,
        REQUIRED,
        _anything,
        "Antom's RSA public key; verifies every answer",
    ),
    Key(
        "upstream", "key_version", NUMBER, 1, _between(1, 999), "the version of the merchant's key"
    ),
    Key(
        "upstream",
        "agent_token_file",
        TEXT,
        "",
        _anything,
        "a file that holds the agent token (ISV); empty: none",
    ),
    Key(
        "upstream",
        "path_prefix",
        TEXT,
        "",
        _matches(r"(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?", "must begin, and not end, with a slash"),
        "before /v1/payments; empty: /ams/sandbox/api for a client id SANDBOX_…, else /ams/api",
    ),
    Key(
        "upstream",
        "notify_url",
        TEXT,
        "",
        _matches(rf"({_HTTPS}([/?][^\s#]{{0,1900}})?)?", "must be an https URL"),
        "paymentNotifyUrl, if a server of yours receives Antom's notifications",
    ),
    Key(
        "upstream",
        "merchant_account_id",
        TEXT,
        "",
        _matches(".{0,32}", "must have at most 32 characters"),
        "merchantAccountId, where one client id serves several locations",
    ),
    Key(
        "upstream",
        "settlement_currency",
        TEXT,
        "",
        _currency,
        "settlementCurrency, where several are contracted",
    ),
    Key(
        "upstream",
        "f_is_unknown",
        TEXTS,
        (),
        _all_filled,
        "result codes of pay whose F is inquired like U, beside those of rules.md §3",
    ),
)

_SCALED = limits.Timing()

_TIMING = tuple(
    Key(
        "timing",
        name,
        NUMBER,
        getattr(_SCALED, name[:-2] + "_ms") // 1000
        if name.endswith("_s")
        else getattr(_SCALED, name),
        _between(smallest, largest),
        sentence,
    )
    for name, smallest, largest, sentence in limits.NUMBERS
)

_REST = (
    Key(
        "timing",
        "cancel_window_grace_s",
        NUMBER,
        0,
        _between(0, 86400),
        "how long after 00:00 UTC+8 your contract still takes cancels; it only orders attempts",
    ),
    Key(
        "timing",
        "scale",
        FACTOR,
        1,
        _factor,
        "in mode test only: every timer is multiplied by it (0.1 is ten times faster)",
    ),
    Key(
        "code",
        "prefixes",
        TEXTS,
        paycode.PREFIXES,
        _prefixes,
        "the first digits of a payment code",
    ),
    Key(
        "code",
        "lengths",
        NUMBERS,
        paycode.LENGTHS,
        _lengths,
        "the smallest and the largest number of digits of a payment code",
    ),
    Key(
        "code",
        "not_payment",
        TEXTS,
        (),
        _all_filled,
        "first characters of the shop's own cards, which are handed to the till as data",
    ),
    Key(
        "receipt",
        "header",
        LINES,
        (),
        _anything,
        "lines at the top of a receipt; none: the store's name",
    ),
    Key(
        "receipt",
        "footer",
        LINES,
        (),
        _anything,
        "lines at the end of a receipt; not of a slip NOT PAID",
    ),
    Key(
        "receipt",
        "columns",
        NUMBER,
        0,
        lambda value: "" if value == 0 else _between(receipt.COLUMNS_MIN, 80)(value),
        "characters a line, from 16 to 80; 0: what the printer's driver says",
    ),
    Key("receipt", "logo", TEXT, "", _anything, "a PNG of at most 16 KiB at the top; empty: none"),
    Key(
        "receipt",
        "language",
        TEXT,
        "en",
        _one_of(*receipt.LANGUAGES),
        "the language of the receipt's own words",
    ),
    Key("receipt", "copy_text", TEXT, receipt.COPY_TEXT, _short(16), "what heads a reprint"),
)

TABLE: tuple[Key, ...] = _FIXED + _TIMING + _REST
SECTIONS = (
    "terminal",
    "merchant",
    "till",
    "engineer",
    "storage",
    "scanner",
    "printer",
    "network",
    "clock",
    "upstream",
    "timing",
    "code",
    "receipt",
)


def keys_of(section: str) -> tuple[Key, ...]:
    """The rows of one section, in the table's order."""
    return tuple(key for key in TABLE if key.section == section)
