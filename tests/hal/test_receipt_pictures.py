"""daemon/RECEIPTS.md shows what is printed today."""

import re

import pytest
import zxingcpp
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngImageFile

from tilld_core import receipt
from tilld_testkit import receipt_pictures
from tilld_testkit.receipt_pictures import FOLDER, LINES, PAGE, PICTURES

DRAW_AGAIN = "run: python -m tilld_testkit.receipt_pictures"
DIFFERING_OF_INK = 0.25  # another version of the font's drawer sets some dots of each letter


def ink(image: Image.Image) -> int:
    return image.convert("L").histogram()[0]


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_the_picture_is_what_is_printed_today(name: str) -> None:
    now = receipt_pictures.drawn(PICTURES[name])
    assert now.unknown == []
    with Image.open(FOLDER / f"{name}.png") as kept:
        assert isinstance(kept, PngImageFile)
        assert kept.text[LINES].split("\n") == now.lines, DRAW_AGAIN
        assert kept.size == now.image.size, DRAW_AGAIN
        differing = ImageChops.logical_xor(kept.convert("1"), now.image)
        assert differing.convert("L").histogram()[255] <= DIFFERING_OF_INK * ink(now.image)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_the_code_in_the_picture_can_be_scanned(name: str) -> None:
    with Image.open(FOLDER / f"{name}.png") as kept:
        found = [code.text for code in zxingcpp.read_barcodes(kept.convert("L"))]
    assert found == [code for code in (PICTURES[name].code,) if code]


def test_the_page_shows_every_picture_by_its_name() -> None:
    shown = re.findall(r"!\[([^]]+)\]\(pictures/(\w+)\.png\)", PAGE.read_text("utf-8"))
    assert sorted((name, what) for what, name in shown) == sorted(
        (name, picture.what) for name, picture in PICTURES.items()
    )
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(PICTURES)


def test_the_page_names_every_language() -> None:
    (listed,) = re.findall(r"<!-- languages -->(.*)<!-- end -->", PAGE.read_text("utf-8"))
    assert tuple(re.findall(r"`(\w+)`", listed)) == receipt.LANGUAGES


def test_pictures_are_small() -> None:
    assert all(path.stat().st_size < 16_384 for path in FOLDER.iterdir())
