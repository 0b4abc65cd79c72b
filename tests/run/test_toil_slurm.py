"""What squeue says of the end of a job, as Toil wants to hear it."""

import pytest

from latsky.run.toil_slurm import exit_status


@pytest.mark.parametrize(
    ("code", "status"),
    [("0", 0), ("768", 3), ("9", 137), ("15", 143), ("0:0", 0), ("3:0", 3), ("0:9", 137)],
)
def test_exit_status(code, status):
    """As scontrol of Slurm 22.05 wrote 0:0, 3:0, 0:9 and 0:15 where squeue wrote the numbers."""
    assert exit_status(code) == status
