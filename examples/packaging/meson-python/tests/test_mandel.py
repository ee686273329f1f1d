# SPDX-License-Identifier: MIT
import mandel


def test_points():
    # 0 and -1 stay, 1 leaves with its third step: 0, 1, 2, 5.
    (row,) = mandel.rows(-1.0, 0.0, 1.0, columns=3, lines=1, limit=50)
    assert row == [50, 50, 3]


def test_picture():
    lines = mandel.picture(60, 20).split("\n")
    assert len(lines) == 20 and {len(line) for line in lines} == {60}
    assert lines[10][30] == "@"


if __name__ == "__main__":
    test_points()
    test_picture()
    print(mandel.picture())
    print("mandel: ok")
