"""A journal that this release can't follow: words and no start, never a traceback."""

from tilld_daemon.store import Store
from tilld_hal import catalogue
from tilld_testkit.comparison import JOURNAL_BYTES
from tilld_testkit.shop import PATIENCE_S, Terminal


def test_a_record_of_a_later_release_stops_the_start_with_words(tmp_path, simulator):
    terminal = Terminal(tmp_path / "device", simulator)
    settings = {"path": str(terminal.folder / "state"), "size": JOURNAL_BYTES}
    storage = catalogue.open_driver("storage", "linux-file", settings)
    store = Store(storage)
    store.recover()
    store.append([["device", "d1"], ["something of tomorrow", 1]])
    storage.close()
    terminal.start_unheard()
    assert terminal.process is not None
    assert terminal.process.wait(PATIENCE_S) == 1
    assert "something of tomorrow" in terminal.log()
    assert "Traceback" not in terminal.log()
    terminal.close()
