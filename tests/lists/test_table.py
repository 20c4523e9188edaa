# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""from_table(): the formats, what the columns mean, and what every row that is no entry leads to."""

import gzip
import json
import os
import shutil

import numpy as np
import pytest

from mxnet_im2rec import ErrorLimitExceeded, Failure, ListEntry, ListLineError, check_list, from_table, im2rec, verify
from mxnet_im2rec.errors import ArgumentTypeError, ArgumentValueError

ROWS = [("a.jpg", "dog", 3, 0.5), ("sub/b c.jpg", "cat", 1, 0.25), ("ü.jpg", "dog", 2, -1.0)]
COLUMNS = ["path", "label", "number", "share"]
ENTRIES = [(0, (1.0,), "a.jpg"), (1, (0.0,), "sub/b c.jpg"), (2, (1.0,), "ü.jpg")]


def as_csv(sep):
    return "".join(sep.join(map(str, row)) + "\n" for row in [COLUMNS, *ROWS]).encode()


def as_json():
    return "".join(json.dumps(dict(zip(COLUMNS, row))) + "\n" for row in ROWS).encode()


def write_parquet(file, **columns):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table(columns), file, row_group_size=2)


FILES = {
    "t.csv": as_csv(","),
    "t.CSV": as_csv(","),
    "bom.csv": b"\xef\xbb\xbf" + as_csv(","),
    "crlf.csv": as_csv(",").replace(b"\n", b"\r\n"),
    "mac.csv": as_csv(",").replace(b"\n", b"\r"),
    "blank.csv": as_csv(", ").replace(b"\n", b"\n\n") + b"  \n",
    "t.tsv": as_csv("\t"),
    "t.csv.gz": gzip.compress(as_csv(",")),
    "t.tsv.gz": gzip.compress(as_csv("\t")),
    "t.jsonl": as_json(),
    "t.ndjson": b"\xef\xbb\xbf" + as_json().replace(b"\n", b"\r\n\r\n"),
    "t.jsonl.gz": gzip.compress(as_json()),
}


def entries_of(source):
    return [entry[:3] for entry in source.entries()]


