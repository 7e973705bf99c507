"""The loop, over random images; against a training as PyTorch's tutorials write it."""

import math
import os
import subprocess
import sys

import pytest
import torch
from cases import RECIPES
from checkouts import PACKAGE
from descent.data.mnist import Split
from descent.files import write_tensors
from descent.train.loop import Metrics, divergence, minibatches, train
from descent.train.loss import evaluate
from descent.train.network import Parameters, initialize, stack
from descent.train.optimizer import OptimizerError, Unstacked, evaluating, make_optimizer
from descent.train.schedules import lr_setter
from descent.train.seeds import SHUFFLING, generator
from torch import nn

SEEDS, HIDDEN = [3, 5, 8], [6, 5]


@pytest.fixture
def split() -> Split:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(100, 784, generator=random, dtype=torch.float64)
    return Split(images, torch.randint(10, (100,), generator=random))


def epochs_of(split, seeds, shuffle=False, epochs=2, batch_size=16, drop_last=False):
    return minibatches(split, seeds=seeds, epochs=epochs, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)


def start(seeds, device="cpu") -> Parameters:
    parameters = stack([initialize(HIDDEN, seed) for seed in seeds])
    return {name: its.to(device, torch.float64).requires_grad_() for name, its in parameters.items()}


def run(split, seeds, recipe, implementation="custom", **options) -> tuple[Parameters, list[Metrics]]:
    """The trained parameters, and the metrics of each epoch."""
    recipe, parameters = recipe.copy(), start(seeds, split.images.device)
    optimizer = make_optimizer(implementation, recipe.pop("optimizer"), parameters.values(), **recipe)
    return parameters, list(train(parameters, optimizer, split, epochs_of(split, seeds, **options)))


