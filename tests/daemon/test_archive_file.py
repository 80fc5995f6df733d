"""The archive's own file: what it keeps, how it is made, and whose it is."""

import pytest

from tilld_core import packing
from tilld_daemon.archive import ArchiveDamaged, Kept, Row, open_archive, packed

NOW_S = 1795390000


def a_row(number, kind="payment", at_s=NOW_S):
    name = f"{kind}{number}"
    said = packed([[name]])
    return Row(
        name, name, kind, f"k{name}", "", "", number, at_s, 1, 1, 0, "paid", "", "EUR", 1, said
    )


def test_what_need_not_be_kept_goes_and_its_keys_with_it(tmp_path):
    archive = open_archive(str(tmp_path), "", 0, "n1")
    rows = [a_row(number) for number in range(20)]
    archive.put(rows, Kept(10, 10, NOW_S + 1))
    assert archive.find(["kpayment9", "payment9"]) == []
    assert [one.id for one in archive.find(["kpayment10"])] == ["payment10"]
    archive.put([a_row(30)], Kept(10, 10, NOW_S))  # young ones stay, however many
    assert [one.id for one in archive.find(["payment10"])] == ["payment10"]
    archive.close()


def test_an_archive_of_another_device_is_refused(tmp_path):
    open_archive(str(tmp_path), "", 0, "n1").close()
    with pytest.raises(ArchiveDamaged, match="another device"):
        open_archive(str(tmp_path), "n2", 0, "n3")


def test_an_unfinished_archive_is_made_anew(tmp_path):
    (tmp_path / "archive.new").write_bytes(b"half of it")
    archive = open_archive(str(tmp_path), "", 0, "n1")
    assert archive.put([a_row(1)], Kept(10, 10, 0)) == 1
    archive.close()
    assert open_archive(str(tmp_path), "n1", 1, "n2").batches == 1
    assert packing.unpack(packed([["a"]])[4:]) == [["a"]]
