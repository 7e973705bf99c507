import math

import pytest
import torch
from checkouts import step
from descent.evaluation import evaluate
from descent.mnist import Split
from descent.network import forward, initialize, stack
from descent.optimizers import make_step
from descent.training import Metrics, divergence, minibatches, permutations, train


@pytest.fixture
def data() -> tuple[Split, Split]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(130, 784, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (130,), generator=generator)
    return Split(images[:100], labels[:100]), Split(images[100:], labels[100:])


def run(data, seeds, **changes):
    settings = {
        "epochs": 2,
        "batch_size": 16,
        "evaluation_batch_size": 7,
        "shuffle": False,
        "drop_last": True,
    } | changes
    p = {k: v.double() for k, v in stack([initialize([6, 5], s) for s in seeds]).items()}
    one_step = make_step("custom", "sgd", p.values(), lr=0.1, momentum=0.9)
    return p, *train(p, one_step, *data, seeds=seeds, **settings)


def test_minibatches_are_consecutive_and_drop_last_leaves_out_what_is_not_full():
    assert minibatches(10, 4, drop_last=True) == [slice(0, 4), slice(4, 8)]
    assert minibatches(10, 4, drop_last=False) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert minibatches(8, 4, drop_last=False) == minibatches(8, 4, drop_last=True)
    assert len(minibatches(60000, 128, drop_last=True)) == 468


@pytest.mark.parametrize("shuffle", [False, True])
def test_seeds_trained_together_end_as_each_trained_alone(data, shuffle):
    together, training, evaluation = run(data, [3, 5, 8], shuffle=shuffle)
    for i, seed in enumerate([3, 5, 8]):
        alone, alone_training, alone_evaluation = run(data, [seed], shuffle=shuffle)
        for name in alone:
            torch.testing.assert_close(together[name][i], alone[name][0], rtol=0, atol=1e-12)
        torch.testing.assert_close(training.loss[:, i], alone_training.loss[:, 0], rtol=0, atol=1e-12)
        assert torch.equal(evaluation.accuracy[:, i], alone_evaluation.accuracy[:, 0])


def test_a_minibatchs_loss_and_accuracy_are_those_before_its_step(data):
    _, training, _ = run(data, [0, 1])
    start = {k: v.double() for k, v in stack([initialize([6, 5], s) for s in (0, 1)]).items()}
    first = Split(data[0].images[:16], data[0].labels[:16])
    loss, accuracy = evaluate(start, first, 16)
    torch.testing.assert_close(training.loss[0], loss)
    torch.testing.assert_close(training.accuracy[0], accuracy)
    assert training.loss.shape == (2 * (100 // 16), 2)


def test_the_last_evaluation_is_that_of_the_trained_parameters(data):
    p, _, evaluation = run(data, [0, 1])
    loss, accuracy = evaluate(p, data[1], 30)
    torch.testing.assert_close(evaluation.loss[-1], loss)
    torch.testing.assert_close(evaluation.accuracy[-1], accuracy)


def test_evaluation_counts_every_image_once_whatever_the_batch_size(data):
    p = {k: v.double() for k, v in stack([initialize([6, 5], s) for s in (0, 1)]).items()}
    images, labels = data[0]
    logits = forward(p, images)
    expected = torch.stack([(logits[i].argmax(0) == labels).double().mean() for i in range(2)])
    for batch_size in (1, 7, 100, 1000):
        torch.testing.assert_close(evaluate(p, data[0], batch_size)[1], expected)


def test_without_shuffling_every_epoch_sees_the_images_in_the_order_of_the_file(data):
    _, training, _ = run(data, [0], epochs=1, batch_size=100)
    reversed_data = (Split(data[0].images.flip(0), data[0].labels.flip(0)), data[1])
    _, in_reverse, _ = run(reversed_data, [0], epochs=1, batch_size=100)
    torch.testing.assert_close(training.loss, in_reverse.loss)  # one batch of all: the order does not matter
    _, training, _ = run(data, [0], epochs=1)
    _, in_reverse, _ = run(reversed_data, [0], epochs=1)
    assert not torch.allclose(training.loss, in_reverse.loss)


def test_permutations_depend_on_the_seed_alone_and_change_with_the_epoch():
    together, alone = permutations([1, 2], 50), permutations([2], 50)
    for _ in range(3):
        both, one = next(together), next(alone)
        assert torch.equal(both[1], one[0])
        assert not torch.equal(both[0], both[1])
        assert torch.equal(both.sort(1).values, torch.arange(50).expand(2, -1))
    assert not torch.equal(next(together), both)


def test_after_each_epoch_what_was_measured_so_far_is_told(data):
    told = []
    run(
        data,
        [0],
        after_epoch=lambda epoch, training, evaluation: told.append(
            (epoch, *map(len, (training.loss, evaluation.loss)))
        ),
    )
    assert told == [(0, 6, 1), (1, 12, 2)]


def test_a_run_diverges_at_the_first_loss_that_is_not_finite_or_after_its_last_step():
    inf, nan = math.inf, math.nan
    training = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, inf, 1.0, 1.0], [1.0, nan, nan, 1.0]])
    evaluation = torch.tensor([[1.0, nan, nan, nan]])
    assert divergence(Metrics(training, training), Metrics(evaluation, evaluation)) == [None, 1, 2, 3]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_two_processes_train_to_the_same_bytes(real_mnist, tmp_path):
    initial = tmp_path / "initial.safetensors"
    step("initialize", "--mnist", real_mnist, "--hidden", 100, 100, "--seeds", 0, 1, "--evaluation-batch-size", 256,
         "--parameters", initial, "--metrics", tmp_path / "initial.csv")  # fmt: skip
    for run in "ab":
        step("train", "--mnist", real_mnist, "--initial", initial, "--implementation", "custom",
             "--optimizer", "sgd", "--hyperparameters", "lr=0.01", "momentum=0.9", "--epochs", 3, "--batch-size", 128,
             "--evaluation-batch-size", 256, "--device", "cuda", "--output", tmp_path / run)  # fmt: skip
    for file in ("training.csv", "evaluation.csv", "parameters.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
