"""Describing and reading spacecraft files."""

import numpy as np
import pytest

from latsky.errors import InputError
from latsky.fits import spacecraft


def test_description(make_spacecraft):
    found = spacecraft.describe(make_spacecraft())
    assert len(found) == 12
    assert found.stated_span == (900, 2100)
    rows = next(spacecraft.chunks(found))
    assert spacecraft.spans(found, rows)[1].tolist() == [1000, 1100]
    assert found.values("in_saa", rows).tolist() == [False] * 12


@pytest.mark.parametrize("name", ["sc.fits", "sc.fits.gz"])
@pytest.mark.parametrize("since", [-np.inf, 0.0, 999.9, 1000.0, 1550.0, 2099.0, 2100.0, 1e9])
@pytest.mark.parametrize("size", [1, 5, 100])
def test_entering_a_file_at_a_time(make_spacecraft, name, since, size):
    found = spacecraft.describe(make_spacecraft(name))
    times = [spacecraft.spans(found, rows) for rows in spacecraft.chunks(found, size, since)]
    starts = np.concatenate([np.empty((0, 2)), *times])
    wanted = np.arange(900.0, 2100.0, 100.0)
    wanted = wanted[wanted + 100 > since]
    # nothing wanted is missing; a plain file gives nothing else
    assert set(wanted) <= set(starts[:, 0])
    if not name.endswith(".gz"):
        assert starts[:, 0].tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leave_out": ("START",)}, "spacecraft.fits: START: no column START in SC_DATA"),
        ({"units": {"STOP": "d"}}, "spacecraft.fits: STOP: unit 'd' is not seconds"),
    ],
)
def test_bad_files(make_spacecraft, changes, message):
    with pytest.raises(InputError) as caught:
        spacecraft.describe(make_spacecraft(**changes))
    assert str(caught.value).endswith(message)


def test_other_columns_can_be_required(make_spacecraft):
    path = make_spacecraft(leave_out=("LIVETIME",))
    with pytest.raises(InputError, match="no column LIVETIME"):
        spacecraft.describe(path, required=("START", "LIVETIME"))
    with pytest.raises(InputError, match="no HDU OTHER"):
        spacecraft.describe(path, "OTHER")
