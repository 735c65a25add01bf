"""docs/datasets.md: its example works, and it names every data set we read."""

import re
from pathlib import Path

from trees import plant

from relgan.data.readers import READERS

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_every_data_set_has_a_row():
    assert re.findall(r"^\| `(\w+)` \| [^|]+ \|(?:[^|]*\|){5}$", PAGE, re.MULTILINE) == list(READERS)


def test_every_protocol_of_the_page_is_the_readers():
    for name, protocol in re.findall(r"^\| `(\w+)` \|(?:[^|]*\|){4} ([^|]*) \|[^|]*\|$", PAGE, re.MULTILINE):
        assert (READERS[name].protocol.kind == "k-fold") == ("10 folds" in protocol), name


def test_the_example_reads_its_pictures_in_30_lines(tmp_path):
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    assert code.count("\n") <= 32
    namespace = {}
    exec(code, namespace)
    reading = namespace["MINE"].read(plant(tmp_path, ["p01_joy_3.png", "p02_RAGE_1.PNG"]))
    assert [(face.subject, face.expression) for face in reading.faces] == [
        ("p01", "happiness"),
        ("p02", "anger"),
    ]
