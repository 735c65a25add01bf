"""Oulu-CASIA, BU-3DFE, BU-4DFE, KDEF, RaFD and MUG: real file names in fake trees."""

from collections import Counter

import pytest
from trees import plant

from relgan.data.census import check
from relgan.data.readers import read, read_faces
from relgan.errors import InputError

OULU = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise")
BU4 = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise")


def reasons(reading):
    return Counter(skip.reason for skip in reading.skipped)


def test_oulu_reads_the_last_three_frames_in_strong_visible_light(tmp_path):
    root = "B_OriginalImg/OriginalImg"
    names = [f"{root}/VL/Strong/P012/Anger/{n:03d}.jpeg" for n in range(5)]
    names += [f"{root}/VL/Weak/P012/Anger/000.jpeg", f"{root}/VL/Dark/P012/Anger/000.jpeg"]
    names += [f"{root}/NI/Strong/P012/Anger/000.jpeg", f"{root}/VL/Strong/P013/Happiness/000.JPEG"]
    tree = plant(tmp_path / "o", names)
    reading = read("oulu_casia", tree)
    found = [
        (face.path[-8:-5], face.subject, face.expression, face.sequence, face.frame) for face in reading.faces
    ]
    assert found == [
        ("004", "P012", "anger", "P012_anger", 0),
        ("003", "P012", "anger", "P012_anger", 1),
        ("002", "P012", "anger", "P012_anger", 2),
        ("000", "P013", "happiness", "P013_happiness", 0),
    ]
    assert reasons(reading) == {
        "earlier frame of a labelled sequence": 2,
        "near infrared": 1,
        "weak illumination": 1,
        "dark illumination": 1,
    }
    assert len(read_faces("oulu_casia", tree / root / "VL" / "Strong")) == 4
    with pytest.raises(InputError, match="near infrared"):
        read("oulu_casia", tree / root / "NI")
    dark = plant(tmp_path / "dark" / "mnt" / "o", names)  # a disk of that name is no light
    assert len(read("oulu_casia", dark).faces) == 4


def test_oulu_in_full_is_as_published_and_a_missing_sequence_shows(tmp_path):
    names = [f"VL/Strong/P{p:03d}/{e}/{n:03d}.jpeg" for p in range(1, 81) for e in OULU for n in range(3)]
    assert check("oulu_casia", plant(tmp_path / "full", names)).differences == []
    assert check("oulu_casia", plant(tmp_path / "less", names[3:])).differences == [
        "faces: 1437 here, 1440 published (-3)",
        "sequences: 479 here, 480 published (-1)",
        "anger: faces: 237 here, 240 published (-3)",
        "anger: sequences: 79 here, 80 published (-1)",
    ]


def test_oulu_prefers_whole_frames_to_the_crops_beside_them(tmp_path):
    crops = [f"A_PreProcess/PreProcess_Img/{c}_Acropped/Strong/P012/Anger/000.jpeg" for c in ("NI", "VL")]
    tree = plant(tmp_path, [*crops, "B_OriginalImg/OriginalImg/VL/Strong/P012/Anger/000.jpeg"])
    reading = read("oulu_casia", tree)
    assert [face.path.removeprefix(f"{tree}/")[:13] for face in reading.faces] == ["B_OriginalImg"]
    assert reasons(reading) == {"near infrared": 1, "second copy of a picture": 1}
    (crop,) = read_faces("oulu_casia", tree / "A_PreProcess")
    assert "VL_Acropped" in crop.path
    with pytest.raises(InputError, match="near infrared"):
        read("oulu_casia", tree / "A_PreProcess" / "PreProcess_Img" / "NI_Acropped")


def test_bu3dfe_reads_the_two_highest_intensities(tmp_path):
    names = [f"BU_3DFE/F0001/F0001_AN{n:02d}WH_F2D.bmp" for n in (1, 2, 3)]
    names += ["BU_3DFE/F0001/F0001_AN04WH_F2D.BMP", "BU_3DFE/F0001/F0001_NE00WH_F2D.bmp"]
    names += ["BU_3DFE/M0044/M0044_SU04AE_F2D.bmp", "BU_3DFE/M0044/M0044_SU04AE_F3D_depth.png"]
    reading = read("bu3dfe", plant(tmp_path, names, {"BU_3DFE/F0001/F0001_AN01WH_F3D.wrl": "mesh"}))
    found = {
        (face.subject, face.expression, face.sequence, face.frame, face.intensity) for face in reading.faces
    }
    assert found == {
        ("F0001", "anger", "F0001_AN", 1, 0.75),
        ("F0001", "anger", "F0001_AN", 0, 1.0),
        ("M0044", "surprise", "M0044_SU", 0, 1.0),
    }
    assert reasons(reading) == {
        "one of the two lower intensities": 2,
        "neutral, not one of the six expressions of the protocol": 1,
        "not a frontal texture (F2D)": 1,
        "not a picture": 1,
    }


def test_bu3dfe_in_full_is_as_published(tmp_path):
    people = [f"F{n:04d}" for n in range(1, 57)] + [f"M{n:04d}" for n in range(1, 45)]
    names = [
        f"{p}/{p}_{c}{n:02d}WH_F2D.bmp"
        for p in people
        for c in ("AN", "DI", "FE", "HA", "SA", "SU")
        for n in (3, 4)
    ]
    assert check("bu3dfe", plant(tmp_path, names)).differences == []


