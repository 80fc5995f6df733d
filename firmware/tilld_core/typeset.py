"""Lines for a receipt printer: cells, line breaks, rows and amounts, as blocks of `printer.print`.

A *cell* is the width of one Latin letter; East Asian wide letters take two.  Every block made here
is one printed line of at most ``columns`` cells, so that no printer has to break one.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Block = dict[str, Any]
    Style = dict[str, Any]

RULE = "─"  # in every code page of the IBM PC; "-" where tills print the lines themselves
KEPT_SPACE = "\u00a0"  # no line breaks here; it leaves as a space

# How numbers and dates are written: decimal sign, thousands' sign, digits from which thousands are
# set apart, date.
_HABITS = {
    "de": (",", ".", 4, "d.m.y"),
    "en": (".", ",", 4, "y-m-d"),
    "es": (",", ".", 5, "d/m/y"),
    "fr": (",", KEPT_SPACE, 4, "d/m/y"),
    "it": (",", ".", 4, "d/m/y"),
    "ja": (".", ",", 4, "y/m/d"),
    "nl": (",", ".", 4, "d-m-y"),
    "pl": (",", KEPT_SPACE, 5, "d.m.y"),
    "zh": (".", ",", 4, "y-m-d"),
}

# Marks that follow their letter, with the letters that exist as one: printers have only those.
_COMPOSED = {
    "\u0300": ("AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
    "\u0301": ("AEIOUYCNSZaeiouycnsz", "ÁÉÍÓÚÝĆŃŚŹáéíóúýćńśź"),
    "\u0302": ("AEIOUaeiou", "ÂÊÎÔÛâêîôû"),
    "\u0303": ("ANOano", "ÃÑÕãñõ"),
    "\u0307": ("Zz", "Żż"),
    "\u0308": ("AEIOUaeiouy", "ÄËÏÖÜäëïöüÿ"),
    "\u030a": ("AUau", "ÅŮåů"),
    "\u030b": ("OUou", "ŐŰőű"),
    "\u030c": ("CDENRSZcenrsz", "ČĎĚŇŘŠŽčěňřšž"),
    "\u0327": ("CSTcst", "ÇŞŢçşţ"),
    "\u0328": ("AEae", "ĄĘąę"),
}

_NEVER_FIRST = "，。、；：？！）》」』】〉ー々"
"""What no line begins with: it stays with the letter before it."""


def clean(text: str) -> str:
    """The text with every control character, and every character that turns or hides text, as "?".

    Printers obey bytes below 0x20 and 0x7f; some also 0x80 to 0x9f.
    """
    return "".join("?" if _is_control(ord(c)) else c for c in text)


def printable(text: str) -> str:
    """The cleaned text as paper can hold it, a letter a place: marks are joined to their letters;
    a mark without one, and what lies beyond the printers' fonts (emoji), is "?"."""
    shown: "list[str]" = []
    for c in clean(text):
        if c in _COMPOSED and shown and shown[-1] in _COMPOSED[c][0]:
            letters, whole = _COMPOSED[c]
            shown[-1] = whole[letters.index(shown[-1])]
        else:
            shown.append("?" if _is_mark(ord(c)) or ord(c) > 0xFFFF else c)
    return "".join(shown)


def width(text: str) -> int:
    """Printed cells: East Asian wide characters take two."""
    return sum(2 if _is_wide(ord(c)) else 1 for c in text)


def wrap(text: str, columns: int) -> "list[str]":
    """Lines of at most ``columns`` cells, broken at spaces, between wide letters, or inside a word
    that is longer than a line."""
    done: "list[str]" = []
    line = ""
    for chunk, gap in _chunks(text):
        joined = line + gap + chunk if line else chunk
        if width(joined) <= columns:
            line = joined
            continue
        if line:
            done.append(line)
        pieces = cut(chunk, columns)
        done += pieces[:-1]
        line = pieces[-1]
    if line:
        done.append(line)
    return done


