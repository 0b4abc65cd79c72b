"""``latsky demo`` and the analysis that it makes."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from latsky.cli import main
from latsky.config.analysis import read_analysis
from latsky.demo.make import Settings, settings_of
from latsky.job_order import job_order


def test_made_once_then_left_alone(tmp_path, capsys):
    place = tmp_path / "demo"
    arguments = ["demo", str(place), "--days", "0.1", "--event-files", "2"]
    assert main(arguments) == 0
    assert "events of 43 sources" in capsys.readouterr().out
    assert settings_of(place) == Settings(days=0.1, seed=1, event_files=2)
    stamp = (place / "truth.json").stat().st_mtime_ns
    assert main(arguments) == 0
    assert "there already" in capsys.readouterr().out
    assert (place / "truth.json").stat().st_mtime_ns == stamp
    assert main([*arguments, "--seed", "2"]) == 2
    error = capsys.readouterr().err
    assert "other settings" in error and "--clobber" in error
    assert main([*arguments, "--seed", "2", "--clobber"]) == 0
    assert settings_of(place).seed == 2


def test_one_that_was_interrupted_is_made_again(tmp_path, monkeypatch):
    place = tmp_path / "demo"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("latsky.demo.make.simulate", killed)
        assert main(["demo", str(place), "--days", "0.1"]) == 130
    assert settings_of(place) is None and (place / "gasmap").is_dir()
    assert main(["demo", str(place), "--days", "0.1"]) == 0
    assert settings_of(place) == Settings(days=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--days", "0"], "between 0.05 and 60"),
        (["--seed", "-1"], "seed"),
        (["--event-files", "0"], "event files"),
    ],
)
def test_settings_out_of_range(tmp_path, capsys, arguments, message):
    assert main(["demo", str(tmp_path / "demo"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_a_directory_with_other_files_is_not_touched(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    assert main(["demo", str(tmp_path), "--days", "0.1"]) == 2
    assert "something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert main(["demo", str(tmp_path / "mine.txt")]) == 2


def test_analysis_has_nothing_to_complain_about(demo):
    analysis = read_analysis(demo / "analysis.yaml")
    assert analysis.warnings == ()
    assert len(analysis.event_files) == 3 and len(analysis.spacecraft_files) == 2
    assert analysis.caldb == demo / "caldb"
    assert main(["check", str(demo / "analysis.yaml")]) == 0


def test_job_order_for_cwltool_is_that_of_the_analysis(tmp_path):
    """jobs/demo.yml names the files that ``latsky demo demo`` makes beside it."""
    assert main(["demo", str(tmp_path / "demo"), "--days", "0.1"]) == 0
    expected = job_order(read_analysis(tmp_path / "demo/analysis.yaml"))
    written = YAML(typ="safe").load(Path(__file__).parents[2] / "jobs/demo.yml")
    jobs = tmp_path / "jobs"

    def located(value):
        if isinstance(value, list):
            return [located(entry) for entry in value]
        if isinstance(value, dict) and "path" in value:
            return {**value, "path": str(Path(jobs, value["path"]).resolve())}
        return value

    assert {name: located(value) for name, value in written.items()} == expected
