"""The demonstration in the image: the same bytes by both engines as without it, on Slurm too."""

import pytest
from sky_analysis import write_sky_analysis
from test_image import check_containers
from week_analysis import digests, latsky

pytestmark = [pytest.mark.engine, pytest.mark.apptainer, pytest.mark.slurm]

ONE_COMPONENT = """\
coordsys: GAL
E2: {log_emin: 2.5, log_emax: 3.0, enumbins: 3, zmax: 105., psf_types: {PSF123: {hpx_order: 4}}}
"""


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """An hour of the demonstration's sky, one binning component, source maps of every kind."""
    root = tmp_path_factory.mktemp("demo") / "sky"
    analysis = write_sky_analysis(root)
    (root / "config/binning.yaml").write_text(ONE_COMPONENT)
    # jobs as large as the plan makes them
    kept = [line for line in analysis.read_text().splitlines() if "per_job" not in line]
    analysis.write_text("\n".join(line for line in kept if "nsrc" not in line) + "\n")
    return analysis


def run(analysis, name, *options):
    """Products of a run in the directory ``name``, and that directory."""
    out = analysis.parent / name
    result = latsky("run", analysis, "--outdir", out, "--no-report", *options)
    assert result.returncode == 0, result.stderr
    return digests(out), out


def test_products_in_the_image_are_those_without_it(cut, image_cache, slurm):
    plain, _ = run(cut, "plain")
    # four diffuse components, two merged rules, and the single sources in one file
    assert len([name for name in plain if name.startswith("srcmaps_")]) == 7
    in_image, out = run(cut, "in-image", "--container", "apptainer")
    assert in_image == plain
    check_containers(out, image_cache)
    site = cut.parent / "site.yaml"
    site.write_text("partition: test\nmax_cores: 2\n")
    on_slurm, out = run(cut, "on-slurm", "--container", "apptainer", "--slurm", site)
    assert on_slurm == plain
    records = check_containers(out, image_cache)
    logged = (slurm.root / "log" / "jobs.txt").read_text()
    assert all(f"JobId={record['slurm']['SLURM_JOB_ID']} " in logged for record in records)
