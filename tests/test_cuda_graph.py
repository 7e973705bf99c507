"""What a CUDA graph needs of the training, as far as that shows without a GPU; and the graph where there is one."""

import pytest
import torch
from descent import optimizers, training
from descent.cuda_graph import recorded
from descent.mnist import Split
from descent.network import initialize, stack
from descent.optimizers import make_step
from descent.training import train
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

VARIANTS = [
    ("custom", {"optimizer": "sgd", "lr": 0.1}),
    ("torch", {"optimizer": "sgd", "lr": 0.1}),
    ("custom", {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("torch", {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}),
    ("custom", {"optimizer": "adagrad", "lr": 0.01}),
    ("custom", {"optimizer": "rmsprop", "lr": 0.001, "momentum": 0.9}),
    ("custom", {"optimizer": "adam", "lr": 0.001}),
    ("custom", {"optimizer": "adamw", "lr": 0.001}),
    # Of each network its own, as in a sweep:
    ("custom", {"optimizer": "sgd", "lr": torch.tensor([0.1, 0.05]), "momentum": torch.tensor([0.0, 0.9])}),
    ("custom", {"optimizer": "adam", "lr": torch.tensor([0.001, 0.002]), "betas": (torch.tensor([0.9, 0.5]), 0.99)}),
]
EPOCHS = 4


def run(device="cpu", implementation="custom", recipe=VARIANTS[0][1], shuffle=True, step=None, epochs=EPOCHS):
    """Train two small networks; the metrics and the parameters."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(130, 784, generator=generator), torch.randint(10, (130,), generator=generator)
    data = (
        Split(images[:100].to(device), labels[:100].to(device)),
        Split(images[100:].to(device), labels[100:].to(device)),
    )
    p = {name: tensor.to(device) for name, tensor in stack([initialize([6, 5], seed) for seed in (0, 1)]).items()}
    step = step or make_step(implementation, parameters=p.values(), **recipe)
    metrics = train(p, step, *data, seeds=[0, 1], epochs=epochs, batch_size=16, evaluation_batch_size=16,
                    shuffle=shuffle, drop_last=False)  # fmt: skip
    return [*metrics[0], *metrics[1], *p.values()]


class Recorder(TorchDispatchMode):
    """A CUDA graph's way with operations, on the CPU: each is kept with its memory and its numbers as they were."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, arguments=(), keywords=None):
        result = operation(*arguments, **(keywords or {}))
        self.operations.append((operation, arguments, keywords or {}, result))
        return result

    @torch.inference_mode()
    def replay(self):
        for operation, arguments, keywords, result in self.operations:
            given = {x.untyped_storage().data_ptr() for x in tensors((arguments, tuple(keywords.values())))}
            is_view = any(x.untyped_storage().data_ptr() in given for x in tensors(result))
            if operation._schema.is_mutable:
                operation(*arguments, **keywords)
            elif not is_view:
                for old, new in zip(tensors(result), tensors(operation(*arguments, **keywords)), strict=True):
                    old.copy_(new)


def tensors(nested):
    if isinstance(nested, torch.Tensor):
        yield nested
    elif isinstance(nested, tuple | list):
        for entry in nested:
            yield from tensors(entry)


def replaying_on_the_cpu(work, memories):
    """In place of ``recorded``: the first call records, which on a CPU also runs, and those after it replay."""
    recorder = Recorder()

    def run_or_replay():
        if recorder.operations:
            recorder.replay()
        else:
            with recorder:
                work()

    return run_or_replay


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("implementation", "recipe"), VARIANTS, ids=str)
def test_epochs_replayed_operation_by_operation_train_as_those_that_python_runs(
    implementation, recipe, shuffle, monkeypatch
):
    monkeypatch.setattr(optimizers, "zero", lambda w: torch.zeros((), dtype=torch.float64))  # as on a GPU
    expected = run(implementation=implementation, recipe=recipe, shuffle=shuffle)
    monkeypatch.setattr(training, "recorded", replaying_on_the_cpu)
    found = run(implementation=implementation, recipe=recipe, shuffle=shuffle)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


def test_a_count_in_python_would_be_replayed_as_it_was(monkeypatch):
    adam = {"optimizer": "adam", "lr": 0.001}
    expected = run(recipe=adam)
    monkeypatch.setattr(training, "recorded", replaying_on_the_cpu)
    assert not torch.allclose(run(recipe=adam)[0], expected[0])


def test_counting_in_a_tensor_changes_nothing_but_rounding(monkeypatch):
    for optimizer in ("adam", "adamw"):
        counted = run(recipe={"optimizer": optimizer, "lr": 0.001})
        with monkeypatch.context() as patch:
            patch.setattr(optimizers, "zero", lambda w: torch.zeros((), dtype=torch.float64))
            in_a_tensor = run(recipe={"optimizer": optimizer, "lr": 0.001})
        for a, b in zip(in_a_tensor, counted, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("memory", [{"t": 3}, {"v": torch.zeros(2)}], ids=["a count in Python", "on the CPU"])
def test_work_that_keeps_anything_beside_the_gpu_is_left_as_it_is(memory):
    def work():
        raise AssertionError("recorded")

    assert recorded(work, [{}, memory]) is work


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("implementation", "recipe"), VARIANTS, ids=str)
def test_an_epoch_on_a_gpu_waits_for_none_of_its_results(implementation, recipe, shuffle):
    with FakeTensorMode(allow_non_fake_inputs=True):  # tensors without data: whatever asks for a number raises
        run("cuda", implementation, recipe, shuffle, epochs=1)


def test_what_waits_for_a_result_is_found():
    def step():
        if p["W0"].isnan().any():
            raise AssertionError

    with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(DataDependentOutputException):
        p = {"W0": torch.zeros(2, device="cuda")}
        run("cuda", step=step, epochs=1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("implementation", "recipe"), VARIANTS, ids=str)
def test_on_a_gpu_a_graph_trains_to_the_same_bytes(implementation, recipe, shuffle, monkeypatch, capfd):
    recordings = []

    def record(work, memories):
        recordings.append(recorded(work, memories))
        assert recordings[-1] is not work, capfd.readouterr().out
        return recordings[-1]

    monkeypatch.setattr(training, "recorded", lambda work, memories: work)
    expected = run("cuda", implementation, recipe, shuffle)
    monkeypatch.setattr(training, "recorded", record)
    found = run("cuda", implementation, recipe, shuffle)
    assert len(recordings) == 1
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_what_cannot_be_recorded_runs_as_it_is(monkeypatch, capfd):
    make = training.gradients

    def waiting(*arguments):
        found = make(*arguments)
        assert not found["W0"].isnan().any()  # waits for the GPU
        return found

    expected = run("cuda")
    monkeypatch.setattr(training, "gradients", waiting)
    found = run("cuda")
    assert "no CUDA graph could be recorded" in capfd.readouterr().out
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)
