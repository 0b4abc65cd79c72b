"""Why a command failed."""

import pytest

from latsky.run.causes import cause


@pytest.mark.parametrize(
    ("code", "seconds", "limit", "words", "expected"),
    [
        (-15, 600.01, 600, "", "time"),
        (143, 599.99, 600, "", "time"),
        (1, 5.0, 600, "", None),
        (1, 5.0, None, "gtbin: error: no such column", None),
        (0, 700.0, 600, "", None),
        (-9, 5.0, 600, "", "memory"),
        (137, 5.0, None, "", "memory"),
        (1, 5.0, 600, "numpy: Unable to allocate 3.00 GiB for an array with shape (1,)", "memory"),
        (134, 5.0, 600, "terminate called after throwing 'std::bad_alloc'", "memory"),
    ],
)
def test_causes(tmp_path, code, seconds, limit, words, expected):
    log = tmp_path / "log"
    log.write_text(f"{'x' * 100}\n{words}\n")
    assert cause(code, seconds, limit, log) == expected


def test_a_command_that_wrote_nothing(tmp_path):
    assert cause(1, 5.0, None, tmp_path / "missing") is None
