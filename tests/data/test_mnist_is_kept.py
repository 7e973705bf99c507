"""MNIST outlives every failure."""

import signal

import pytest
from checkouts import steps_in, wait_until


@pytest.mark.slow
def test_mnist_outlives_a_wrong_source_a_forced_run_and_an_edit_of_its_step(unstarted, tmp_path):
    (tmp_path / "empty").mkdir()
    before, name = unstarted.data.read_bytes(), str(unstarted.data.relative_to(unstarted.path))
    unstarted.edit_config(lambda c: c["data"].update(source=str(tmp_path / "empty")))
    with (unstarted.path / "workflow/descent/files.py").open("a") as file:
        file.write("# edited\n")
    unstarted.snakemake("-f", name)
    assert unstarted.data.read_bytes() == before
    unstarted.data.write_bytes(before[:-1])
    run = unstarted.snakemake("-f", name, check=False)
    assert run.returncode and "train-images-idx3-ubyte[.gz]\n" in run.stderr, "the whole message"
    assert "download_mnist failed: The data could not be read from" in run.stderr
    assert unstarted.data.read_bytes() == before[:-1], "it is left as it was"


@pytest.mark.slow
def test_an_interrupted_download_leaves_the_file_that_was_there(unstarted):
    before = unstarted.data.read_bytes()
    for ending in (signal.SIGINT, signal.SIGKILL):
        run = unstarted.start("-f", str(unstarted.data.relative_to(unstarted.path)))
        wait_until(lambda: steps_in(unstarted.path, "download_mnist"))
        for process in steps_in(unstarted.path, "download_mnist"):
            process.send_signal(ending)
        run.communicate()
        assert unstarted.data.read_bytes() == before
