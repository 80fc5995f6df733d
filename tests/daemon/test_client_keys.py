"""Where a till's keys are kept: what `remember` returned for is there, whatever ends the till."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tilld_client import KeyFolder, new_key

DAEMON = Path(__file__).parents[2] / "daemon"
BODY = {"method": "payment.start", "params": {"order_ref": "A-1"}}

REMEMBER_AND_WAIT = """
import sys
from tilld_client import KeyFolder
store = KeyFolder(sys.argv[1])
store.remember(sys.argv[2], {"method": "payment.start", "params": {"order_ref": "A-1"}})
print("remembered", flush=True)
sys.stdin.read()
"""


def another_process(folder, key):
    """A till that has remembered a key, and lives until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", REMEMBER_AND_WAIT, str(folder), key],
        env={"PYTHONPATH": str(DAEMON)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "remembered\n"
    return process


def ended(process):
    process.kill()
    process.communicate(timeout=20)


def test_what_was_remembered_is_unfinished_until_it_is_settled(tmp_path):
    first, second = new_key(), new_key()
    store = KeyFolder(tmp_path / "keys")
    assert store.unfinished() == []
    store.remember(first, BODY)
    store.remember(second, BODY)
    assert store.unfinished() == [(first, BODY), (second, BODY)]
    store.settle(first)
    assert store.unfinished() == [(second, BODY)]
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{second}.json"]


def test_a_till_that_was_killed_left_its_keys(tmp_path):
    key = new_key()
    ended(another_process(tmp_path, key))
    assert KeyFolder(tmp_path).unfinished() == [(key, BODY)]


def test_the_key_of_a_living_till_is_left_to_it(tmp_path):
    key = new_key()
    other = another_process(tmp_path, key)
    store = KeyFolder(tmp_path)
    assert store.unfinished() == []
    assert store.remembered() == [key]
    with pytest.raises(BlockingIOError):
        store.remember(key, BODY)
    ended(other)
    assert store.unfinished() == [(key, BODY)]


def test_a_folder_that_was_closed_leaves_its_keys_to_others(tmp_path):
    key = new_key()
    store, other = KeyFolder(tmp_path), KeyFolder(tmp_path)
    store.remember(key, BODY)
    assert other.unfinished() == []
    store.close()
    assert other.unfinished() == [(key, BODY)]


def test_a_key_stands_for_one_body(tmp_path):
    key = new_key()
    store = KeyFolder(tmp_path)
    store.remember(key, BODY)
    store.remember(key, BODY)
    with pytest.raises(ValueError, match="something else"):
        store.remember(key, {**BODY, "params": {"order_ref": "A-2"}})
    assert store.unfinished() == [(key, BODY)]


def test_a_key_may_be_any_that_the_terminal_takes(tmp_path):
    key = "../~/% a key.json".replace(" ", "_")
    store = KeyFolder(tmp_path / "keys")
    store.remember(key, BODY)
    assert store.unfinished() == [(key, BODY)]
    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / "keys"]


def test_only_the_tills_user_may_read_a_key(tmp_path):
    store = KeyFolder(tmp_path / "keys")
    store.remember(new_key(), BODY)
    (path,) = (tmp_path / "keys").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(path.read_text()) == BODY


def test_a_key_that_is_settled_while_the_folder_is_read_is_left_out(tmp_path):
    """Stood in for by a name whose file is gone already."""
    key = new_key()
    store = KeyFolder(tmp_path)
    store.remember(key, BODY)
    (tmp_path / f"{new_key()}.json").symlink_to(tmp_path / "gone")
    assert store.unfinished() == [(key, BODY)]
