import numpy as np

from relgan.synthesis.sittings import draw_shot, draw_sitting


def test_shots_of_a_sitting_share_light_background_and_sensor_and_drift_little():
    sitting = draw_sitting(0, 4, 1, yaw=20)
    shots = [draw_shot(sitting, np.random.default_rng(k)) for k in range(50)]
    assert all(shot.sitting is sitting for shot in shots)
    yaws = np.array([shot.yaw for shot in shots])
    assert abs(yaws.mean() - sitting.yaw) < 1
    assert 0.2 < yaws.std() < 0.7
    assert len({shot.noise_seed for shot in shots}) == 50


def test_sittings_differ_and_depend_on_their_numbers_alone():
    first, again, other = draw_sitting(0, 4, 1, 20), draw_sitting(0, 4, 1, 20), draw_sitting(0, 4, 2, 20)
    assert first == again
    assert first.light != other.light
    assert first.background != other.background


def test_the_head_never_turns_further_than_asked():
    turns = [draw_sitting(0, person, 0, yaw=25) for person in range(300)]
    assert max(abs(sitting.yaw) for sitting in turns) <= 25
    assert max(abs(sitting.pitch) for sitting in turns) <= 12.5
    assert max(abs(sitting.yaw) for sitting in turns) > 18


def test_worse_cameras_draw_the_same_sittings_with_heads_further_askew_and_coarser_pictures():
    usual, worse = ([draw_sitting(0, k, 0, 20, kind) for k in range(300)] for kind in ("usual", "worse"))
    assert [sitting.yaw for sitting in worse] == [sitting.yaw for sitting in usual]
    for least, of in (
        (1.5, lambda sitting: abs(sitting.roll)),
        (2, lambda sitting: abs(sitting.misalignment[0])),
        (1.5, lambda sitting: sitting.sensor.blur),
        (1.5, lambda sitting: sitting.sensor.grey),
    ):
        assert np.mean([of(sitting) for sitting in worse]) > least * np.mean([of(one) for one in usual])
    assert min(sitting.sensor.jpeg or 99 for sitting in usual) >= 55
    assert min(sitting.sensor.jpeg or 99 for sitting in worse) < 35
    shots = [draw_shot(worse[0], np.random.default_rng(k)) for k in range(200)]
    assert 0.15 < np.std([shot.misalignment[0] for shot in shots]) / worse[0].crops[0] < 0.25
