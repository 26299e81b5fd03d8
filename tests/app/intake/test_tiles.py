"""The parts of an image."""

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.intake.tiles import TILES, tiles_of


@given(st.integers(1, 300), st.integers(1, 300))
def test_the_tiles_are_four_corners_that_cover_the_image(width: int, height: int) -> None:
    image = Image.new("L", (width, height), 0)
    tiles = tiles_of(image)
    assert len(tiles) == TILES
    assert len({tile.size for tile in tiles}) == 1
    assert 2 * tiles[0].width >= width
    assert 2 * tiles[0].height >= height


def test_each_tile_is_its_corner() -> None:
    image = Image.new("L", (10, 10), 0)
    image.putpixel((9, 0), 255)
    bright = [tile.getextrema()[1] == 255 for tile in tiles_of(image)]
    assert bright == [False, True, False, False]
