# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Links and pipes that lie under the names which a run uses: nothing is opened through them, and what they lead to stays."""

import json
import os
import subprocess
import sys

import pytest
from helpers import REPO
from photos import PHOTOS, write_list

from mxnet_im2rec import Im2RecError, OutputError, im2rec

PRECIOUS = b"what must stay"
ENDS = ("whole", "fails", "interrupted")

# Tells every name in the folder that is opened, renamed or there at any moment of a run and of one that resumes it.
WATCHED = """
import json, os, sys
sys.path.insert(0, {repo!r})
from mxnet_im2rec import Im2RecError, im2rec
folder, ends, pass_through = {folder!r}, {ends!r}, {pass_through!r}
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

pack(ends)
if ends == "interrupted":
    os.link(os.path.join(folder, "camera.png"), os.path.join(folder, "late.png"))
    pack("whole", resume=True)
print(json.dumps(sorted(names)))
"""


@pytest.fixture
def folder(tmp_path, photos):
    for name in PHOTOS:
        os.link(photos / name, tmp_path / name)
    write_list(tmp_path / "images.lst", [*PHOTOS, "none.png", "late.png", *PHOTOS, PHOTOS[0]])
    return tmp_path


def run(folder, ends, pass_through):
    """A run that comes to such an end, in a child process; gives the names in the folder that it has used."""
    code = WATCHED.format(repo=str(REPO), folder=str(folder), ends=ends, pass_through=pass_through)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def names_of_a_run(folder, ends, pass_through):
    given = {path.name for path in folder.iterdir()}
    names = set(run(folder, ends, pass_through)) - given - {"late.png", "none.png"}
    for path in folder.iterdir():
        if path.name not in given:
            path.unlink()
    return sorted(names)


def plant(path, kind, target):
    if kind == "symbolic link":
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to(target.parent / "made")
    elif kind == "hard link":
        os.link(target, path)
    else:
        os.mkfifo(path)


@pytest.mark.parametrize("kind", ["symbolic link", "dangling link", "hard link", "pipe"])
@pytest.mark.parametrize("pass_through", [False, True])
@pytest.mark.parametrize("ends", ENDS)
def test_no_name_of_a_run_leads_anywhere(folder, tmp_path_factory, ends, pass_through, kind):
    precious = tmp_path_factory.mktemp("elsewhere") / "precious"
    names = names_of_a_run(folder, ends, pass_through)
    assert {"out.rec.partial", "out.idx.partial", "out.rec.journal.partial"} <= set(names)
    own = {"whole": "out.failures.tsv.partial", "fails": "out.failed-run.failures.tsv", "interrupted": "out.rec.1.partial"}
    assert own[ends] in names
    precious.write_bytes(PRECIOUS)
    for planted in (names, [name for name in names if "journal" not in name]):  # with the journal's a run is refused at once
        for name in planted:
            plant(folder / name, kind, precious)
        run(folder, ends, pass_through)
        assert precious.read_bytes() == PRECIOUS
        assert [path.name for path in precious.parent.iterdir()] == ["precious"]
        for path in [*folder.glob("out*"), *folder.glob("late.png")]:
            path.unlink()


@pytest.mark.parametrize("kind", ["symbolic link", "dangling link", "hard link", "pipe"])
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