def run_as_in_tutorials(split, seed, recipe, **options) -> tuple[nn.Sequential, list[list[tuple[float, float]]]]:
    """The same for one seed, with ``torch.nn`` and ``torch.optim``."""
    layers = [nn.Linear(784, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 10)]
    network = nn.Sequential(*layers).double()
    network.load_state_dict(
        {f"{2 * int(name[1:])}.{'weight' if name[0] == 'W' else 'bias'}": p[0] for name, p in start([seed]).items()}
    )
    hyperparameters = {name: value for name, value in recipe.items() if name != "optimizer"}
    names = {"sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
    optimizer = getattr(torch.optim, names[recipe["optimizer"]])(network.parameters(), **hyperparameters)
    measured = []
    for batches in epochs_of(split, [seed], **options):
        measured.append([])
        for batch in batches:
            indices = torch.arange(len(split.labels))[batch].flatten()
            logits, labels = network(split.images[indices]), split.labels[indices]
            loss = nn.CrossEntropyLoss()(logits, labels)
            measured[-1].append((loss.item(), (logits.argmax(1) == labels).double().mean().item()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network, measured


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("implementation", ["custom", "torch"])
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_each_seed_trains_as_a_torch_module_does_alone_with_the_metrics_before_each_step(
    recipe, implementation, shuffle, split
):
    trained, metrics = run(split, SEEDS, recipe, implementation, shuffle=shuffle, epochs=3)
    for i, seed in enumerate(SEEDS):
        network, expected = run_as_in_tutorials(split, seed, recipe, shuffle=shuffle, epochs=3)
        measured = torch.stack([torch.stack([its.loss[:, i], its.accuracy[:, i]], 1) for its in metrics])
        torch.testing.assert_close(measured, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-10)
        for ours, theirs in zip(trained.values(), network.parameters()):
            torch.testing.assert_close(ours[i], theirs, rtol=0, atol=1e-10)
    assert (trained["W1"] - start(SEEDS)["W1"]).abs().max() > 1e-3, "nothing was trained"


# Adafactor scales a step by means over a whole tensor: in a stack, seeds would change each other.
CLASSES = [
    {"optimizer": "nadam", "lr": 0.002},
    {"optimizer": "torch.optim.Adafactor", "lr": 0.01},
    {"optimizer": "schedulefree.SGDScheduleFree", "lr": 0.5, "warmup_steps": 5},
]


@pytest.mark.parametrize("recipe", CLASSES, ids=str)
def test_a_class_trains_a_seed_beside_others_as_alone(recipe, split):
    (alone, measured), (together, metrics) = (run(split, seeds, recipe, "torch") for seeds in (SEEDS[1:2], SEEDS))
    for name in alone:
        torch.testing.assert_close(alone[name][0], together[name][1], rtol=0, atol=1e-10)
    torch.testing.assert_close(measured[-1].loss[:, 0], metrics[-1].loss[:, 1], rtol=0, atol=1e-10)
    assert (together["W1"] - start(SEEDS)["W1"]).abs().max() > 1e-3, "nothing was trained"


def test_an_optimizer_evaluates_with_the_weights_of_its_eval_and_trains_on_with_those_of_its_train(split):
    parameters = start(SEEDS)
    optimizer = make_optimizer("torch", "schedulefree.SGDScheduleFree", parameters.values(), lr=0.5)
    for _ in train(parameters, optimizer, split, epochs_of(split, SEEDS)):
        trained, loss = parameters["W1"].detach().clone(), evaluate(parameters, split, 50)[0]
        with evaluating(optimizer):
            averaged = evaluate(parameters, split, 50)[0]
        assert (averaged - loss).abs().max() > 1e-3
        torch.testing.assert_close(parameters["W1"], trained)


@pytest.mark.parametrize("implementation", ["custom", "torch"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_each_step_has_the_learning_rate_of_the_schedule(implementation, optimizer, split):
    parameters = start(SEEDS)
    used = make_optimizer(implementation, optimizer, parameters.values(), lr=0.1)
    rates, step = [], used.step
    used.step = lambda: (rates.append(used.param_groups[0]["lr"]), step())
    epochs = epochs_of(split, SEEDS, batch_size=25)
    for _ in train(parameters, used, split, epochs, lr_setter(used, "linear", 0, epochs=2)):
        pass
    assert rates == pytest.approx([0.1 * (1 - i / 8) for i in range(8)])


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
def test_what_an_epoch_yields_is_there_before_the_next_begins(shuffle, split):
    parameters = start(SEEDS)
    optimizer = make_optimizer("custom", "sgd", parameters.values(), lr=0.1)
    epochs = train(parameters, optimizer, split, epochs_of(split, SEEDS, shuffle, epochs=3))
    for number in (1, 2, 3):
        metrics = next(epochs)
        expected, measured = run(split, SEEDS, {"optimizer": "sgd", "lr": 0.1}, shuffle=shuffle, epochs=number)
        assert all(torch.equal(parameters[name], expected[name]) for name in expected)
        assert torch.equal(metrics.loss, measured[-1].loss)
    assert next(epochs, None) is None


@pytest.mark.parametrize(
    ("images", "drop_last", "ends"),
    [(10, False, [4, 8, 10]), (10, True, [4, 8]), (8, False, [4, 8]), (8, True, [4, 8])],
)
def test_minibatches_are_consecutive_and_drop_last_leaves_out_what_is_not_full(images, drop_last, ends):
    split = Split(torch.zeros(images, 784), torch.zeros(images, dtype=torch.int64))
    expected = [slice(begin, end) for begin, end in zip([0, *ends], ends)]
    assert list(epochs_of(split, [0], epochs=3, batch_size=4, drop_last=drop_last)) == [expected] * 3


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [16] * 6 + [4]), (True, [16] * 6)])
def test_shuffled_minibatches_cut_a_new_permutation_for_each_seed_and_epoch(drop_last, sizes, split):
    orders = []
    for batches in epochs_of(split, SEEDS, shuffle=True, drop_last=drop_last):
        assert [batch.shape for batch in batches] == [(len(SEEDS), size) for size in sizes]
        orders += torch.cat(batches, 1).tolist()
    assert len({tuple(order) for order in orders}) == 2 * len(SEEDS)
    for order in orders:
        assert len(set(order)) == sum(sizes) and set(order) <= set(range(100))


def test_the_order_of_the_images_depends_on_the_seed_alone(split):
    stream = generator(SEEDS[1], SHUFFLING)
    for batches in epochs_of(split, SEEDS, shuffle=True):
        assert torch.equal(torch.cat(batches, 1)[1], torch.randperm(100, generator=stream))


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("implementation", ["custom", "torch"])
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_nothing_is_left_on_the_cpu_when_another_device_trains(recipe, implementation, shuffle, split):
    elsewhere = Split(*(its.to("meta") for its in split))  # computes shapes alone, and refuses tensors of the CPU
    parameters, metrics = run(elsewhere, SEEDS, recipe, implementation, shuffle=shuffle, epochs=1)
    measured = [*(its for epoch in metrics for its in epoch), *evaluate(parameters, elsewhere, 7)]
    assert {its.device.type for its in [*measured, *parameters.values()]} == {"meta"}
    with pytest.raises(RuntimeError, match=r"device|meta"):
        run(elsewhere._replace(labels=split.labels), SEEDS, recipe, implementation)


def test_shuffled_indices_are_on_the_device_of_the_images(split):
    elsewhere = Split(*(its.to("meta") for its in split))
    devices = {batch.device.type for batch in next(epochs_of(elsewhere, SEEDS, shuffle=True))}
    assert devices == {"meta"}, "a GPU would wait for a copy in every step"


def test_a_seed_diverges_at_the_first_loss_that_is_not_finite_or_after_its_last_step():
    inf, nan = math.inf, math.nan
    training = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, inf, 1.0, 1.0], [1.0, nan, nan, 1.0]])
    evaluation = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, nan, nan, nan]])
    assert divergence(Metrics(training, training), Metrics(evaluation, evaluation)) == [None, 1, 2, 3]


