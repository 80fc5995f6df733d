"""Memory that only loading needed is given back, and nothing that is ours."""

import subprocess
import sys

from tilld_daemon.memory import SETTLED_AFTER_S, _clean, _Look
from tilld_testkit.shop import SOURCES

MAPPINGS = """\
55d0c0000000-55d0c0001000 r-xp 00000000 08:01 11  /usr/bin/clean
Rss:                   4 kB
Anonymous:             0 kB
55d0c0002000-55d0c0004000 r--p 00002000 08:01 11  /usr/lib/relocated.so
Rss:                   8 kB
Anonymous:             4 kB
55d0c0005000-55d0c0006000 rw-p 00003000 08:01 11  /usr/lib/data.so
Rss:                   4 kB
Anonymous:             0 kB
55d0c0007000-55d0c0008000 r--p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             0 kB
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                          [vdso]
Rss:                   4 kB
Anonymous:             0 kB
7f0000000000-7f0000003000 r--p 00000000 08:01 12  /usr/share/a name with spaces
Rss:                  12 kB
Anonymous:             0 kB
"""

LIFE = """
import ssl, sqlite3, json
from tilld_daemon import memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

memory.SETTLED_AFTER_S = 0
memory.give_back()
before = resident()
memory.give_back()
after = resident()
ssl.create_default_context()
sqlite3.connect(":memory:").execute("select 1").fetchall()
print(json.dumps([before, after]))
"""


def test_only_pages_of_files_that_nobody_has_written_are_dropped():
    assert _clean(MAPPINGS) == [(0x55D0C0000000, 0x1000), (0x7F0000000000, 0x3000)]


def test_a_process_goes_on_as_before_with_less_memory():
    told = subprocess.run(
        [sys.executable, "-c", LIFE],
        env={"PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    before, after = (int(number) for number in told.stdout.strip("[]\n").split(","))
    assert after < before


def test_a_library_that_may_still_be_loading_is_not_touched():
    look = _Look()
    assert look.settled([(1, 4096)]) == []  # nobody knows how long it has been there
    assert look.settled([(1, 4096)]) == []  # a moment ago it was being loaded, perhaps
    look.at_s -= SETTLED_AFTER_S
    assert look.settled([(1, 4096), (2, 4096)]) == [(1, 4096)]
