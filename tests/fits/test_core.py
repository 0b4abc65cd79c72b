"""Reading and writing FITS, against astropy."""

import gzip
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from latsky.errors import InputError
from latsky.fits.core import (
    Column,
    FitsFile,
    FitsWriter,
    Header,
    add_checksum,
    conform,
    parse_header,
    read_header,
    read_table,
    stack_rows,
    take_rows,
    without_directories,
)

VALUES = [
    ("TRUE", True),
    ("FALSE", False),
    ("INT", -42),
    ("LARGE", 2**62),
    ("FLOAT", 0.1),
    ("WHOLE", 51910.0),
    ("TINY", 5e-324),
    ("HUGE", 1.7976931348623157e308),
    ("ROUND", 1e16),
    ("THIRD", -1 / 3),
    ("STRING", "text"),
    ("EMPTY", ""),
    ("QUOTE", "it's 'quoted'"),
    ("SLASH", "a / b"),
    ("EDGE", "x" * 68),
    ("LONG", "0123456789" * 20),
    ("QUOTES", "'" * 100),
    ("LONGMIX", "it's long & " * 20 + "done"),
    ("COORDTYPE", "GAL"),
    ("UNDEF", None),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.fits"


def header_of(cards):
    return Header([(key, value, "") for key, value in cards])


def test_keywords_are_read_by_astropy_and_back(path):
    with FitsWriter(path) as writer:
        writer.primary(header_of(VALUES))
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        header = hdus[0].header
        for key, value in VALUES:
            if value is None:
                assert header[key] is None
            else:
                assert header[key] == value, key
                assert type(header[key]) is type(value)
    ours = read_header(path)
    for key, value in VALUES:
        assert ours[key] == value, key
        assert type(ours[key]) is type(value)


def test_keywords_written_by_astropy(path):
    hdu = fits.PrimaryHDU()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, value in VALUES:
            hdu.header[key] = (value, "a comment")
        hdu.header["COMMENT"] = "one"
        hdu.header["HISTORY"] = "two"
        hdu.writeto(path)
    ours, theirs = read_header(path), fits.getheader(path)
    for key, value in VALUES:
        if key == "QUOTES":
            continue  # astropy parts doubled quotes between two cards
        # astropy writes floats to 14 digits
        assert ours[key] == (value if value is None else theirs[key]), key
    assert ours.comment("INT") == "a comment"
    assert ours.history() == ["two"]


def test_headers_are_parsed_as_the_standard_allows():
    cards = [
        "A       =                    1 / comment",
        "B       =1.5D2",
        "B       = 1.5D2",
        "C       = 'it''s' / with ' quote",
        "D       = 'half",
        "E       = 'one&' / first",
        "CONTINUE  ' two&'",
        "CONTINUE  '' / last",
        "F       = 'ends in &'",
        "COMMENT = 'not a value'",
        "        blank",
        "G       =",
        "G       = ",
    ]
    header = parse_header("".join(card.ljust(80) for card in cards))
    found = {key: header[key] for key in "ABCDEFG" if key in header}
    assert found == {
        "A": 1,
        "B": 150.0,
        "C": "it's",
        "D": "half",
        "E": "one two",
        "F": "ends in &",
        "G": None,
    }
    assert header.comment("E") == "last"


def test_header_as_an_ordered_dictionary():
    header = Header([("a", 1, "one"), ("B", 2, "two"), ("HISTORY", "x", ""), ("HISTORY", "y", "")])
    header["A"] = 3
    header.set("b", 4, "new")
    header["C"] = 5
    assert header.cards == [
        ("A", 3, "one"),
        ("B", 4, "new"),
        ("HISTORY", "x", ""),
        ("HISTORY", "y", ""),
        ("C", 5, ""),
    ]
    copy = header.copy()
    header.remove("B", "absent")
    header.remove_matching("HIST.*")
    assert [card[0] for card in header.cards] == ["A", "C"]
    assert header["C"] == 5
    assert len(copy.cards) == 5
    assert header.get("absent", 7) == 7
    with pytest.raises(KeyError):
        header["absent"]


COLUMNS = {
    "FLAG": np.array([True, False, True]),
    "BYTE": np.array([0, 1, 255], np.uint8),
    "SHORT": np.array([-32768, 0, 32767], np.int16),
    "INT": np.array([-(2**31), 0, 2**31 - 1], np.int32),
    "LONG": np.array([-(2**63), 0, 2**63 - 1], np.int64),
    "SINGLE": np.array([0.1, -np.inf, np.nan], np.float32),
    "DOUBLE": np.array([0.1, 1e300, np.nan]),
    "TEXT": np.array([b"a", b"bcd", b""]),
    "VECTOR": np.arange(6, dtype=np.float32).reshape(3, 2),
    "CUBE": np.arange(18, dtype=np.int16).reshape(3, 2, 3),
}


PICTURE = np.random.default_rng(2).random((2, 30, 40))


@pytest.fixture(params=["test.fits", "test.fits.gz"])
def table_file(request, tmp_path):
    path = tmp_path / request.param
    columns = [
        Column(name, data, "cm" if name == "DOUBLE" else "") for name, data in COLUMNS.items()
    ]
    with FitsWriter(path) as writer:
        writer.primary(Header([("ORIGIN", "here", "")]))
        writer.table("STUFF", columns, Header([("KEY", 1, "")]))
        writer.image("PICTURE", PICTURE)
    return path


def test_tables_are_read_by_astropy(table_file):
    with fits.open(table_file, checksum=True) as hdus:
        hdus.verify("exception")
        data = hdus["STUFF"].data
        for name, expected in COLUMNS.items():
            found = data[name]
            if name == "CUBE":
                found = np.asarray(found).reshape(expected.shape)
            if expected.dtype.kind == "S":
                expected = expected.astype(str)
            np.testing.assert_array_equal(found, expected, err_msg=name)
        assert hdus["STUFF"].columns["DOUBLE"].unit == "cm"
        assert hdus["STUFF"].header["KEY"] == 1
        np.testing.assert_array_equal(hdus["PICTURE"].data, PICTURE)


def test_tables_are_read_back(table_file):
    table = read_table(table_file, "stuff")
    assert len(table) == 3
    for name, expected in COLUMNS.items():
        found = table[name.lower()]
        assert found.dtype.isnative
        if name == "CUBE":
            found = found.reshape(expected.shape)
        np.testing.assert_array_equal(found, expected, err_msg=name)
    with FitsFile(table_file) as file:
        assert [h.get("EXTNAME") for h in file.headers] == [None, "STUFF", "PICTURE"]
        assert "Picture" in file and "NOTHING" not in file and 2 in file and 3 not in file
        # HDUs in any order
        np.testing.assert_array_equal(file.image("PICTURE"), PICTURE)
        assert len(file.table("STUFF")) == 3


def test_what_astropy_writes(tmp_path):
    path = tmp_path / "astropy.fits"
    bits = np.array([[1] + [0] * 31, [0] * 31 + [1], [1, 0] * 16], bool)
    columns = [
        fits.Column("BITS", "32X", array=bits),
        fits.Column("ODD", "3X", array=bits[:, :3]),
        fits.Column("UNSIGNED", "J", bzero=2**31, array=np.array([0, 1, 2**32 - 1], np.uint32)),
        fits.Column("FLAG", "L", array=[True, False, True]),
        fits.Column("TEXT", "5A", array=["ab", "", "abcde"]),
        fits.Column("CELLS", "PD()", array=np.array([[1.0], [], [2.0, 3.0]], object)),
        fits.Column("CUBE", "6E", dim="(3,2)", array=np.arange(18.0).reshape(3, 2, 3)),
    ]
    fits.BinTableHDU.from_columns(columns, name="STUFF").writeto(path)
    table = read_table(path, "STUFF")
    assert table["BITS"].tolist() == [1 << 31, 1, 0xAAAAAAAA]
    assert table["UNSIGNED"].tolist() == [0, 1, 2**32 - 1]
    assert table["FLAG"].tolist() == [True, False, True]
    assert table["TEXT"].tolist() == [b"ab", b"", b"abcde"]
    assert [cell.tolist() for cell in table.variable("CELLS")] == [[1.0], [], [2.0, 3.0]]
    assert (table["CUBE"] == np.arange(18.0).reshape(3, 2, 3)).all()


def test_scaled_columns(path):
    scaling = {"TSCAL": 0.5, "TZERO": 10.0}
    with FitsWriter(path) as writer:
        writer.table("T", [Column("A", np.array([0, 2, -1], np.int16), extra=scaling)])
    assert read_table(path, "T")["A"].tolist() == [10.0, 11.0, 9.5]
    assert fits.getdata(path, "T")["A"].tolist() == [10.0, 11.0, 9.5]


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_images(path, dtype):
    data = np.arange(12).reshape(3, 4).astype(dtype)
    with FitsWriter(path) as writer:
        writer.primary(Header(), data)
        writer.image("NEXT", data[:2])
    with fits.open(path, checksum=True) as hdus:
        np.testing.assert_array_equal(hdus[0].data, data)
        np.testing.assert_array_equal(hdus[1].data, data[:2])
    with FitsFile(path) as file:
        np.testing.assert_array_equal(file.image(0), data)
        assert file.image("NEXT").dtype == np.dtype(dtype)


@pytest.mark.parametrize("pieces", [[0], [1], [1, 2, 3], [5, 0, 7], [1000, 1, 999]])
def test_streamed_rows_and_their_checksum(path, pieces):
    # rows of 7 bytes: pieces end anywhere within the checksum's words
    rng = np.random.default_rng(3)
    dtype = np.dtype([("A", ">i2"), ("B", ">f4"), ("C", "u1")])
    header = header_of([("TTYPE1", "A"), ("TFORM1", "I"), ("TTYPE2", "B"), ("TFORM2", "E")])
    header.update(header_of([("TTYPE3", "C"), ("TFORM3", "B"), ("TFIELDS", 3), ("EXTNAME", "S")]))
    rows = np.frombuffer(rng.bytes(7 * sum(pieces)), dtype)
    with FitsWriter(path) as writer:
        stream = writer.stream(header, dtype)
        at = 0
        for count in pieces:
            stream.append(rows[at : at + count])
            at += count
        stream.end()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # astropy warns of wrong checksums
        with fits.open(path, checksum=True) as hdus:
            assert len(hdus["S"].data) == len(rows)
    assert read_table(path, "S").rows.tobytes() == rows.tobytes()
    with FitsFile(path) as file:
        parts = list(file.rows("S", 4))
        assert b"".join(part.tobytes() for part in parts) == rows.tobytes()
        assert all(len(part) <= 4 for part in parts)
        if len(rows) > 3:
            rest = b"".join(part.tobytes() for part in file.rows("S", 4, first=3))
            assert rest == rows[3:].tobytes()


def test_checksum_carries():
    assert add_checksum(0xFFFFFFFF, b"\x00\x00\x00\x01") == 1
    assert add_checksum(0, b"\xff\xff\xff\xff" * 3) == 0xFFFFFFFF


def test_rows_that_lost_their_byte_order_are_refused(path):
    rows = np.zeros(2, [("A", ">i4")])
    header = header_of([("TTYPE1", "A"), ("TFORM1", "J"), ("TFIELDS", 1), ("EXTNAME", "S")])
    with pytest.raises(ValueError, match="layout"), FitsWriter(path) as writer:
        writer.stream(header, rows.dtype).append(np.zeros(2, [("A", "<i4")]))
    assert not path.exists()


def test_row_helpers_keep_the_layout():
    dtype = np.dtype(
        {"names": ["A", "B"], "formats": [">f8", ">i2"], "offsets": [0, 8], "itemsize": 12}
    )
    rows = np.zeros(5, dtype)
    rows["A"], rows["B"] = np.arange(5), np.arange(5) ** 2
    some = take_rows(rows, rows["A"] % 2 == 0)
    assert some.dtype == dtype
    assert some["B"].tolist() == [0, 4, 16]
    assert take_rows(rows, np.ones(5, bool)) is rows
    both = stack_rows([some, rows[:1]], dtype)
    assert both.dtype == dtype
    assert both["B"].tolist() == [0, 4, 16, 0]
    assert len(stack_rows([], dtype)) == 0


def test_rows_in_another_layout(tmp_path):
    def table(name, **columns):
        with FitsWriter(tmp_path / name) as writer:
            writer.table("T", [Column(key, data) for key, data in columns.items()])
        return read_table(tmp_path / name, "T")

    target = table("a.fits", A=np.arange(2.0), B=np.arange(2, dtype=np.int16))
    source = table("b.fits", B=np.array([7, 8], np.int16), C=np.zeros(2), A=np.array([1.5, 2.5]))
    rows = conform(source.rows, source, target)
    assert rows.dtype == target.rows.dtype
    assert (rows["A"].tolist(), rows["B"].tolist()) == ([1.5, 2.5], [7, 8])
    other = table("c.fits", A=np.zeros(2, np.float32), B=np.zeros(2, np.int16))
    with pytest.raises(InputError, match=r"c.fits: A: form E differs from D in a.fits"):
        conform(other.rows, other, target)


def test_directories_leave_the_history():
    text = (
        'FTOOL read /data/u/x/ft1.fits[EVENTS][gtifilter("/tmp/y/z.fits_tempgti")] 100/50 a/b ' * 2
    )
    header = Header([("A", "/data/kept", ""), ("HISTORY", "short /u/v/w.fits", "")])
    for at in range(0, len(text), 72):
        header.append("HISTORY", text[at : at + 72].rstrip())
    found = without_directories(header)
    joined = "".join(line.ljust(72) for line in found.history())
    assert "short w.fits" in joined
    assert joined.count('ft1.fits[EVENTS][gtifilter("z.fits_tempgti")] 100/50 a/b') == 2
    assert "/data" not in joined and "/tmp" not in joined
    assert found["A"] == "/data/kept"


def test_gzip_holds_no_time_stamp(tmp_path):
    paths = [tmp_path / name / "x.fits.gz" for name in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        with FitsWriter(path) as writer:
            writer.table("T", [Column("A", np.arange(100.0))])
        os.utime(path, (0, 0))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes()[4:8] == b"\0\0\0\0"
    gzip.decompress(paths[0].read_bytes())


def test_the_name_does_not_matter_only_the_content_when_reading(tmp_path, table_file):
    other = tmp_path / "without_suffix"
    other.write_bytes(table_file.read_bytes())
    assert len(read_table(other, "STUFF")) == 3


@pytest.mark.parametrize("share", np.linspace(0.02, 0.9, 13))
def test_truncated_files_are_told(table_file, share):
    data = table_file.read_bytes()
    table_file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError) as caught, FitsFile(table_file) as file:
        file.image("PICTURE")
    assert caught.value.file == table_file
    assert "truncated" in str(caught.value) or "damaged" in str(caught.value)


def test_a_file_cut_within_its_last_table(path):
    with FitsWriter(path) as writer:
        writer.table("T", [Column("A", np.arange(5000.0))])
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(InputError, match=r"T: truncated: 5000 rows expected, \d+ present"):
        read_table(path, "T")
    with pytest.raises(InputError, match=r"truncated FITS file \(in T\)"), FitsFile(path) as file:
        file.table("GTI")


def test_missing_padding_at_the_end_is_tolerated(path):
    with FitsWriter(path) as writer:
        writer.table("T", [Column("A", np.arange(3.0))])
    path.write_bytes(path.read_bytes()[: 2880 * 2 + 24])
    assert read_table(path, "T")["A"].tolist() == [0, 1, 2]
    with FitsFile(path) as file:
        assert len(file.headers) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"text\n", "truncated FITS file"),
        (b"text " * 1000, "not a FITS file"),
        (b"\x1f\x8b" + b"junk" * 10, "damaged gzip file"),
    ],
)
def test_other_files(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_header(path)
    assert caught.value.file == path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"NAXIS1  =                   16",
            b"NAXIS1  =                   1x",
            "NAXIS1: .*not an integer",
        ),
        (b"NAXIS2  = ", b"NAXIS9  = ", "NAXIS2: damaged header: missing"),
        (
            b"NAXIS2  =                    3",
            b"NAXIS2  =                   -3",
            "NAXIS2: .*negative",
        ),
        (b"TFORM1  = ", b"TFORM8  = ", "TFORM1: damaged header: missing"),
        (b"TFORM1  = 'D ", b"TFORM1  = '? ", "TFORM1: unknown column format"),
        (b"TFORM1  = 'D ", b"TFORM1  = '9D", "NAXIS1: columns do not fit"),
        (b"TTYPE2  = 'B", b"TTYPE2  = 'A", "two columns are called A"),
        (b"BITPIX  =                    8", b"BITPIX  =                    7", "BITPIX: .*7 bits"),
    ],
)
def test_damaged_headers(path, old, new, message):
    with FitsWriter(path) as writer:
        writer.table("T", [Column("A", np.arange(3.0)), Column("B", np.ones(3))])
    data = path.read_bytes()
    assert data.count(old) >= 1
    path.write_bytes(data.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_table(path, "T")
    assert caught.value.file == path


def test_whatever_is_damaged_the_message_is_one_of_ours(path):
    rng = np.random.default_rng(7)
    with FitsWriter(path) as writer:
        writer.table("T", [Column("A", np.arange(50.0)), Column("B", np.zeros((50, 2), "f4"))])
    data = path.read_bytes()
    told = 0
    for _ in range(500):
        damaged = bytearray(data)
        # on a card that is not blank
        place = int(rng.choice(np.flatnonzero(np.frombuffer(data, "u1") != 32)))
        damaged[place] = rng.choice([32, 39, 45, 46, 48, 57, 65])
        path.write_bytes(damaged)
        try:
            read_table(path, "T")
        except InputError:
            told += 1
    assert told > 5


def test_wrong_kind_of_hdu(path):
    with FitsWriter(path) as writer:
        writer.image("PICTURE", np.zeros((2, 2)))
        writer.table("T", [Column("A", np.zeros(1))])
    with FitsFile(path) as file:
        with pytest.raises(InputError, match="PICTURE is not a binary table"):
            file.table("PICTURE")
        with pytest.raises(InputError, match="holds no image"):
            file.image(0)
        with pytest.raises(InputError, match="no column B in T"):
            file.table("T")["B"]
        with pytest.raises(InputError, match="no HDU OTHER"):
            file.header("OTHER")


def test_nothing_is_left_of_a_failed_write(path):
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), FitsWriter(path) as writer:
        writer.table("T", [Column("A", np.zeros(100_000))])
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_clobber(path):
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="clobber is no"):
        FitsWriter(path, clobber=False)
    assert path.read_bytes() == b"old"


