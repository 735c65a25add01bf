import multiprocessing
import os
import zipfile
from pathlib import Path

import pytest
from trees import plant, zipped

from relgan.data.face import read_bytes, walk
from relgan.data.readers import READERS, read, reader_named
from relgan.errors import InputError


@pytest.mark.parametrize("spelling", ["ckplus", "CK+48", "ck-48", "JAFFE"])
def test_names_are_found_in_other_spellings(spelling):
    assert reader_named(spelling).name in READERS


def test_an_unknown_name_suggests_a_close_one():
    with pytest.raises(InputError, match=r"jafe: no such data set; did you mean jaffe.*ckplus"):
        reader_named("jafe")


@pytest.mark.parametrize("name", READERS)
def test_an_empty_folder_says_what_was_expected(tmp_path, name):
    with pytest.raises(InputError, match=r"expected ") as error:
        read(name, tmp_path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", READERS)
def test_a_root_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="no such folder"):
        read(name, tmp_path / "nowhere")


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    with pytest.raises(InputError, match=r"1 files skipped: not a picture"):
        read("jaffe", plant(tmp_path, [], {"notes.txt": "none"}))


def test_archives_within_the_root_are_to_be_unpacked(tmp_path):
    with pytest.raises(InputError, match=r"unpack .*Angry\.zip first; expected"):
        read("sfew", plant(tmp_path, [], {"Train/Angry.zip": "", "read_me.txt": ""}))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_workers_read_an_archive_their_parent_opened(tmp_path):
    root = plant(tmp_path / "r", [], {f"{number}.txt": f"{number} " * 5000 for number in range(20)})
    paths = list(walk(zipped(root)))
    here = [read_bytes(path) for path in paths]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(read_bytes, paths * 10, chunksize=1) == here * 10


def test_a_broken_archive_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match="not a readable zip"):
        read("jaffe", tmp_path / "x.zip")


def test_the_folder_one_is_in_is_read_as_by_its_name(tmp_path, monkeypatch):
    plant(tmp_path, ["train/anger/a.png", "test/happiness/b.png", ".trash/anger/c.png"])
    named = [(face.split, face.expression) for face in read("folder", tmp_path).faces]
    monkeypatch.chdir(tmp_path)
    here = read("folder", Path()).faces
    assert [(face.split, face.expression) for face in here] == named
    assert [face.path for face in here] == ["test/happiness/b.png", "train/anger/a.png"]


@pytest.mark.parametrize("damage", ["flipped", "encrypted", "packing"])
def test_a_member_that_cannot_be_unpacked_is_named(tmp_path, damage):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(range(256)) * 20)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    if damage == "flipped":
        content[45] ^= 0xFF
    elif damage == "encrypted":
        content[6] |= 1
        content[directory + 8] |= 1
    else:  # "Deflate64"
        content[8] = content[directory + 10] = 9
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.zip/a\.png: cannot be read"):
        read_bytes(f"{path}/a.png")


def test_a_name_too_long_for_any_file_is_no_folder():
    with pytest.raises(InputError, match="no such folder"):
        list(walk(Path("a" * 300)))


@pytest.mark.parametrize("reader", READERS.values(), ids=lambda reader: reader.name)
def test_published_counts_add_up(reader):
    published = reader.published
    if published and published.expressions and published.faces:
        assert sum(published.expressions.values()) == published.faces
    if published and published.splits and published.faces:
        assert sum(published.splits.values()) == published.faces
