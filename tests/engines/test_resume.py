"""``latsky resume``: finished work is taken over, edited work done again."""

import pytest
from week_analysis import digests, latsky

from latsky.provenance.recorder import read

pytestmark = [pytest.mark.reference, pytest.mark.engine]


def tools(directory, kind):
    """Tools of the jobs of one kind, sorted."""
    records = read(directory / "records", (kind,))
    return sorted(record["tool"].rpartition("/")[2].partition(".")[0] for record in records)


def test_resume(small_analysis):
    out = small_analysis.parent / "resumed"
    first = latsky("run", small_analysis, "--outdir", out, "--no-plots")
    assert first.returncode == 0, first.stderr
    made, ran = digests(out), tools(out, "command")
    assert len(ran) > 10 and not tools(out, "cached")

    again = latsky("resume", out)
    assert again.returncode == 0, again.stderr
    assert digests(out) == made
    assert not tools(out, "command")
    assert tools(out, "cached") == ran

    binning = small_analysis.parent / "binning.yaml"
    text = binning.read_text()
    binning.write_text(text.replace("hpx_order: 4", "hpx_order: 3"))
    try:
        edited = latsky("resume", out)
    finally:
        binning.write_text(text)
    assert edited.returncode == 0, edited.stderr
    done = tools(out, "command")
    assert {"plan", "gtbin", "coadd", "gtexpcube2"} <= set(done)
    # what a map's order does not change
    assert not {"match-spacecraft", "gtselect", "gtmktime", "gtltcube", "gtltsum"} & set(done)
    assert digests(out) != made
