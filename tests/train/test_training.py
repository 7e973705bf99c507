"""The loop, over random images; against a training as PyTorch's tutorials write it."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from cases import RECIPES
from checkouts import step
from descent.data import download_mnist
from descent.data.mnist import Split
from descent.train import initialize as initialize_step
from descent.train import train as train_step
from descent.train.loop import Metrics, divergence, minibatches, train
from descent.train.loss import evaluate
from descent.train.network import Parameters, initialize, stack
from descent.train.optimizer import OptimizerError, Unstacked, evaluating, make_optimizer
from descent.train.schedules import fraction, lr_setter
from descent.train.seeds import SHUFFLING, generator
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

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


def run(split, seeds, recipe, implementation="custom", activation="relu", **options):
    """The parameters, and an iterator that trains an epoch and yields its metrics."""
    recipe, parameters = recipe.copy(), start(seeds, split.images.device)
    optimizer = make_optimizer(implementation, recipe.pop("optimizer"), parameters.values(), seeds, **recipe)
    return parameters, train(parameters, optimizer, split, epochs_of(split, seeds, **options), activation=activation)


def run_as_in_tutorials(split, seed, recipe, activation, **options) -> Iterator[tuple[nn.Module, list[list[float]]]]:
    """The same for one seed, with ``torch.nn`` and ``torch.optim``: the network, and each minibatch's metrics."""
    rho = {"relu": nn.ReLU(), "tanh": nn.Tanh()}[activation]
    network = nn.Sequential(nn.Linear(784, 6), rho, nn.Linear(6, 5), rho, nn.Linear(5, 10)).double()
    for theirs, ours in zip(network.parameters(), start([seed]).values()):
        theirs.data = ours[0].detach().clone()
    names = {"sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
    recipe = recipe.copy()
    optimizer = getattr(torch.optim, names[recipe.pop("optimizer")])(network.parameters(), **recipe)
    for batches in epochs_of(split, [seed], **options):
        measured = []
        for batch in batches:
            indices = torch.arange(len(split.labels))[batch].flatten()
            logits, labels = network(split.images[indices]), split.labels[indices]
            loss = nn.CrossEntropyLoss()(logits, labels)
            measured.append([loss.item(), (logits.argmax(1) == labels).double().mean().item()])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield network, measured


@pytest.mark.parametrize(
    ("implementation", "options"),
    [("custom", {"shuffle": True, "activation": "relu"}), ("torch", {"shuffle": False, "activation": "tanh"})],
)
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_each_seed_trains_epoch_by_epoch_as_a_module_alone_with_the_metrics_before_each_step(
    recipe, implementation, options, split
):
    trained, epochs = run(split, SEEDS, recipe, implementation, **options)
    alone = [run_as_in_tutorials(split, seed, recipe, **options) for seed in SEEDS]
    for metrics, *expected in zip(epochs, *alone, strict=True):
        for i, (network, measured) in enumerate(expected):
            its = torch.stack([metrics.loss[:, i], metrics.accuracy[:, i]], 1)
            torch.testing.assert_close(its, torch.tensor(measured, dtype=torch.float64), rtol=0, atol=1e-10)
            for ours, theirs in zip(trained.values(), network.parameters()):
                torch.testing.assert_close(ours[i], theirs, rtol=0, atol=1e-10)
    assert (trained["W1"] - start(SEEDS)["W1"]).abs().max() > 1e-3, "nothing was trained"


class Noisy(torch.optim.SGD):
    """Its steps depend on a whole tensor and on chance: in a stack, seeds would change each other."""

    seen: ClassVar[list[float]] = []

    @torch.no_grad()
    def step(self):
        for w in self.param_groups[0]["params"]:
            noise = torch.randn_like(w)
            self.seen.append(noise.sum().item())
            w -= self.param_groups[0]["lr"] * (w.grad.sign() * w.grad.norm() + noise)


def test_a_class_trains_a_seed_beside_others_as_alone_with_random_numbers_of_its_own(split):
    before, recipe = torch.get_rng_state(), {"optimizer": f"{__name__}.Noisy", "lr": 0.01}
    (alone, measured), (together, metrics) = (run(split, seeds, recipe, "torch") for seeds in (SEEDS[1:2], SEEDS))
    for one, all_of_them in zip(measured, metrics, strict=True):
        torch.testing.assert_close(one.loss[:, 0], all_of_them.loss[:, 1], rtol=0, atol=1e-10)
    for name in alone:
        torch.testing.assert_close(alone[name][0], together[name][1], rtol=0, atol=1e-10)
    assert len(set(Noisy.seen)) == 2 * 7 * len(alone) * len(SEEDS), "each step of each seed draws new ones"
    assert torch.equal(torch.get_rng_state(), before), "and whoever else draws sees nothing of it"


def test_an_optimizer_evaluates_with_the_weights_of_its_eval_and_trains_on_with_those_of_its_train(split):
    parameters = start(SEEDS)
    optimizer = make_optimizer("torch", "schedulefree.SGDScheduleFree", parameters.values(), lr=0.5)
    for _ in train(parameters, optimizer, split, epochs_of(split, SEEDS)):
        trained, loss = parameters["W1"].detach().clone(), evaluate(parameters, split, 50)[0]
        with evaluating(optimizer):
            averaged = evaluate(parameters, split, 50)[0]
        assert (averaged - loss).abs().max() > 1e-3
        torch.testing.assert_close(parameters["W1"], trained)


SCHEDULES = {  # after a warmup; each ends with the last step
    "constant": lambda optimizer, steps: ConstantLR(optimizer, factor=1, total_iters=1),
    "linear": lambda optimizer, steps: LinearLR(optimizer, start_factor=1, end_factor=0, total_iters=steps),
    "cosine": lambda optimizer, steps: CosineAnnealingLR(optimizer, T_max=steps),
}


@pytest.mark.parametrize("implementation", ["custom", "torch"])
@pytest.mark.parametrize("warmup", [0, 10])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_step_has_the_learning_rate_of_pytorchs_schedule(schedule, warmup, implementation, split):
    parameters, theirs = start(SEEDS), torch.optim.SGD([torch.zeros(1)], lr=0.1)
    schedulers = [LinearLR(theirs, start_factor=1e-15, total_iters=warmup)] if warmup else []
    schedulers += [SCHEDULES[schedule](theirs, 40 - warmup)]
    scheduler = SequentialLR(theirs, schedulers, milestones=[warmup]) if warmup else schedulers[0]
    used = make_optimizer(implementation, "sgd", parameters.values(), lr=0.1)
    rates, step = [], used.step
    used.step = lambda: (rates.append(used.param_groups[0]["lr"]), step())
    set_lr = lr_setter(used, schedule, warmup / 40, epochs=2)
    list(train(parameters, used, split, epochs_of(split, SEEDS, batch_size=5), set_lr))
    for rate in [*rates, 0.1 * fraction(schedule, warmup / 40, 1)]:
        assert rate == pytest.approx(theirs.param_groups[0]["lr"], abs=1e-12)
        theirs.step()
        scheduler.step()
    assert len(rates) == 40


class ChangesItsRate(torch.optim.SGD):
    def step(self):
        super().step()
        self.param_groups[0]["lr"] *= 0.9


def test_an_optimizer_that_changes_its_learning_rate_or_has_none_cannot_follow_a_schedule_but_may_be_constant(split):
    parameters = start(SEEDS)
    used = Unstacked(ChangesItsRate, parameters.values(), SEEDS, lr=0.1)
    list(train(parameters, used, split, epochs_of(split, SEEDS), lr_setter(used, "constant", 0, epochs=2)))
    assert [group["lr"] for group in used.param_groups] == pytest.approx([0.1 * 0.9**14] * 3)
    with pytest.raises(OptimizerError, match="it changes its own lr, so it cannot follow a schedule"):
        list(train(parameters, used, split, epochs_of(split, SEEDS), lr_setter(used, "linear", 0, epochs=2)))
    used.param_groups[0].pop("lr")
    with pytest.raises(OptimizerError, match="it has no lr that a schedule could change"):
        lr_setter(used, "constant", 0.1, epochs=2)


@pytest.mark.parametrize(
    ("images", "drop_last", "ends"),
    [(10, False, [4, 8, 10]), (10, True, [4, 8]), (8, False, [4, 8]), (8, True, [4, 8])],
)
def test_minibatches_cut_the_images_or_each_seeds_new_permutation_in_each_epoch(images, drop_last, ends):
    """Consecutively, and drop_last leaves out what is not full."""
    split = Split(torch.zeros(images, 784), torch.zeros(images, dtype=torch.int64))
    cuts, streams = [slice(*its) for its in pairwise([0, *ends])], [generator(seed, SHUFFLING) for seed in SEEDS]
    options = {"epochs": 3, "batch_size": 4, "drop_last": drop_last}
    assert list(epochs_of(split, SEEDS, **options)) == [cuts] * 3
    for batches in epochs_of(split, SEEDS, shuffle=True, **options):
        order = torch.stack([torch.randperm(images, generator=stream) for stream in streams])
        assert all(torch.equal(batch, order[:, cut]) for batch, cut in zip(batches, cuts, strict=True))


@pytest.mark.parametrize("implementation", ["custom", "torch"])
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_nothing_is_left_on_the_cpu_when_another_device_trains(recipe, implementation, split):
    elsewhere = Split(*(its.to("meta") for its in split))  # computes shapes alone, and refuses tensors of the CPU
    parameters, epochs = run(elsewhere, SEEDS, recipe, implementation, shuffle=True, epochs=1)
    measured = [*(its for metrics in epochs for its in metrics), *evaluate(parameters, elsewhere, 7)]
    order = next(epochs_of(elsewhere, SEEDS, shuffle=True))  # on the CPU, a GPU would wait for a copy in every step
    assert {its.device.type for its in [*measured, *parameters.values(), *order]} == {"meta"}
    with pytest.raises(RuntimeError, match=r"device|meta"):
        next(run(elsewhere._replace(labels=split.labels), SEEDS, recipe, implementation)[1])


def test_a_seed_diverges_at_the_first_loss_that_is_not_finite_or_after_its_last_step():
    inf, nan = math.inf, math.nan
    training = torch.tensor([[1, 1, 1, 1], [1, inf, 1, 1], [1, nan, nan, 1]])
    evaluation = torch.tensor([[1, 1, 1, 1], [1, nan, nan, nan]])
    assert divergence(Metrics(training, training), Metrics(evaluation, evaluation)) == [None, 1, 2, 3]


def test_the_images_that_are_held_out_are_the_last(split):
    kept, held_out = train_step.hold_out(split, 30)
    for all_of_it, first, last in zip(split, kept, held_out):
        assert torch.equal(first, all_of_it[:70]) and torch.equal(last, all_of_it[70:])


no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=no_gpu)])
def test_two_processes_train_to_the_same_bytes(device, small_mnist, tmp_path):
    options = {"mnist": tmp_path / "mnist", "initial": tmp_path / ".intermediate/initial.safetensors", "device": device}
    options |= {"implementation": "custom", "optimizer": "sgd", "epochs": 3, "batch_size": 128}
    download_mnist.main(options["mnist"], *small_mnist)
    initialize_step.main(options["mnist"], hidden=[100, 100], seeds=[0, 1], evaluation_batch_size=256, output=tmp_path)
    try:
        train_step.main(hyperparameters={"lr": 0.1, "momentum": 0.9}, shuffle=True, output=tmp_path / "a", **options)
    finally:
        torch.set_flush_denormal(False)
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    step("train", *words, "--shuffle", '--hyperparameters={"lr": 0.1, "momentum": 0.9}', "--output", tmp_path / "b")
    for file in (train_step.TRAINING, train_step.EVALUATION, train_step.PARAMETERS, train_step.PREDICTIONS):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