def test_bu4dfe_reads_every_texture(tmp_path):
    names = [f"F001/{e}/{n:03d}.jpg" for e in BU4 for n in range(2)] + ["disk2/M043/Sad/099.JPG"]
    reading = read(
        "bu4dfe", plant(tmp_path, names, {"F001/Angry/000.wrl": "mesh", "F001/Angry/000.mtl": "mtl"})
    )
    assert len(reading.faces) == 13
    last = reading.faces[-1]
    assert (last.subject, last.expression, last.sequence, last.frame) == (
        "M043",
        "sadness",
        "M043_sadness",
        99,
    )
    assert reasons(reading) == {"not a picture": 2}


def test_kdef_reads_straight_views(tmp_path):
    names = [f"KDEF_and_AKDEF/KDEF/AF01/AF01AN{view}.JPG" for view in ("FL", "HL", "S", "HR", "FR")]
    names += ["KDEF_and_AKDEF/KDEF/BM35/BM35AFS.jpg", "KDEF_and_AKDEF/KDEF/AF31/AF31V.JPG"]
    names += ["KDEF_and_AKDEF/AKDEF/FANS.JPG", "KDEF_and_AKDEF/KDEFmap/AM05.JPG"]
    reading = read("kdef", plant(tmp_path, names))
    found = {(face.subject, face.expression, face.view) for face in reading.faces}
    assert found == {("F01", "anger", "frontal"), ("M35", "fear", "frontal")}
    assert reasons(reading) == {
        "half or full profile": 4,
        "name without expression or view": 2,
        "average of many faces (AKDEF)": 1,
    }


def test_kdef_in_full_is_as_published(tmp_path):
    names = [
        f"{series}{sex}{n:02d}{code}S.JPG"
        for series in "AB"
        for sex in "FM"
        for n in range(1, 36)
        for code in ("AF", "AN", "DI", "HA", "NE", "SA", "SU")
    ]
    assert check("kdef", plant(tmp_path, names)).differences == []


def test_rafd_reads_the_frontal_camera_with_all_gazes(tmp_path):
    names = [f"RafD/Rafd090_28_Caucasian_male_angry_{gaze}.jpg" for gaze in ("frontal", "left", "right")]
    names += ["Rafd045_28_Caucasian_male_angry_left.jpg", "Rafd090_01_Kid_female_contemptuous_frontal.JPG"]
    reading = read("rafd", plant(tmp_path, names))
    found = {(face.subject, face.expression, face.sequence, face.frame) for face in reading.faces}
    assert found == {
        ("28", "anger", "28_anger", 0),
        ("28", "anger", "28_anger", 1),
        ("28", "anger", "28_anger", 2),
        ("01", "contempt", "01_contempt", 0),
    }
    assert reasons(reading) == {"half or full profile": 1}


def test_mug_reads_the_middle_of_each_take(tmp_path):
    names = [f"subjects3/001/001/anger/take000/img_{n:04d}.jpg" for n in range(9)]
    names += [f"subjects3/020/session0/happiness/take001/img_{n:04d}.jpg" for n in range(2)]
    reading = read("mug", plant(tmp_path, names))
    found = [(face.path[-8:-4], face.subject, face.expression, face.frame) for face in reading.faces]
    assert found == [
        ("0003", "001", "anger", 0),
        ("0004", "001", "anger", 1),
        ("0005", "001", "anger", 2),
        ("0000", "020", "happiness", 0),
        ("0001", "020", "happiness", 1),
    ]
    assert len({face.sequence for face in reading.faces}) == 2


def test_mug_reads_annotated_frames_where_there_are_no_takes(tmp_path):
    names = [f"manual/images/{n}.jpg" for n in ("001_an_001_0071", "001_an_001_0068", "020_su_002_0101")]
    found = [
        (face.path[-8:-4], face.subject, face.expression, face.sequence, face.frame)
        for face in read_faces("mug", plant(tmp_path, names, {"manual/landmarks/001.txt": ""}))
    ]
    assert found == [
        ("0068", "001", "anger", "001_an_001", 0),
        ("0071", "001", "anger", "001_an_001", 1),
        ("0101", "020", "surprise", "020_su_002", 0),
    ]
    reading = read("mug", plant(tmp_path, ["subjects3/002/002/fear/take000/img_0000.jpg"]))
    assert [face.subject for face in reading.faces] == ["002"]
    assert reasons(reading) == {"annotated frame, its take is read": 3, "not a picture": 1}


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("oulu_casia", "VL/Strong/P001/Bored/000.jpeg", "Oulu-CASIA lies as"),
        ("oulu_casia", "VL/Strong/Anger/000.jpeg", "Oulu-CASIA lies as"),
        ("bu3dfe", "F0001_XX04WH_F2D.bmp", "BU-3DFE names"),
        ("bu3dfe", "F0001_AN07WH_F2D.bmp", "BU-3DFE names"),
        ("bu4dfe", "F001/Bored/000.jpg", "BU-4DFE lies as"),
        ("bu4dfe", "F001/Angry/front.jpg", "BU-4DFE lies as"),
        ("kdef", "AF01XXS.JPG", "KDEF names"),
        ("kdef", "holiday.JPG", "KDEF names"),
        ("rafd", "Rafd090_28_Caucasian_male_bored_frontal.jpg", "RaFD names"),
        ("rafd", "Rafd090_28_Caucasian_male_angry_up.jpg", "RaFD names"),
        ("mug", "001/bored/take000/img_0000.jpg", "MUG lies as"),
        ("mug", "anger/take000/img_0000.jpg", "MUG lies as"),
    ],
)
def test_unknown_names_are_refused_with_the_layout(tmp_path, name, path, message):
    with pytest.raises(InputError, match=message) as error:
        read(name, plant(tmp_path, [path]))
    assert path in str(error.value)
    assert "\n" not in str(error.value)
