"""What a CUDA graph needs of the training, as far as that shows without a GPU; and the graph where there is one."""

from contextlib import nullcontext

import pytest
import torch
from descent import cuda_graph, optimizers, training
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


def run(
    device="cpu",
    implementation="custom",
    recipe=VARIANTS[0][1],
    shuffle=True,
    *,
    step=None,
    epochs=EPOCHS,
    watch=None,
):
    """Train two small networks; the metrics and the parameters."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(130, 784, generator=generator), torch.randint(10, (130,), generator=generator)
    data = (
        Split(images[:100].to(device), labels[:100].to(device)),
        Split(images[100:].to(device), labels[100:].to(device)),
    )
    p = {name: tensor.to(device) for name, tensor in stack([initialize([6, 5], seed) for seed in (0, 1)]).items()}
    step = step or make_step(implementation, parameters=p.values(), **recipe)
    with watch or nullcontext():
        metrics = train(p, step, *data, seeds=[0, 1], epochs=epochs, batch_size=16, evaluation_batch_size=16,
                        shuffle=shuffle, drop_last=False)  # fmt: skip
    return [*metrics[0], *metrics[1], *p.values()]


class Recorder(TorchDispatchMode):
    """A CUDA graph's way with operations, on the CPU: each is kept with its memory and its numbers as they were."""

    def __init__(self):
        super().__init__()
        self.operations, self.before = [], {}

    def __torch_dispatch__(self, operation, types, arguments=(), keywords=None):
        if operation._schema.is_mutable:
            for x in tensors(arguments):
                whole = torch.empty(0, dtype=x.dtype).set_(x.untyped_storage())
                self.before.setdefault(whole.data_ptr(), (whole, whole.clone()))
        result = operation(*arguments, **(keywords or {}))
        self.operations.append((operation, arguments, keywords or {}, result))
        return result

    @torch.inference_mode()
    def undo(self):
        for whole, before in self.before.values():
            whole.copy_(before)

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


def capture_on_the_cpu(work):
    """In place of ``capture``: record, which a CPU cannot do without running, and take back what that changed."""
    recorder = Recorder()
    with recorder:
        work()
    recorder.undo()
    return recorder.replay


@pytest.fixture
def replays(monkeypatch):
    """Have the CPU stand for a GPU in all but the capture itself; the list of replays."""
    replays = []

    def capture(work):
        replay = capture_on_the_cpu(work)
        return lambda: replays.append(replay())

    monkeypatch.setattr(cuda_graph, "capture", capture)
    monkeypatch.setattr(cuda_graph, "is_on_gpu", lambda value: isinstance(value, torch.Tensor))
    return replays


@pytest.fixture
def counts_in_tensors(monkeypatch):
    """Have Adam count as it does on a GPU."""
    monkeypatch.setattr(optimizers, "zero", lambda w: torch.zeros((), dtype=torch.float64))


