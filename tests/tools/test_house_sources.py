"""What the house reads: lock files, and where this machine gets Debian from."""

import json

from tilld_house import locks
from tilld_house.micropython import apt_sources

A, B = "a" * 64, "b" * 64
LOCK = f"Some_Thing==1.2 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\nother==3\n"


def test_a_lock_is_read_with_normal_names_and_all_hashes() -> None:
    assert locks.pins(LOCK) == [locks.Pin("some-thing", "1.2", (A, B)), locks.Pin("other", "3", ())]


def test_the_blocks_of_a_lock_make_the_lock() -> None:
    assert "".join(locks.blocks(LOCK).values()) == LOCK


def test_the_bill_of_materials_names_each_pin_once() -> None:
    bill = json.loads(locks.bill_of_materials(LOCK, "0.1"))
    assert [part["purl"] for part in bill["components"]] == [
        "pkg:pypi/some-thing@1.2",
        "pkg:pypi/other@3",
    ]


def test_apts_paragraphs_are_read() -> None:
    text = """
# a remark
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /some/key.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
    assert list(apt_sources(text)) == [
        ("http://mirror.example/debian", ["bookworm", "bookworm-updates"], ["main", "contrib"]),
        ("http://mirror.example/debian-security", ["bookworm-security"], ["main"]),
    ]


def test_apts_lines_are_read() -> None:
    text = """
#deb http://old.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/some/key.gpg] http://mirror.example/debian bookworm main contrib
deb http://mirror.example/debian-security bookworm-security main
"""
    assert list(apt_sources(text)) == [
        ("http://mirror.example/debian", ["bookworm"], ["main", "contrib"]),
        ("http://mirror.example/debian-security", ["bookworm-security"], ["main"]),
    ]
