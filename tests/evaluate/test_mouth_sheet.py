"""The sheet of an avatar's mouths."""

import numpy as np

from masktalk.evaluate.mouth_sheet import MOUTHS, SheetOptions, mouth_sheet
from masktalk.preparation import prepare


def test_a_sheet_shows_every_mouth_beside_the_avatar_as_it_is(material):
    side = 120
    with prepare(material / "cartoon.png") as avatar:
        picture = mouth_sheet(avatar, SheetOptions(side=side))
    columns = picture.shape[1] // side
    tall = picture.shape[0] // -(-(len(MOUTHS) + 1) // columns)
    assert columns * side == picture.shape[1]
    tiles = [
        picture[row * tall : row * tall + side, column * side : (column + 1) * side].astype(int)
        for row in range(picture.shape[0] // tall)
        for column in range(columns)
    ]
    changes = [np.abs(tile - tiles[0]).mean() for tile in tiles[1 : len(MOUTHS) + 1]]
    wide = list(MOUTHS).index("wide open")
    assert changes[wide] == max(changes)
    assert changes[wide] > 10 * changes[list(MOUTHS).index("rest")]
