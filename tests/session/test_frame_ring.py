"""Frames cross between processes in shared memory."""

import multiprocessing

import numpy as np

from masktalk.session.frame_ring import FrameRing


def frame(number):
    return np.full((6, 8, 3), number, np.uint8)


def write_from_there(ring, connection, count):
    """Write frames in the other process and send what is sent of each."""
    for number in range(count):
        connection.send(ring.write(frame(number)))


def test_frames_cross_by_number():
    context = multiprocessing.get_context("forkserver")
    ring, count = FrameRing(context, 8, 6, 3), 11
    ours, theirs = context.Pipe()
    process = context.Process(target=write_from_there, args=(ring, theirs, count))
    process.start()
    for number in range(count):
        assert ours.poll(60)
        slot = ours.recv()
        assert isinstance(slot, int)
        assert np.array_equal(ring.read(slot), frame(number))
    process.join(60)
    assert process.exitcode == 0


def test_what_was_read_is_not_overwritten():
    ring = FrameRing(multiprocessing.get_context("forkserver"), 8, 6, 3)
    first = ring.read(ring.write(frame(1)))
    for number in range(2, 12):
        ring.read(ring.write(frame(number)))
    assert np.array_equal(first, frame(1))
