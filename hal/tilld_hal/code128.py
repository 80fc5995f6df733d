"""Code 128 as a printer draws it from the data of ``GS k 73`` (ISO/IEC 15417)."""

# Bar and space widths of the values 0-106; 106 is the stop, which has a seventh element.
_ELEMENTS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231"
    "113222123122123221223211221132221231213212223112312131311222321122321221312212322112322211"
    "212123212321232121111323131123131321112313132113132311211313231113231311112133112331132131"
    "113123113321133121313121211331231131213113213311213131311123311321331121312113312311332111"
    "314111221411431111111224111422121124121421141122141221112214112412122114122411142112142211"
    "241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141"
    "214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214"
    "211232"
)
_WIDTHS = [_ELEMENTS[at : at + 6] for at in range(0, len(_ELEMENTS), 6)] + ["2331112"]

_START = {"A": 103, "B": 104, "C": 105}
_SWITCH = {"A": 101, "B": 100, "C": 99}
_STOP = 106


def widths(data: bytes) -> "list[int] | None":
    """Modules of bar, space, bar, ... without quiet zone; None for what no printer would draw.

    ``data`` names its code sets: "{A", "{B", "{C"; a "{" itself is "{{".
    """
    values = _values(data)
    if values is None:
        return None
    check = values[0]
    for at, value in enumerate(values):
        check += at * value
    bars = "".join([_WIDTHS[value] for value in values + [check % 103, _STOP]])
    return [int(width) for width in bars]


def _values(data: bytes) -> "list[int] | None":
    values: "list[int]" = []
    code_set, at = "", 0
    while at < len(data):
        name = chr(data[at + 1]) if data[at : at + 1] == b"{" and at + 1 < len(data) else ""
        if name in _START:
            values.append(_SWITCH[name] if code_set else _START[name])
            code_set, at = name, at + 2
            continue
        value = _value(code_set, data[at])
        if value is None or (data[at : at + 1] == b"{" and name != "{"):
            return None
        values.append(value)
        at += 2 if name == "{" else 1
    return values if len(values) > 1 else None


def _value(code_set: str, byte: int) -> "int | None":
    if code_set == "C":
        return byte if byte < 100 else None
    if code_set == "B":
        return byte - 0x20 if 0x20 <= byte < 0x80 else None
    if code_set == "A":
        return byte - 0x20 if 0x20 <= byte < 0x60 else byte + 0x40 if byte < 0x20 else None
    return None
