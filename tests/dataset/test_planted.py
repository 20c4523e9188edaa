# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Links and pipes that lie under the names which a run uses: nothing is opened through them, and what they lead to stays."""

import json
import os

import pytest
from helpers import run_script
from photos import PHOTOS, write_list

from mxnet_im2rec import Im2RecError, OutputError, im2rec

PRECIOUS = b"what must stay"
ENDS = ("whole", "fails", "interrupted")

# In each folder in turn, a run, and one that resumes it where the first is interrupted. Prints every name in one of the folders
# that is opened, renamed or there at any moment.
WATCHED = """
import json, os, sys
from mxnet_im2rec import Im2RecError, im2rec
folders, ends, pass_through = {folders!r}, {ends!r}, {pass_through!r}
names, is_watching = set(), False

def watch(event, arguments):
    global is_watching
    if event not in ("open", "os.rename", "os.remove", "os.truncate", "os.link") or is_watching:
        return
    is_watching = True
    paths = [os.fspath(each) for each in arguments if isinstance(each, (str, bytes, os.PathLike))]
    names.update(os.path.basename(os.fsdecode(each)) for each in paths if os.path.dirname(os.fsdecode(each)) == folder)
    names.update(os.listdir(folder))
    is_watching = False

folder = folders[0]
sys.addaudithook(watch)

def pack(ends, **options):
    def stop(done, total, failed):
        names.update(os.listdir(folder))
        if ends == "interrupted" and done == 13:
            raise KeyboardInterrupt

    options.update(num_workers=0, pass_through=pass_through, batch_size=4, progress=stop, error_limit=0 if ends == "fails" else 2)
    try:
        im2rec(os.path.join(folder, "images.lst"), os.path.join(folder, "out"), **options)
    except (Im2RecError, KeyboardInterrupt):
        pass

for folder in folders:
    pack(ends)
    if ends == "interrupted":
        os.link(os.path.join(folder, "camera.png"), os.path.join(folder, "late.png"))
        pack("whole", resume=True)
print(json.dumps(sorted(names)))
"""


@pytest.fixture
def folder(tmp_path, photos):
    return fill(tmp_path, photos)


def fill(folder, photos):
    """Images and their list, with one image that is missing and one that comes later."""
    for name in PHOTOS:
        os.link(photos / name, folder / name)
    write_list(folder / "images.lst", [*PHOTOS, "none.png", "late.png", *PHOTOS, PHOTOS[0]])
    return folder


def run(folders, ends, pass_through):
    """Runs that come to such an end, in a child process; gives the names that they have used."""
    code = WATCHED.format(folders=[str(each) for each in folders], ends=ends, pass_through=pass_through)
    returncode, out, err = run_script(code, folders[0].parent, is_warm=True)
    assert returncode == 0, err
    return set(json.loads(out))


def plant(path, kind, target):
    if kind == "symbolic link":
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to(target.parent / "made")
    elif kind == "hard link":
        os.link(target, path)
    else:
        os.mkfifo(path)


KINDS = ["symbolic link", "dangling link", "hard link", "pipe"]


@pytest.mark.parametrize("pass_through", [False, True])
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.whole
def test_no_name_of_a_run_leads_anywhere(photos, folder, tmp_path_factory, ends, pass_through):
    given = {path.name for path in folder.iterdir()}
    names = sorted(run([folder], ends, pass_through) - given - {"late.png", "none.png"})
    assert {"out.rec.partial", "out.idx.partial", "out.rec.journal.partial"} <= set(names)
    own = {"whole": "out.failures.tsv.partial", "fails": "out.failed-run.failures.tsv", "interrupted": "out.rec.1.partial"}
    assert own[ends] in names
    places = {}
    for planted in (names, [name for name in names if "journal" not in name]):  # with the journal's a run is refused at once
        for kind in KINDS:
            precious = tmp_path_factory.mktemp("elsewhere") / "precious"
            precious.write_bytes(PRECIOUS)
            place = fill(tmp_path_factory.mktemp("planted"), photos)
            for name in planted:
                plant(place / name, kind, precious)
            if planted is not names:  # without a journal of an earlier run this one would be refused
                (place / "out.rec.journal.partial").touch()
            places[place] = precious
    run(list(places), ends, pass_through)
    for precious in places.values():
        assert precious.read_bytes() == PRECIOUS
        assert [path.name for path in precious.parent.iterdir()] == ["precious"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("resume", [False, True])
def test_a_journal_that_is_no_file_of_ours_is_refused_by_name(folder, kind, resume):
    precious = folder / "precious"
    precious.write_bytes(PRECIOUS)
    plant(folder / "out.rec.journal.partial", kind, precious)
    with pytest.raises(OutputError, match=r"out\.rec\.journal\.partial.* remove it"):
        im2rec(folder / "images.lst", folder / "out", num_workers=0, error_limit=2, resume=resume)
    assert precious.read_bytes() == PRECIOUS and not (folder / "made").exists()
    (folder / "out.rec.journal.partial").unlink()
    assert im2rec(folder / "images.lst", folder / "out", num_workers=0, error_limit=2, resume=resume).num_records == 11


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe"])
@pytest.mark.parametrize("name", ["out.rec.partial", "out.idx.partial", "out.rec.1.partial", "out.failures.tsv.partial"])
def test_links_that_take_the_place_of_what_is_kept(folder, name, kind):
    def stop(done, total, failed):
        if done == 9:
            raise KeyboardInterrupt

    options = {"num_workers": 0, "error_limit": 2, "batch_size": 4}
    with pytest.raises(KeyboardInterrupt):
        im2rec(folder / "images.lst", folder / "out", progress=stop, **options)
    precious = folder / "precious"
    precious.write_bytes(PRECIOUS)
    path = folder / name
    if path.exists():
        path.unlink()
    plant(path, kind, precious)
    try:
        im2rec(folder / "images.lst", folder / "out", resume=True, **options)
    except Im2RecError as error:
        assert name in str(error)
        assert im2rec(folder / "images.lst", folder / "out", **options).num_records == 11
    assert precious.read_bytes() == PRECIOUS
    assert sorted(each.name for each in folder.glob("out*")) == ["out.failures.tsv", "out.idx", "out.rec"]