no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=no_gpu)])
def test_two_processes_train_to_the_same_bytes(device, tmp_path):
    random = torch.Generator().manual_seed(0)
    mnist = {}
    for part, n in (("train", 1000), ("test", 300)):
        mnist[f"{part}_images"] = torch.randint(256, (n, 28, 28), generator=random, dtype=torch.uint8)
        mnist[f"{part}_labels"] = torch.randint(10, (n,), generator=random, dtype=torch.uint8)
    write_tensors(tmp_path / "mnist.safetensors", mnist)
    initial = stack([initialize([100, 100], seed) for seed in (0, 1)]) | {"seeds": torch.tensor([0, 1])}
    write_tensors(tmp_path / "initial.safetensors", initial)
    command = [sys.executable, "-m", "descent.train.train", "--mnist", "mnist.safetensors", "--shuffle"]
    command += ["--initial", "initial.safetensors", "--implementation", "custom", "--optimizer", "sgd"]
    command += ["--hyperparameters", '{"lr": 0.1, "momentum": 0.9}', "--epochs", "3", "--batch-size", "128"]
    for folder in "ab":
        subprocess.run(
            [*command, "--device", device, "--output", folder],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
            check=True,
        )
    for file in ("training.csv", "evaluation.csv", "parameters.safetensors", ".intermediate/predictions.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


class ChangesItsRate(torch.optim.SGD):
    def step(self):
        super().step()
        for group in self.param_groups:
            group["lr"] *= 0.9


class Noisy(torch.optim.SGD):
    def step(self):
        super().step()
        with torch.no_grad():
            for w in self.param_groups[0]["params"]:
                w += 0.01 * torch.randn_like(w)


def test_with_a_constant_schedule_an_optimizer_keeps_the_learning_rate_that_it_set_itself(split):
    parameters = start(SEEDS)
    used = Unstacked(ChangesItsRate, parameters.values(), SEEDS, lr=0.1)
    assert lr_setter(used, "constant", 0, epochs=2) is None
    for _ in train(parameters, used, split, epochs_of(split, SEEDS, batch_size=25)):
        pass
    assert [group["lr"] for group in used.param_groups] == pytest.approx([0.1 * 0.9**8] * 3)


def test_an_optimizer_that_changes_its_learning_rate_or_has_none_cannot_follow_a_schedule(split):
    parameters = start(SEEDS)
    used = Unstacked(ChangesItsRate, parameters.values(), SEEDS, lr=0.1)
    with pytest.raises(OptimizerError, match="it changes its own lr, so it cannot follow a schedule"):
        list(train(parameters, used, split, epochs_of(split, SEEDS), lr_setter(used, "linear", 0, epochs=2)))
    used.param_groups[0].pop("lr")
    with pytest.raises(OptimizerError, match="it has no lr that a schedule could change"):
        lr_setter(used, "constant", 0.1, epochs=2)


def test_what_a_class_draws_for_a_seed_does_not_depend_on_the_others(split):
    trained = {}
    for seeds in (SEEDS, SEEDS[1:2]):
        parameters = start(seeds)
        used = Unstacked(Noisy, parameters.values(), seeds, lr=0.0)
        before = torch.get_rng_state()
        list(train(parameters, used, split, epochs_of(split, seeds)))
        assert torch.equal(torch.get_rng_state(), before), "others' random numbers stay the same"
        trained[len(seeds)] = parameters["W0"].detach()
    assert torch.equal(trained[3][1], trained[1][0])
    assert not torch.equal(trained[3][0] - start(SEEDS)["W0"][0], trained[3][1] - start(SEEDS)["W0"][1])
