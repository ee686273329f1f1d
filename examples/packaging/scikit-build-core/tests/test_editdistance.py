# SPDX-License-Identifier: MIT
from editdistance import distance


def test_distance():
    assert distance("", "") == 0
    assert distance("kitten", "sitting") == 3
    assert distance("kitten", "sitting", replace=2) == 5
    assert distance("größe", "groesse") == 4


if __name__ == "__main__":
    test_distance()
    print("editdistance: ok")