def run_as_it_is(*arguments, **keywords):
    """``run``, with no epoch recorded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "recorded", lambda work, *_: work)
        return run(*arguments, **keywords)


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("implementation", "recipe"), VARIANTS, ids=str)
def test_epochs_replayed_operation_by_operation_train_as_those_that_python_runs(
    implementation, recipe, shuffle, counts_in_tensors, replays
):
    expected = run_as_it_is(implementation=implementation, recipe=recipe, shuffle=shuffle)
    assert_same(run(implementation=implementation, recipe=recipe, shuffle=shuffle), expected)
    assert len(replays) == EPOCHS - 1


@pytest.mark.parametrize(("most", "replayed"), [(7, 0), (8, EPOCHS - 1)])  # 7 to train on, and 1 to evaluate
def test_an_epoch_of_very_many_minibatches_is_not_recorded_and_is_told(most, replayed, replays, monkeypatch, capsys):
    monkeypatch.setattr(cuda_graph, "MOST_MINIBATCHES", most)
    run()
    assert len(replays) == replayed
    assert ("8 minibatches an epoch are more than the 7" in capsys.readouterr().out) == (replayed == 0)


@torch.no_grad()
def rebinding(w, g, state, *, lr, momentum):
    """SGD with momentum as a student might write it: a new v in place of the old one."""
    state["v"] = momentum * state.get("v", 0) + g
    w -= lr * state["v"]


@torch.no_grad()
def counting(w, g, state, *, lr, momentum):
    """SGD with a learning rate that falls with the iteration, which Python counts."""
    state["t"] = state.get("t", 0) + 1
    w -= lr / state["t"] * g


@pytest.mark.parametrize(
    ("rule", "reason"),
    [(rebinding, "is not changed in place"), (counting, "that is no tensor on the GPU")],
    ids=["rebinding", "counting"],
)
def test_a_rule_that_cannot_be_replayed_runs_as_it_is_and_is_told(rule, reason, replays, monkeypatch, capsys):
    monkeypatch.setitem(optimizers.OPTIMIZERS, "mine", optimizers.Optimizer(rule))
    recipe = {"optimizer": "mine", "lr": 0.1, "momentum": 0.9}
    expected = run_as_it_is(recipe=recipe)
    assert_same(run(recipe=recipe), expected)
    assert not replays
    told = capsys.readouterr().out
    assert "without a CUDA graph, which is slower" in told
    assert reason in told


def test_what_waits_for_the_gpu_runs_as_it_is_and_is_told(replays, monkeypatch, capsys):
    def capture(work):
        capture_on_the_cpu(work)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(cuda_graph, "capture", capture)
    momentum = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}
    assert_same(run(recipe=momentum), run_as_it_is(recipe=momentum))
    assert "without a CUDA graph, which is slower: operation not permitted" in capsys.readouterr().out


def test_on_a_cpu_nothing_is_recorded_or_said(capsys):
    def work():
        raise AssertionError("recorded")

    assert recorded(work, [{"W0": torch.zeros(2)}, {"t": 3}], 1) is work
    assert not capsys.readouterr().out


def test_counting_in_a_tensor_changes_nothing_but_rounding(request):
    recipes = [{"optimizer": optimizer, "lr": 0.001} for optimizer in ("adam", "adamw")]
    counted = [run(recipe=recipe) for recipe in recipes]
    request.getfixturevalue("counts_in_tensors")
    for recipe, expected in zip(recipes, counted):
        for a, b in zip(run(recipe=recipe), expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


class OnTheGpu(TorchDispatchMode):
    """Refuses what takes data from a GPU or to it."""

    def __torch_dispatch__(self, operation, types, arguments=(), keywords=None):
        result = operation(*arguments, **(keywords or {}))
        devices = {x.device.type for x in tensors((arguments, tuple((keywords or {}).values()), result)) if x.dim()}
        if len(devices) > 1:
            raise AssertionError(f"{operation} crosses from one device to another")
        return result


@pytest.mark.parametrize(("implementation", "recipe"), VARIANTS, ids=str)
def test_an_epoch_on_a_gpu_waits_for_none_of_its_results(implementation, recipe):
    with FakeTensorMode(allow_non_fake_inputs=True):  # tensors without data: whatever asks for a number raises
        run("cuda", implementation, recipe, shuffle=False, epochs=1, watch=OnTheGpu())


@pytest.mark.parametrize(
    ("wait", "error"),
    [(lambda w: bool(w.isnan().any()), DataDependentOutputException), (lambda w: w.cpu(), AssertionError)],
    ids=["a number", "a copy"],
)
def test_what_waits_for_a_result_is_found(wait, error):
    with FakeTensorMode(allow_non_fake_inputs=True):
        w = torch.zeros(2, device="cuda")
        with pytest.raises(error):
            run("cuda", step=lambda: wait(w), shuffle=False, epochs=1, watch=OnTheGpu())


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@needs_gpu
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("implementation", "recipe"), VARIANTS, ids=str)
def test_on_a_gpu_a_graph_trains_to_the_same_bytes(implementation, recipe, shuffle, capsys):
    expected = run_as_it_is("cuda", implementation, recipe, shuffle)
    assert_same(run("cuda", implementation, recipe, shuffle), expected)
    assert "without a CUDA graph" not in capsys.readouterr().out


@needs_gpu
def test_on_a_gpu_what_waits_runs_as_it_is_and_is_told(monkeypatch, capsys):
    find = training.gradients

    def waiting(*arguments):
        found = find(*arguments)
        assert not found["W0"].isnan().any()
        return found

    monkeypatch.setattr(training, "gradients", waiting)
    momentum = {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9}
    assert_same(run("cuda", recipe=momentum), run_as_it_is("cuda", recipe=momentum))
    assert "without a CUDA graph, which is slower" in capsys.readouterr().out
