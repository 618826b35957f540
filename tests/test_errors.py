from avatar_kit.errors import MissingExtra, MissingModels, Unavailable, UserError


def test_what_is_missing_is_named_with_the_one_command_that_brings_it():
    extra = MissingExtra("tracker 'mediapipe'", "track", "mediapipe")
    assert str(extra).endswith('not installed: run  pip install "avatar-kit[track]"')
    models = MissingModels("tracker 'mine'", ["a.task", "b.task"])
    assert str(models) == (
        "tracker 'mine' needs the model files a.task, b.task: "
        "run  avatar-kit models get a.task b.task"
    )
    assert isinstance(extra, Unavailable) and isinstance(models, Unavailable)
    assert issubclass(Unavailable, UserError)
