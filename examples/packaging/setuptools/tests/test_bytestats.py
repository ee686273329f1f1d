# SPDX-License-Identifier: MIT
from bytestats import ByteStats


def test_counts():
    stats = ByteStats(b"aab")
    stats.add(bytearray(b"b"))
    assert len(stats) == 4
    assert stats[ord("a")] == stats[ord("b")] == 2
    assert stats[ord("c")] == 0
    assert stats.entropy() == 1.0


def test_bounds():
    try:
        ByteStats()[256]
    except IndexError as error:
        assert "0 to 255" in str(error)
    else:
        raise AssertionError("no IndexError")


if __name__ == "__main__":
    test_counts()
    test_bounds()
    print("bytestats: ok")
