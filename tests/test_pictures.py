"""What people hand over: every kind of picture becomes RGB, and mistakes are told in one line."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relgan.errors import InputError
from relgan.pictures import as_faces, as_picture, find_files, looks_bgr, read_picture

from .clips import synthetic_face


def test_files_folders_globs_and_archives_are_found_once(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    for name in ("a b/ü 1.png", "a b/2.JPG", "a b/note.txt", "a b/.hidden.png", "x[1].png", "odd.xyz"):
        (tmp_path / name).write_bytes(b"-")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("inside/3.png", b"-")
    files, wrong, passed = find_files(
        [
            tmp_path / "a b",
            str(tmp_path / "*b" / "*.png"),
            tmp_path / "x[1].png",
            tmp_path / "odd.xyz",
            tmp_path / "more.zip",
        ]
    )
    below = [file.removeprefix(f"{tmp_path}/") for file in files]
    assert below == ["a b/2.JPG", "a b/ü 1.png", "x[1].png", "odd.xyz", "more.zip/inside/3.png"]
    assert (wrong, passed) == ([], 1)


def test_a_glob_may_go_through_a_folder_with_a_fragment_sign(tmp_path: Path) -> None:
    (tmp_path / "roll#1").mkdir()
    (tmp_path / "roll#1" / "a.png").write_bytes(b"-")
    assert find_files([str(tmp_path / "roll#1" / "*.png")])[0] == [str(tmp_path / "roll#1" / "a.png")]


def test_paths_that_name_nothing_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    paths = [
        tmp_path / "none.jpg",
        tmp_path / "*.jpg",
        tmp_path / "empty",
        tmp_path / "bad.zip",
        "/dev/null",
        "a\0",
    ]
    files, wrong, _ = find_files(paths)
    assert files == []
    told = (
        "no such file",
        "matches no file",
        "holds no pictures",
        "zip archive",
        "not a regular file",
        "zero byte",
    )
    for line, reason in zip(wrong, told, strict=True):
        assert reason in line
        assert "\n" not in line


def test_a_large_folder_is_listed(tmp_path: Path) -> None:
    for k in range(20_000):
        (tmp_path / f"{k:05d}.jpg").touch()
    files, _, _ = find_files([tmp_path])
    assert len(files) == 20_000
    assert files == sorted(files)


def test_boxes_of_reduced_pictures_can_be_scaled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from relgan import pictures
    from relgan.faces import image

    monkeypatch.setattr(image, "MAX_SIDE", 100)
    monkeypatch.setattr(pictures, "MAX_SIDE", 100)
    Image.new("RGB", (50, 400)).save(tmp_path / "tall.png")
    picture, scale = read_picture(str(tmp_path / "tall.png"))
    assert picture.shape[0] == 100
    assert scale == 4


def test_grey_arrays_and_pil_images_become_rgb() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert as_picture(grey).tolist() == np.stack([grey] * 3, 2).tolist()
    assert as_picture(Image.new("RGBA", (3, 2), (9, 9, 9, 0))).tolist() == [[[255] * 3] * 3] * 2
    assert as_picture(Image.fromarray(grey).convert("1")).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (np.zeros((3, 50, 50), np.uint8), "transpose"),
        (np.zeros((50, 50, 4), np.uint8), "alpha"),
        (np.zeros((50, 50, 3), np.float32), "astype"),
        (np.zeros((50, 50, 3), np.int64), "uint8"),
        (np.zeros((0, 50, 3), np.uint8), "height, width"),
        (np.zeros((2, 50, 50, 3), np.uint8), "height, width"),
    ],
)
def test_arrays_of_another_layout_are_refused_with_the_remedy(array: np.ndarray, remedy: str) -> None:
    with pytest.raises(InputError, match=remedy):
        as_picture(array)


@pytest.mark.parametrize("nothing", [None, 5, b"\xff\xd8", {"a": 1}])
def test_what_holds_no_pictures_is_refused(nothing: object) -> None:
    with pytest.raises(InputError, match=f"of type {type(nothing).__name__}"):
        as_faces(nothing)
    with pytest.raises(InputError, match=f"face 0: .*{type(nothing).__name__}"):
        as_faces([nothing])


def test_links_to_missing_pictures_are_listed_and_told(tmp_path: Path) -> None:
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "lost.txt").symlink_to(tmp_path / "gone.txt")
    files, wrong, passed = find_files([tmp_path])
    assert (files, wrong, passed) == ([str(tmp_path / "lost.jpg")], [], 1)
    with pytest.raises(InputError, match=r"lost\.jpg: a link to a file that is not there"):
        read_picture(files[0])


def test_faces_of_any_size_become_112_pixels() -> None:
    face = synthetic_face()
    assert np.array_equal(as_faces(face[None])[0], face)
    assert as_faces(face).shape == (1, 112, 112, 3)
    assert as_faces([face[:60, :48], Image.fromarray(face), face[..., 0]]).shape == (3, 112, 112, 3)
    assert as_faces([]).shape == (0, 112, 112, 3)


def test_exchanged_red_and_blue_are_noticed() -> None:
    faces = [synthetic_face(person) for person in range(8)]
    assert not looks_bgr(faces)
    assert looks_bgr([face[..., ::-1] for face in faces])
    assert not looks_bgr([np.repeat(face[..., :1], 3, 2) for face in faces])
    assert not looks_bgr([])
