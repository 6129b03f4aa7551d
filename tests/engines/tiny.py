"""What each engine needs to run in a test: options with tiny random weights, made here."""


def tiny_options(name, tmp_path_factory):
    """Engine options under which it runs without anything downloaded."""
    if name == "musetalk":
        from tests.musetalk.tiny import tiny_weights

        return tiny_weights(tmp_path_factory.mktemp("tiny"))
    if name == "sadtalker":
        from tests.sadtalker.tiny import tiny_options as sadtalker_options

        return sadtalker_options(tmp_path_factory.mktemp("tiny"))
    if name == "wav2lip":
        from tests.wav2lip.tiny import tiny_weights

        return tiny_weights(tmp_path_factory.mktemp("tiny"))
    return {}
