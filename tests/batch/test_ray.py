"""Batches on Ray: the same results as without it, a node that dies included."""

import os
import threading
import warnings

import pytest

from masktalk.batch import BatchOptions, run_batch
from masktalk.errors import OptionError
from tests.batch.test_batch import digests, pieces, rows_of, write_manifest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own
    ray = pytest.importorskip("ray", reason="Ray is not installed here")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
assert pieces  # a fixture


def test_a_node_that_dies_costs_nothing_but_time(pieces, tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    # A busy machine registers nodes late.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "180")
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 12))
    whole = run_batch(manifest, BatchOptions(output=tmp_path / "whole", processes=1))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ended = threading.Event()

    def kill_a_node():
        while not ended.wait(0.05):
            if len(digests(tmp_path / "ray")) >= 3:
                cluster.remove_node(nodes[0], allow_graceful=False)
                return

    killer = threading.Thread(target=kill_a_node)
    try:
        ray.init(cluster.address, log_to_driver=False)
        killer.start()
        report = run_batch(manifest, BatchOptions(output=tmp_path / "ray", ray=cluster.address))
    finally:
        ended.set()
        killer.join()
        ray.shutdown()
        cluster.shutdown()
    assert report.counts == {"done": 12}
    assert digests(tmp_path / "ray") == digests(tmp_path / "whole")
    assert whole.counts == {"done": 12}


def test_a_cluster_that_is_not_there_is_one_line(pieces, tmp_path):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 1))
    with pytest.raises(OptionError, match="`ray` auto: cannot be reached"):
        run_batch(manifest, BatchOptions(ray="auto"))
    with pytest.raises(OptionError, match="`gpus`"):
        BatchOptions(gpus=-1)
    assert os.listdir(tmp_path / "out" / ".masktalk") == []
