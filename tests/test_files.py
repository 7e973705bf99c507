"""Files are written whole or not at all, and numbers are read back exactly."""

import os

import pytest
import torch
from descent.files import numbers, written_whole


def test_a_file_is_there_once_it_is_whole_and_stays_as_it_was_if_the_writing_fails(tmp_path):
    file = tmp_path / "new/table.csv"
    with written_whole(file) as unfinished:
        unfinished.write_text("one")
        assert not file.exists()
        assert str(os.getpid()) in unfinished.name and unfinished.suffix == ".csv"
    with pytest.raises(ZeroDivisionError), written_whole(file) as unfinished:
        unfinished.write_text("half")
        1 / 0  # noqa: B018
    assert file.read_text() == "one"
    assert os.listdir(file.parent) == ["table.csv"], "nothing unfinished is left"
    with pytest.raises(SystemExit, match=r"table\.csv/x cannot be written: "), written_whole(file / "x"):
        raise AssertionError("the body does not run")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_number_is_written_with_enough_digits_to_be_read_back_exactly(dtype):
    values = torch.rand(1000, dtype=dtype, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.tensor([float(text) for text in numbers(values)], dtype=dtype), values)
