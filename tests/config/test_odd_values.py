"""Whatever stands in a configuration file, a mistake is told as one: never a traceback."""

import pytest
from fermipy_samples import BINNING, CATALOG, DATASET, LIBRARY, RINGS

from latsky.config.binning import read_binning
from latsky.config.catalog_parts import read_catalog_file
from latsky.config.dataset import read_dataset
from latsky.config.document import read_yaml
from latsky.config.file_lists import Directories
from latsky.config.library import read_library
from latsky.config.rings import read_rings
from latsky.config.time_filters import read_time_filters
from latsky.errors import InputError, InputErrors

FILTERS = "aliases :\n  q : DATA_QUAL>0\nselections :\n  a : '{q}'\n"
READERS = {
    "binning": (BINNING, read_binning),
    "dataset": (DATASET, read_dataset),
    "filters": (FILTERS, read_time_filters),
    "rings": (RINGS, lambda path: read_rings(read_yaml(path), "x")),
    "catalog": (CATALOG, lambda path: read_catalog_file(read_yaml(path))),
    "library": (LIBRARY, lambda path: read_library(path, Directories((path.parent,)))),
}
ODD = (
    "null",
    "[]",
    "{a: 1}",
    "-1",
    ".inf",
    "[1, [a]]",
    "'a/b {'",
    "&x [*x]",
    "!tag y",
    "2020-01-01",
)


@pytest.mark.parametrize("name", READERS)
def test_odd_values(name, tmp_path):
    text, read = READERS[name]
    lines = text.splitlines()
    # the samples repeat themselves below
    for number in range(min(len(lines), 9)):
        for odd in ODD:
            changed = [*lines]
            changed[number] = f"{lines[number].partition(':')[0]}: {odd}"
            path = tmp_path / "file.yaml"
            path.write_text("\n".join(changed) + "\n")
            try:
                read(path)
            except (InputError, InputErrors) as error:
                for line in str(error).splitlines():
                    assert line.startswith(str(tmp_path)), line
