"""Payment and refund request ids: Antom's idempotency keys (rules.md §6, I12, the seed).

seconds timestamp + terminal number + amount in minor units + terminal serial + 100 random bits.

Letters and digits only: Antom's inquiryRefund refuses special characters (antom-api.md §7), and
every barcode can hold them.  At most 64 characters.  An id is unique by its random bits alone,
so a cleared clock, a reflashed serial or a cloned image cannot repeat one; the other parts are
there because the seed names them and because people read them.
"""

MAX_LENGTH = 64
RANDOM_BYTES = 13  # 104 bits, of which 20 base32 characters carry 100
SERIAL_DIGITS = 8
SERIAL_END: int = 10**SERIAL_DIGITS
SERIAL_JUMP = 1000  # consecutive ids never hold consecutive serials: a step is 2 to 1001
SERIAL_RANDOM_BYTES = 4

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648
_RANDOM_CHARACTERS = 20
_REFUND_MARK = "R"


def make(now_s: int, terminal: str, amount_minor: int, serial: int, random_bytes: bytes) -> str:
    """A payment request id of at most 64 letters and digits.

    ``now_s`` is the best wall time known, ``serial`` a value of ``next_serial``, ``random_bytes``
    at least 13 bytes from the system's generator.  Characters of ``terminal`` other than ASCII
    letters and digits are left out; of a long number the last ones stay (at least ten; 21 with
    an amount of five digits).
    """
    return _make("", now_s, terminal, amount_minor, serial, random_bytes)


def make_refund(
    now_s: int, terminal: str, amount_minor: int, serial: int, random_bytes: bytes
) -> str:
    """A refund request id: as a payment's, with an R before it, for people who see both."""
    return _make(_REFUND_MARK, now_s, terminal, amount_minor, serial, random_bytes)


def next_serial(last: "int | None", random_bytes: bytes) -> int:
    """The serial after ``last``, durable before it is used; None (a new device): a random one.

    ``random_bytes`` are at least 4 bytes.  It jumps by 2 to 1001 and goes round at 8 digits.
    """
    if len(random_bytes) < SERIAL_RANDOM_BYTES:
        raise ValueError("next_serial needs 4 random bytes")
    number: int = int.from_bytes(random_bytes[:SERIAL_RANDOM_BYTES], "big")
    if last is None:
        return number % SERIAL_END
    return (last + 2 + number % SERIAL_JUMP) % SERIAL_END


def _make(
    mark: str, now_s: int, terminal: str, amount_minor: int, serial: int, random_bytes: bytes
) -> str:
    if now_s < 0 or amount_minor <= 0 or not 0 <= serial < SERIAL_END:
        raise ValueError("a request id is made of a time, an amount above 0 and a serial")
    head = f"{mark}{now_s:010d}"
    tail = f"{amount_minor}{serial:08d}{_base32(random_bytes)}"
    room = MAX_LENGTH - len(head) - len(tail)
    number = "".join(c for c in terminal if _is_plain(c))
    if not number or room < 1:
        raise ValueError("a request id needs a terminal number and an amount of 16 digits at most")
    return head + number[-room:] + tail


def _base32(random_bytes: bytes) -> str:
    if len(random_bytes) < RANDOM_BYTES:
        raise ValueError("a request id needs 13 random bytes")
    number = int.from_bytes(random_bytes[:RANDOM_BYTES], "big")
    letters = []
    for _ in range(_RANDOM_CHARACTERS):
        letters.append(_BASE32[number & 31])
        number >>= 5
    return "".join(letters)


def _is_plain(c: str) -> bool:
    return "0" <= c <= "9" or "A" <= c <= "Z" or "a" <= c <= "z"