def write(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


# Formats


@pytest.mark.parametrize("name", FILES)
def test_every_file_gives_the_same_entries(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    source = from_table(tmp_path / name)
    assert entries_of(source) == ENTRIES
    assert entries_of(source) == ENTRIES  # again
    assert source.classes == {"cat": 0, "dog": 1}
    assert source.count() == 3
    assert source.root == str(tmp_path)
    assert source.path == source.name == str(tmp_path / name)
    assert source.can_be_read_twice


def test_another_separator_and_another_extension(tmp_path):
    (tmp_path / "t.csv").write_bytes(as_csv(";"))
    (tmp_path / "t.txt").write_bytes(as_csv("|"))
    (tmp_path / "comma.tsv").write_bytes(as_csv(","))
    for name, sep in (("t.csv", ";"), ("t.txt", "|"), ("comma.tsv", ",")):
        assert entries_of(from_table(tmp_path / name, sep=sep)) == ENTRIES


def test_parquet_is_read_by_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("mxnet_im2rec.lists.table_formats._BATCH", 2)
    write_parquet(tmp_path / "t.parquet", **{name: [row[place] for row in ROWS] for place, name in enumerate(COLUMNS)})
    source = from_table(tmp_path / "t.parquet")
    assert entries_of(source) == ENTRIES
    assert [entry.line for entry in source.entries()] == [1, 2, 3]
    assert source.count() == 3
    several = from_table(tmp_path / "t.parquet", label=["number", "share"], index="number")
    assert entries_of(several)[0] == (3, (3.0, 0.5), "a.jpg")


def test_a_parquet_with_nulls_dictionaries_and_decimals(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from decimal import Decimal

    write_parquet(
        tmp_path / "t.parquet",
        path=["a.jpg", None, "c.jpg"],
        label=arrow.array(["cat", "dog", None]).dictionary_encode(),
        share=[Decimal("0.50"), Decimal("1.25"), None],
        when=arrow.array([1, 2, 3], arrow.timestamp("s")),
    )
    found = list(from_table(tmp_path / "t.parquet").entries())
    assert found[0][:3] == (0, (0.0,), "a.jpg")
    assert [each.reason for each in found[1:]] == ["the column 'path' is empty", "the column 'label' is empty"]
    shares = list(from_table(tmp_path / "t.parquet", label="share").entries())
    assert shares[0].labels == (0.5,)
    times = list(from_table(tmp_path / "t.parquet", label="when").entries())
    assert "must be a number or text, not datetime" in times[0].reason


def test_a_damaged_parquet_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    write(tmp_path / "t.parquet", "this is no Parquet")
    with pytest.raises(ListLineError, match=r"t.parquet' is no Parquet file"):
        from_table(tmp_path / "t.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    write(tmp_path / "t.parquet", "x")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        from_table(tmp_path / "t.parquet")


def make_frame(library, columns):
    return pytest.importorskip(library).DataFrame(columns)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mxnet_im2rec.lists.table_formats._BATCH", 2)
    frame = make_frame(library, {name: [row[place] for row in ROWS] for place, name in enumerate(COLUMNS)})
    source = from_table(frame)
    assert entries_of(source) == ENTRIES
    assert source.classes == {"cat": 0, "dog": 1}
    assert (source.count(), source.name, source.path, source.root) == (3, None, None, str(tmp_path))
    assert from_table(frame).digest == source.digest
    assert from_table(frame, label="number").digest != source.digest
    assert entries_of(from_table(frame, label=["number", "share"], index="number"))[2] == (2, (2.0, -1.0), "ü.jpg")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_what_is_missing_in_a_frame(library):
    frame = make_frame(library, {"path": ["a.jpg", None, "c.jpg", "d.jpg"], "label": [1.0, 2.0, None, float("nan")]})
    reasons = [getattr(entry, "reason", None) for entry in from_table(frame).entries()]
    assert reasons[:2] == [None, "the column 'path' is empty"]
    assert all("'label' is" in reason for reason in reasons[2:])


def test_frames_of_pandas_own_types():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "path": pandas.Series(["a.jpg", "b.jpg", pandas.NA], dtype="string"),
            "label": pandas.Series(["dog", "cat", "dog"], dtype="category"),
            "index": pandas.Series([5, pandas.NA, 7], dtype="Int64"),
            "is_old": [True, False, True],
        }
    )
    frame.index = [30, 10, 20]  # which is not what is meant by an index here
    found = list(from_table(frame, index="index").entries())
    assert found[0] == ListEntry(5, (1.0,), "a.jpg", 1)
    assert [each.reason for each in found[1:]] == ["the column 'index' is empty", "the column 'path' is empty"]
    assert [each.labels for each in from_table(frame, label="is_old").entries() if isinstance(each, ListEntry)] == [
        (1.0,),
        (0.0,),
    ]
    assert next(from_table(frame[frame.is_old == False], label="is_old").entries())[:3] == (0, (0.0,), "b.jpg")  # noqa: E712


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_that_changes_is_noticed(library):
    frame = make_frame(library, {"path": ["a.jpg", "b.jpg"], "label": [1, 2]})
    source = from_table(frame)
    assert source.is_unchanged()
    assert source.digest and source.is_unchanged()
    if library == "pandas":
        frame.loc[0, "label"] = 7
    else:
        frame[0, "label"] = 7
    assert not source.is_unchanged()


def test_a_lazy_frame_must_be_collected():
    frame = make_frame("polars", {"path": ["a.jpg"], "label": [1]}).lazy()
    with pytest.raises(ArgumentTypeError, match="path_or_frame must be the path of a table.*collect"):
        from_table(frame)


# Columns


def test_quotes_and_line_feeds_within_cells(tmp_path):
    table = write(tmp_path / "t.csv", "path,note,label", '"a,b.jpg","two', 'lines",1', '"say ""hi"".jpg",x,2', "c.jpg,,3")
    found = list(from_table(table).entries())
    assert [entry.path for entry in found] == ["a,b.jpg", 'say "hi".jpg', "c.jpg"]
    assert [entry.line for entry in found] == [2, 4, 5]
    assert [entry.labels for entry in found] == [(1.0,), (2.0,), (3.0,)]


def test_numbers_stay_as_they_are(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg, 7 ", "b.jpg,-1.5e3", "c.jpg,+.25", "d.jpg,007")
    source = from_table(table)
    assert [entry.labels for entry in source.entries()] == [(7.0,), (-1500.0,), (0.25,), (7.0,)]
    assert source.classes is None and source.class_label is None


def test_several_labels_with_one_of_text(tmp_path):
    table = write(tmp_path / "t.csv", "path,age,breed", "a.jpg,3,dog", "b.jpg,4,cat")
    source = from_table(table, label=["age", "breed"])
    assert [entry.labels for entry in source.entries()] == [(3.0, 1.0), (4.0, 0.0)]
    assert source.classes == {"cat": 0, "dog": 1}
    assert source.class_label == 1


def test_two_columns_of_text_need_classes(tmp_path):
    table = write(tmp_path / "t.csv", "path,fur,breed", "a.jpg,red,dog", "b.jpg,grey,cat")
    with pytest.raises(ArgumentValueError, match="label names columns of text, 'fur', 'breed'; give classes too"):
        from_table(table, label=["fur", "breed"])
    classes = {"red": 0, "grey": 1, "dog": 0, "cat": 1}
    assert [each.labels for each in from_table(table, label=["fur", "breed"], classes=classes).entries()] == [(0, 0), (1, 1)]


def test_classes_as_a_mapping_and_as_a_file(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,dog", "b.jpg,cat", "c.jpg,dogg")
    write(tmp_path / "classes.txt", "5\tcat", "9\tdog")
    for classes in ({"cat": 5, "dog": 9}, tmp_path / "classes.txt"):
        source = from_table(table, classes=classes)
        assert source.classes == {"cat": 5, "dog": 9}
        found = list(source.entries())
        assert [entry.labels for entry in found[:2]] == [(9.0,), (5.0,)]
        reason = "the column 'label' is 'dogg', which is none of the 2 classes; is it 'dog'?"
        assert found[2] == Failure(4, 2, "c.jpg", "list", reason)


def test_with_classes_every_label_is_a_name(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,007", "b.jpg,dog", "c.jpg,7")
    assert [entry.labels for entry in from_table(table, classes={"007": 1, "7": 2, "dog": 3}).entries()] == [(1,), (3,), (2,)]
    write(tmp_path / "t.jsonl", '{"path": "a.jpg", "label": 7}', '{"path": "b.jpg", "label": 7.0}')
    assert [entry.labels for entry in from_table(tmp_path / "t.jsonl", classes={"7": 2}).entries()] == [(2,), (2,)]


def test_a_number_among_names_of_classes_is_no_class(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,3rd", "b.jpg,1st")
    assert from_table(table).classes == {"1st": 0, "3rd": 1}


def test_labels_of_two_kinds_are_an_error_that_says_which(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,1", "b.jpg,2", "c.jpg,", "d.jpg,cat", "e.jpg,3")
    with pytest.raises(ArgumentValueError) as raised:
        from_table(table)
    said = str(raised.value)
    assert said.startswith("label names the column 'label', whose labels are numbers and text: ")
    assert "3 numbers, the first in line 2: '1', and 1 text, the first in line 5: 'cat'; " in said
    assert said.endswith("repair them, or give classes if all are names")
    assert from_table(table, classes={"cat": 0, "1": 1, "2": 2, "3": 3}).count() == 5


def test_index_column(tmp_path):
    table = write(
        tmp_path / "t.csv", "path,label,id", "a.jpg,1,7", f"b.jpg,1,{2**64 - 1}", "c.jpg,1,7", "d.jpg,1,1.5", "e.jpg,1,"
    )
    found = list(from_table(table, index="id").entries())
    assert [entry.index for entry in found[:3]] == [7, 2**64 - 1, 7]
    assert "the index 7 was on an earlier line" in found[2].reason
    assert found[3].reason == "the column 'id' is '1.5', no whole number from 0 to 2**64 - 1"
    assert found[4] == Failure(6, None, "e.jpg", "list", "the column 'id' is empty")


def test_groups_by_line(tmp_path):
    table = write(tmp_path / "t.csv", "path,label,patient", "a.jpg,1,p 1", "b.jpg,2,", "c.jpg,3,p 1", "d.jpg,,7")
    source = from_table(table, group="patient")
    assert source.groups() == {2: "p 1", 4: "p 1", 5: "7"}
    assert [getattr(entry, "reason", None) for entry in source.entries()][1] == "the column 'patient' is empty"
    assert from_table(table).groups() is None


def test_one_column_for_several_things(tmp_path):
    table = write(tmp_path / "t.csv", "id,path", "3,a.jpg", "4,b.jpg")
    assert entries_of(from_table(table, label="id", index="id", group="id")) == [(3, (3.0,), "a.jpg"), (4, (4.0,), "b.jpg")]


def test_root(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,1")
    assert from_table(table, root=tmp_path / "photos").root == str(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    assert from_table("t.csv").root == str(tmp_path)
    with pytest.raises(NotADirectoryError, match="root"):
        from_table(table, root=tmp_path / "nosuch")


# Rows that are no entries

BAD_ROWS = {
    ",1": "the column 'path' is empty",
    "  ,1": "the column 'path' is empty",
    "x.jpg,": "the column 'label' is empty",
    "x.jpg,NaN": "the column 'label' is NaN, which is no label",
    'x.jpg,"1,5"': "the column 'label' is '1,5', which is no number, unlike other labels in it",
    "x.jpg,-inf": "the column 'label' is '-inf', which is no number, unlike other labels in it",
    "x.jpg,1e99": "the label 1e99 is out of the range of float32, in which labels are stored",
    "x.jpg": "the row has 1 cells, the first line has 2 columns; a cell with ',' in it needs quote marks around it",
    "x,y.jpg,1": "the row has 3 cells, the first line has 2 columns; a cell with ',' in it needs quote marks around it",
    '"x"y.jpg,1': "the row cannot be read: ',' expected after '\"'; is there a quote mark too many or too few?",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_is_a_failure_at_its_place(tmp_path, row):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,1", row, "b.jpg,2")
    first, bad, last = from_table(table).entries()
    assert (first[:3], last[:3]) == ((0, (1.0,), "a.jpg"), (2, (2.0,), "b.jpg"))
    assert (bad.line, bad.stage, bad.reason) == (3, "list", BAD_ROWS[row])


def test_a_quote_mark_that_is_never_closed_names_its_lines(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", "a.jpg,1", '"b.jpg,2', "c.jpg,3")
    first, bad = from_table(table).entries()
    assert first.path == "a.jpg"
    assert bad.line == 3
    assert "up to line 4" in bad.reason and "quote mark" in bad.reason


def test_what_is_not_utf_8(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"path,label\na.jpg,1\nb\xfc.jpg,1\n")
    _, bad = from_table(tmp_path / "t.csv").entries()
    assert bad.reason == "the column 'path' is not UTF-8; save the table as UTF-8"
    for name, text in (("utf16.csv", "path,label\na.jpg,1\n".encode("utf-16")), ("latin.csv", b"path,gr\xf6\xdfe\n")):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(ListLineError, match=f"{name}', line 1: .*save it as UTF-8"):
            from_table(tmp_path / name)


BAD_OBJECTS = {
    "{": "the line is no JSON: ",
    "[1, 2]": "the line must be a JSON object, {...}, not '[1, 2]'",
    '{"label": 1}': "the column 'path' is empty",
    '{"path": 7, "label": 1}': "the column 'path' must be a path, not int: 7",
    '{"path": "x.jpg", "label": null}': "the column 'label' is empty",
    '{"path": "x.jpg", "label": NaN}': "the column 'label' is NaN, which is no label",
    '{"path": "x.jpg", "label": [1]}': "the column 'label' must be a number or text, not list: [1]",
    '{"path": "x.jpg", "label": 1%s}' % ("0" * 400): "the label 1000",
    "[" * 100_000: "the line is no JSON: ",
}


@pytest.mark.parametrize("row", BAD_OBJECTS)
def test_a_bad_line_of_json_is_a_failure_at_its_place(tmp_path, row):
    table = write(tmp_path / "t.jsonl", '{"path": "a.jpg", "label": 1}', row, '{"path": "b.jpg", "label": 2}')
    first, bad, last = from_table(table).entries()
    assert (first.path, last.path, last.index) == ("a.jpg", "b.jpg", 2)
    assert bad.line == 2
    assert bad.reason.startswith(BAD_OBJECTS[row])


def test_columns_that_come_late_in_json(tmp_path):
    table = write(tmp_path / "t.jsonl", '{"path": "a.jpg"}', '{"path": "b.jpg", "label": "cat"}')
    bad, good = from_table(table).entries()
    assert bad.reason == "the column 'label' is empty"
    assert good.labels == (0.0,)


def test_a_name_that_no_class_table_can_carry(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", 'a.jpg,"two', 'lines"', "b.jpg,cat")
    bad, good = from_table(table).entries()
    assert "cannot be the name of a class: it has a line feed in it" in bad.reason
    assert good.labels == (0.0,)


# Tables that cannot be opened


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["file,label", "a.jpg,1"], {}, "path names the column 'path', which {} does not have; its columns: 'file', 'label'"),
        (["path,klass"], {"label": "class"}, "its columns: 'path', 'klass'; did you mean 'klass'?"),
        (["path,label"], {"index": "id"}, "index names the column 'id'"),
        (["path,label,label"], {}, "label names the column 'label', which {} has more than once"),
        (["path;label"], {}, "its columns: 'path;label'; with sep=';' it has more"),
        (["path\tlabel"], {}, "with sep='\\t' it has more"),
        (["path,label"], {"sep": ",,"}, "sep must be one character"),
        (["path,label"], {"label": []}, "label is empty"),
        (["path,label"], {"classes": {}}, "classes has no class in it"),
    ],
)
def test_a_wrong_argument(tmp_path, lines, options, said):
    table = write(tmp_path / "t.csv", *lines)
    with pytest.raises(ArgumentValueError) as raised:
        from_table(table, **options)
    assert said.format(repr(str(table))) in str(raised.value)


@pytest.mark.parametrize("options", [{"path": 1}, {"label": 3}, {"label": ["a", 2]}, {"index": 0}, {"group": 0}, {"classes": 5}])
def test_an_argument_of_a_wrong_type(tmp_path, options):
    table = write(tmp_path / "t.csv", "path,label")
    with pytest.raises(ArgumentTypeError, match=f"^{next(iter(options))} must"):
        from_table(table, **options)


def test_files_that_are_no_table(tmp_path):
    with pytest.raises(FileNotFoundError):
        from_table(tmp_path / "nosuch.csv")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, said in (("folder.csv", "a folder"), ("pipe.csv", "a pipe")):
        with pytest.raises(ArgumentValueError, match=said):
            from_table(tmp_path / name)
    with pytest.raises(ListLineError, match="is empty"):
        from_table(write(tmp_path / "empty.csv"))
    with pytest.raises(ArgumentValueError, match=r"must end in .csv, .tsv, .jsonl, .ndjson, .parquet, not .*or else give sep"):
        from_table(write(tmp_path / "t.xls", "x"))
    with pytest.raises(ArgumentValueError, match="sep is for CSV"):
        from_table(write(tmp_path / "t.jsonl", "x"), sep=",")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(as_csv(",") * 1000)[:-20])
    (tmp_path / "plain.csv.gz").write_bytes(as_csv(","))
    for name in ("cut.csv.gz", "plain.csv.gz"):
        with pytest.raises(ListLineError, match=f"{name}' is damaged, or no gzip file"):
            from_table(tmp_path / name)
    for frame in (b"t.csv", 7, None, ["a.jpg"]):
        with pytest.raises(ArgumentTypeError, match="path_or_frame must be the path of a table"):
            from_table(frame)


def test_a_file_without_line_ends_does_not_fill_the_memory(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"path,label\n" + b"x" * (3 << 20))
    with pytest.raises(ListLineError, match="line 2: the line has more than 1,048,576 bytes"):
        from_table(tmp_path / "t.csv")
    (tmp_path / "t.jsonl").write_bytes(b'{"path": "a.jpg", "label": 1}\n' + b"x" * (3 << 20))
    assert "more than 1,048,576 bytes" in list(from_table(tmp_path / "t.jsonl").entries())[1].reason


def test_an_empty_table_has_no_entries(tmp_path):
    source = from_table(write(tmp_path / "t.csv", "path,label"))
    assert (list(source.entries()), source.count(), source.classes) == ([], 0, None)


# In the place of a list


@pytest.fixture
def photo_table(small_images, tmp_path):
    """A table of generated images with names of classes, beside a copy of the images."""
    folder = tmp_path / "images"
    shutil.copytree(small_images, folder)
    names = sorted(path.name for path in folder.iterdir() if path.suffix == ".jpg")[:12]
    assert len(names) == 12
    lines = [f"{name},{'cat' if place % 3 else 'dog'}" for place, name in enumerate(names)]
    return write(folder / "t.csv", "path,label", *lines)


def test_a_table_is_checked_packed_and_verified(photo_table, tmp_path):
    source = from_table(photo_table)
    assert check_list(source).ok
    report = im2rec(source, tmp_path / "x", num_workers=0, verify=True, progress=False)
    assert report.num_records == 12
    found = verify(report.rec_path, source, root=source.root, num_workers=0, progress=False)
    assert found.ok and found.num_records == 12
    other = from_table(photo_table, classes={"cat": 4, "dog": 3})
    assert not verify(report.rec_path, other, pixels="none", progress=False).ok


def test_another_root_than_the_source_s_is_refused(photo_table, tmp_path):
    source = from_table(photo_table)
    assert check_list(source, photo_table.parent / ".." / photo_table.parent.name).ok
    with pytest.raises(ArgumentValueError, match="root is .*, and the images of this list are in .*leave it out"):
        im2rec(source, tmp_path / "x", root=tmp_path, num_workers=0)
    with pytest.raises(NotADirectoryError):
        check_list(source, tmp_path / "nosuch")


def test_a_run_over_a_table_resumes(photo_table, tmp_path):
    with photo_table.open("a") as stream:
        stream.write("gone.png,cat\n")
    with pytest.raises(ErrorLimitExceeded) as raised:
        im2rec(from_table(photo_table), tmp_path / "x", batch_size=4, num_workers=0, progress=False)
    assert raised.value.failures[0].line == 14
    shutil.copy(photo_table.parent / photo_table.read_text().splitlines()[1].split(",")[0], photo_table.parent / "gone.png")
    report = im2rec(from_table(photo_table), tmp_path / "x", batch_size=4, num_workers=0, progress=False, resume=True)
    assert (report.num_records, report.num_resumed) == (13, 12)


def test_a_table_that_changes_is_noticed(photo_table):
    source = from_table(photo_table)
    assert source.is_unchanged()
    digest = source.digest
    text = photo_table.read_text()
    photo_table.write_text(text)
    assert source.is_unchanged()  # the same bytes
    photo_table.write_text(text + "x.png,cat\n")
    assert not source.is_unchanged()
    assert from_table(photo_table).digest != digest
    photo_table.unlink()
    assert not source.is_unchanged()


def test_check_names_the_line_of_a_row(tmp_path):
    table = write(tmp_path / "t.csv", "path,label", 'a.jpg,"', '1"', "b.jpg,")
    findings = [finding for finding in check_list(from_table(table)).findings if finding.severity == "error"]
    assert [(finding.line, finding.kind) for finding in findings] == [(2, "missing"), (4, "line")]
    assert str(findings[1]).startswith(f"{table}:4: error: ")


def test_reading_takes_little_memory(tmp_path):
    """A table of a million cells is streamed: what is kept is a set of names, not rows."""
    import tracemalloc

    table = tmp_path / "t.csv"
    with table.open("w") as stream:
        stream.write("path,label\n")
        stream.writelines(f"folder/of/images/number_{number}.jpg,class {number % 50}\n" for number in range(100_000))
    tracemalloc.start()
    source = from_table(table)
    most_opening = tracemalloc.get_traced_memory()[1]
    for _ in source.entries():
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_opening < 1 << 20
    assert most < 2 << 20  # the set of the indices with it
    assert len(source.classes) == 50


def test_numpy_values_in_cells():
    from mxnet_im2rec.lists.table_cells import text_or_number, whole_number

    assert text_or_number(np.float32(0.5)) == 0.5
    assert text_or_number(np.int64(3)) == 3.0
    assert text_or_number(np.bool_(True)) == 1.0
    assert whole_number(np.uint64(2**64 - 1)) == 2**64 - 1
    with pytest.raises(ValueError, match="NaN"):
        text_or_number(np.float32("nan"))