def test_the_file_mode_follows_the_mask(path):
    old = os.umask(0o027)
    try:
        for name in ("a.fits", "a.fits.gz"):
            with FitsWriter(path.with_name(name)):
                pass
            assert path.with_name(name).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


@pytest.mark.parametrize("name", ["x.fits", "x.fits.gz"])
def test_a_disk_that_fills_up(tmp_path, name):
    """A limit on the size of files makes writing fail as a full disk does, part way through."""
    code = f"""
        import resource, signal, sys
        import numpy as np
        from latsky.errors import guarded
        from latsky.fits.core import Column, FitsWriter
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        def write():
            with FitsWriter({str(tmp_path / name)!r}) as writer:
                writer.table("T", [Column("A", np.random.default_rng(1).random(50_000))])
        sys.exit(guarded("write", write))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "write: error: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written():
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc here")
    with pytest.raises(InputError, match="/proc/self: outfile: cannot write here"):
        FitsWriter("/proc/self/x.fits")


@pytest.mark.reference
def test_files_of_the_fermitools(reference):
    """Every table of some files of the archive, column by column."""
    names = [
        "week/expected/ccube_E0_PSF3.fits.gz",
        "week/expected/srcmaps_E0_PSF3.fits.gz",
        "real/3c279/3c279_photons_outref.fits.gz",
        "real/3c279/3c279_L25110610395696BB9F6356_SC00.fits.gz",
        "caldb/data/glast/lat/bcf/psf/psf_P8R3_SOURCE_V3_PSF.fits",
    ]
    compared = 0
    for name in names:
        with FitsFile(reference / name) as file, fits.open(reference / name) as hdus:
            assert len(file.headers) == len(hdus)
            for number, hdu in enumerate(hdus):
                if not isinstance(hdu, fits.BinTableHDU):
                    continue
                table = file.table(number)
                assert len(table) == hdu.header["NAXIS2"]
                for column in table.columns:
                    if column.form.endswith("X") or column.form[0] in "PQ" or not len(table):
                        continue
                    theirs = np.asarray(hdu.data[column.name])
                    ours = table[column.name]
                    if theirs.dtype.kind == "U":
                        ours = np.char.rstrip(ours.astype(str))
                    np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)
                    compared += 1
    assert compared > 50
