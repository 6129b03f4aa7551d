import logging
import os

from masktalk.faces.quiet import quiet


def test_chatter_goes_to_the_debug_log_and_the_rest_on_its_way(capfd, caplog):
    with caplog.at_level(logging.DEBUG, logger="masktalk.faces.quiet"), quiet():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"E0000 graph.cc:1] something broke\n")
    assert capfd.readouterr().err == "E0000 graph.cc:1] something broke\n"
    assert "XNNPACK" in caplog.text


def test_standard_error_is_given_back_after_a_failure(capfd):
    try:
        with quiet():
            raise RuntimeError
    except RuntimeError:
        os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"
