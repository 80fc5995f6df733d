"""An mDNS peer that shares no code with ours: avahi-daemon in a namespace, with a bus of its own.

What it says comes as lines of its own tools, and is waited for, not asked for again and again.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tilld_testkit.namespaces import Host

PATIENCE_S = 20.0

_BUS = """<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/>
<allow own="*"/><allow user="*"/></policy></busconfig>
"""
_DAEMON = """[server]
host-name=storeserver
use-ipv4=yes
use-ipv6=no
[publish]
publish-workstation=no
"""


class Found(NamedTuple):
    """A service as avahi-browse has resolved it."""

    name: str
    host: str
    address: str
    port: int
    txt: dict[str, str]


class Lines:
    """A process and the lines it writes."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._rest = b""
        self.heard: list[str] = []

    def until(self, fits: Callable[[str], bool]) -> str:
        """The next line that fits; those before it are passed over."""
        ends_s = time.monotonic() + PATIENCE_S
        while True:
            line = self._line(ends_s)
            self.heard.append(line)
            if fits(line):
                return line

    def _line(self, ends_s: float) -> str:
        while b"\n" not in self._rest:
            if not select.select([self._output], [], [], max(0.0, ends_s - time.monotonic()))[0]:
                raise AssertionError(f"it does not say that: {self.heard}")
            data = os.read(self._output, 65536)
            if not data:
                raise AssertionError(f"it has ended: {self.heard}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Avahi:
    """The daemon and its tools, in ``host``. ``folder`` has a short path: a socket is in it.

    Its processes end with ``ends``."""

    def __init__(self, host: Host, folder: Path, ends: contextlib.ExitStack) -> None:
        self._host = host
        bus = folder / "bus"
        (folder / "bus.conf").write_text(_BUS.format(path=bus))
        (folder / "avahi.conf").write_text(_DAEMON)
        self._environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
        self._ends = ends
        self._started(
            ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address=1"]
        ).until(lambda line: "unix:path" in line)
        # its pid file has a fixed place, so it gets a /run of its own
        daemon = (
            "mount -t tmpfs none /run && exec avahi-daemon --no-drop-root --no-rlimits"
            f" --no-chroot -f {folder / 'avahi.conf'}"
        )
        self._started([*host.before, "unshare", "--mount", "sh", "-c", daemon]).until(
            lambda line: "startup complete" in line
        )

    @contextlib.contextmanager
    def publishing(self, name: str, kind: str, port: int, *txt: str) -> Iterator[None]:
        """Announces a service, and says goodbye at the end."""
        command = [*self._host.before, "avahi-publish", "-s", name, kind, str(port), *txt]
        lines = Lines(command, self._environment)
        try:
            lines.until(lambda line: "Established" in line)
            yield
        finally:
            lines.end()

    def found(self, kind: str, **txt: str) -> Found:
        """A service whose TXT record has all of these. avahi-browse looks for a second and ends;
        it looks again until it has found one."""
        command = [*self._host.before, "avahi-browse", "-rtp", kind]
        ends_s = time.monotonic() + PATIENCE_S
        seen = ""
        while time.monotonic() < ends_s:
            seen = subprocess.run(
                command,
                env={**os.environ, **self._environment},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=PATIENCE_S,
            ).stdout
            for line in seen.splitlines():
                found = _found(line) if line.startswith("=") else None
                if found is not None and txt.items() <= found.txt.items():
                    return found
        raise AssertionError(f"avahi finds no such service: {seen}")

    @contextlib.contextmanager
    def browsing(self, kind: str) -> Iterator[Browser]:
        """Hears of services of a kind that come and go."""
        command = [*self._host.before, "stdbuf", "-oL", "avahi-browse", "-p", kind]
        lines = Lines(command, self._environment)
        try:
            yield Browser(lines)
        finally:
            lines.end()

    def _started(self, command: list[str]) -> Lines:
        lines = Lines(command, self._environment)
        self._ends.callback(lines.end)
        return lines


class Browser:
    """What avahi-browse says."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def comes(self, name: str) -> None:
        """Returns when that service has come."""
        self._lines.until(lambda line: line.startswith("+") and name in line)

    def goes(self, name: str) -> None:
        """Returns when that service has gone."""
        self._lines.until(lambda line: line.startswith("-") and name in line)


def _found(line: str) -> Found:
    cells = line.split(";", 9)
    pairs = [pair.strip('"').partition("=") for pair in cells[9].split('" "')]
    txt = {key: value for key, _, value in pairs}
    return Found(cells[3], cells[6], cells[7], int(cells[8]), txt)


@contextlib.contextmanager
def avahi(host: Host, folder: Path) -> Iterator[Avahi]:
    """There until the end of the block, and nothing of it after that, however it ends."""
    with contextlib.ExitStack() as ends:
        yield Avahi(host, folder, ends)