def cut(word: str, columns: int) -> "list[str]":
    """The word in pieces of at most ``columns`` cells; nothing is lost or added, no hyphens."""
    pieces = [""]
    for c in word:
        if pieces[-1] and width(pieces[-1] + c) > columns:
            pieces.append("")
        pieces[-1] += c
    return pieces


def identifier(word: str, columns: int) -> "list[Block]":
    """An id in lines of one length, so that no single character is left for the last."""
    shown = printable(word)
    rows = max(1, -(-width(shown) // columns))
    return [text(line) for line in cut(shown, -(-width(shown) // rows))]


def text(line: str, **style: "Any") -> "Block":
    """One line; ``style`` as `printer.print` has it (align, bold, size)."""
    block: "Block" = {"type": "text", "text": line.replace(KEPT_SPACE, " ")}
    block.update(style)
    return block


def centred(texts: "tuple[str, ...]", columns: int, **style: "Any") -> "list[Block]":
    room = columns // style.get("size", 1)
    return [
        text(line, align="center", **style) for one in texts for line in wrap(printable(one), room)
    ]


def big(one: str, columns: int) -> "list[Block]":
    """A heading in letters of double size."""
    return centred((one,), columns, bold=True, size=2)


def headed(texts: "tuple[str, ...]", columns: int) -> "list[Block]":
    """The shop's own lines: its name stands out, in letters as large as the paper has room for."""
    if not texts:
        return []
    name = printable(texts[0])
    if name and width(name) <= columns // 2:
        return big(name, columns) + centred(texts[1:], columns)
    return centred(texts[:1], columns, bold=True) + centred(texts[1:], columns)


def paragraph(one: str, columns: int, **style: "Any") -> "list[Block]":
    return [text(line, **style) for line in wrap(printable(one), columns)]


def row(label: str, value: str, columns: int, **style: "Any") -> "list[Block]":
    """Label left and value right on one line; a value without room there stands right below it."""
    label, value = printable(label), printable(value)
    room = columns // style.get("size", 1)
    space = room - width(label) - width(value)
    if space >= 1:
        return [text(label + " " * space + value, **style)]
    lines = [text(line, **style) for line in wrap(label, room)]
    return lines + [text(" " * (room - width(line)) + line, **style) for line in wrap(value, room)]


def total(label: str, value: str, columns: int) -> "list[Block]":
    """A row that is seen first: in double size, or as large as there is room for."""
    if width(label) + 1 + width(value) <= columns // 2:
        return row(label, value, columns, bold=True, size=2)
    if width(value) <= columns // 2:
        return paragraph(label, columns, bold=True) + row("", value, columns, bold=True, size=2)
    return row(label, value, columns, bold=True)


def rule(columns: int) -> "list[Block]":
    return [text(RULE * columns)]


def stacked(sections: "list[list[Block]]") -> "list[Block]":
    """The sections that are not empty, a blank line between two, and a cut behind them."""
    blocks: "list[Block]" = []
    for section in sections:
        if section:
            blocks += [text("")] + section if blocks else section
    blocks.append({"type": "cut"})
    return blocks


def plain(blocks: "list[Block]", columns: int) -> "list[str]":
    """The blocks as lines of at most ``columns`` cells, for tills that print themselves.

    Letters of double size take two cells on paper and one here, so rows are spread anew.
    """
    shown: "list[str]" = []
    for block in blocks:
        if block["type"] != "text":
            continue
        line = block["text"].replace(RULE, "-")
        missing = columns - width(line)
        if block.get("align") == "center":
            line = " " * (missing // 2) + line
        elif block.get("size") == 2:
            line = _spread(line, missing)
        if line or (shown and shown[-1]):  # one blank line where paper has a picture between two
            shown.append(line)
    return shown if not shown or shown[-1] else shown[:-1]


def amount(shown: str, language: str) -> str:
    """ "1250.00 EUR" (``money.show``) as the language writes it: "1.250,00 EUR"."""
    number, currency = shown.split(" ")
    decimal, thousand, apart_from, _ = _HABITS[language]
    sign = "-" if number.startswith("-") else ""
    whole, _, minor = number[len(sign) :].partition(".")
    if len(whole) >= apart_from:
        first = len(whole) % 3 or 3
        groups = [whole[:first]]
        groups += [whole[at : at + 3] for at in range(first, len(whole), 3)]
        whole = thousand.join(groups)
    return sign + whole + (decimal + minor if minor else "") + KEPT_SPACE + currency


def moment(shown: str, language: str) -> str:
    """ "2026-11-22 23:27:30 +01:00" with its date as the language writes it."""
    date, _, rest = shown.partition(" ")
    year, month, day = date.split("-")
    written = _HABITS[language][3].replace("y", year).replace("m", month).replace("d", day)
    return written + KEPT_SPACE + rest.replace(" ", KEPT_SPACE)


def _spread(line: str, missing: int) -> str:
    """The widest gap of the line takes the cells that are missing."""
    gap = ""
    for spaces in range(len(line), 0, -1):
        if " " * spaces in line:
            gap = " " * spaces
            break
    label, _, value = line.partition(gap) if gap else (line, "", "")
    return label + gap + " " * missing + value if value else line


def _chunks(text: str) -> "list[tuple[str, str]]":
    """(what no line breaks within, the space before it)."""
    chunks: "list[tuple[str, str]]" = []
    for word in text.split(" "):
        gap, piece = " ", ""
        for c in word:
            alone = _is_wide(ord(c)) and c not in _NEVER_FIRST
            if piece and (alone or _is_wide(ord(piece[-1]))) and c not in _NEVER_FIRST:
                chunks.append((piece, gap))
                gap, piece = "", ""
            piece += c
        chunks.append((piece, gap))
    return chunks


def _is_mark(code: int) -> bool:
    """Marks without a width of their own."""
    return (
        0x0300 <= code <= 0x036F
        or 0x0483 <= code <= 0x0489
        or 0x0591 <= code <= 0x05BD
        or 0x064B <= code <= 0x065F
        or code == 0x0E31
        or 0x0E34 <= code <= 0x0E3A
        or 0x0E47 <= code <= 0x0E4E
        or 0x1AB0 <= code <= 0x1AFF
        or 0x1DC0 <= code <= 0x1DFF
        or 0x20D0 <= code <= 0x20FF
        or 0x3099 <= code <= 0x309A
        or 0xFE00 <= code <= 0xFE0F
        or 0xFE20 <= code <= 0xFE2F
    )


def _is_control(code: int) -> bool:
    return (
        code < 0x20
        or 0x7F <= code < 0xA0
        or code == 0xAD  # a hyphen that some print and some don't
        or code == 0x061C
        or 0x200B <= code <= 0x200F  # zero width, left to right marks
        or 0x2028 <= code <= 0x202E  # line and paragraph separators, direction overrides
        or 0x2060 <= code <= 0x206F
        or code == 0xFEFF
        or 0xD800 <= code <= 0xDFFF  # a lone surrogate can't be encoded
        or 0xFFF9 <= code <= 0xFFFF
        or 0xE0000 <= code <= 0xE0FFF  # tags: text that nobody sees
    )


def _is_wide(code: int) -> bool:
    return (
        0x1100 <= code <= 0x115F
        or 0x2E80 <= code <= 0xA4CF
        or 0xAC00 <= code <= 0xD7A3
        or 0xF900 <= code <= 0xFAFF
        or 0xFE30 <= code <= 0xFE6F
        or 0xFF00 <= code <= 0xFF60
        or 0xFFE0 <= code <= 0xFFE6
        or 0x1F300 <= code <= 0x1FAFF
        or 0x20000 <= code <= 0x3FFFD
    )
