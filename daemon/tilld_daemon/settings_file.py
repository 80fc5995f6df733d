"""The settings file as text and as tables, and where in it a fault stands."""

import re
import tomllib

SIZE_MAX = 256 * 1024  # a settings file is a page or two; anything larger is another file

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_SYNTAX = re.compile(r"(.*) \(at line (\d+), column \d+\)$")


class SettingsError(Exception):
    """The settings cannot be used; shown as ``FILE:LINE: [section] key: reason``.

    ``line`` counts from 1 and is 0 where the file itself cannot be read; ``section`` and ``key``
    are "" where the fault belongs to none.
    """

    def __init__(self, file: str, line: int, section: str, key: str, reason: str) -> None:
        self.file = file
        self.line = line
        self.section = section
        self.key = key
        self.reason = reason
        place = f"{file}:{line}" if line else file
        about = f"[{section}] " if section else ""
        about += f"{key}: " if key else ""
        super().__init__(f"{place}: {about}{reason}")


class SettingsFile:
    """One file that was read: ``tables`` is section -> key -> value as TOML gives them."""

    def __init__(self, path: str) -> None:
        """Reads and parses; SettingsError for a missing, unreadable or malformed file."""
        self.path = path
        self.text = self._read()
        self.tables = self._parse()

    def fault(self, section: str, key: str, reason: str) -> SettingsError:
        """The error to raise, with the line of the key, else of its section, else the last line."""
        return SettingsError(self.path, self.line_of(section, key), section, key, reason)

    def line_of(self, section: str, key: str) -> int:
        """Where ``key`` of ``section`` is set; where the section begins; or the file's last line.

        Settings are one table deep, so a line is either a header, a key of the last header, or a
        dotted key before the first one.
        """
        name = re.escape(key)
        wanted = re.compile(rf"""\s*["']?{name}["']?\s*[=.]""")
        dotted = re.compile(rf"""\s*["']?{re.escape(section)}["']?\s*[.=].*""")
        here, found = "", 0
        lines = self.text.split("\n")
        for number, line in enumerate(lines, start=1):
            header = _HEADER.match(line)
            if header:
                here = header.group(1).strip("\"'")
                found = found or (number if here == section else 0)
            elif key and here == section and wanted.match(line):
                return number
            elif not here and dotted.match(line):
                found = number if not key or name in line else found or number
        return found or max(1, len(self.text.rstrip("\n").split("\n")))

    def _read(self) -> str:
        try:
            with open(self.path, "rb") as file:
                raw = file.read(SIZE_MAX + 1)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            raise SettingsError(self.path, 0, "", "", reason) from error
        if len(raw) > SIZE_MAX:
            raise SettingsError(self.path, 0, "", "", f"larger than {SIZE_MAX} bytes")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise SettingsError(self.path, line, "", "", "not UTF-8 text") from error

    def _parse(self) -> "dict[str, dict[str, object]]":
        try:
            tables = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            found = _SYNTAX.match(str(error))
            reason = found.group(1) if found else str(error)
            if reason == "Cannot overwrite a value":
                reason = "this key stands twice in its section"
            line = int(found.group(2)) if found else self.text.rstrip("\n").count("\n") + 1
            raise SettingsError(self.path, line, "", "", f"not TOML: {reason}") from error
        for section, table in tables.items():
            if not isinstance(table, dict):
                raise self.fault(section, "", "must be a section, like [terminal]")
        return tables
