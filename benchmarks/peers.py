"""The same training, written for other libraries as their documentation would have it: the benchmark's peers.

``python benchmarks/peers.py PEER DATA --epochs N ...`` trains the lab's network with momentum SGD on a CPU or a GPU and
prints a line of JSON: the seconds that the training took, without imports, loading and compilation, the most memory
that the process had, in MB, and the test accuracies of the first sixteen seeds. DATA is a folder that run.py wrote:
images, labels and initial parameters as .npy files, so every peer starts alike.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

import numpy as np


class Data:
    """Images [n, 784] in [0, 1], labels [n], and initial parameters, each stacked over the seeds."""

    def __init__(self, folder: Path, seeds: int) -> None:
        self.folder = folder
        self.x, self.y, self.x_test, self.y_test = (
            np.load(folder / f"{name}.npy") for name in ("train_images", "train_labels", "test_images", "test_labels")
        )
        names = [f"{kind}{layer}" for layer in range(3) for kind in "Wb"]
        self.parameters = {name: np.load(folder / f"{name}.npy")[:seeds] for name in names}

    def one(self, seed: int) -> list[np.ndarray]:
        return [p[seed].copy() for p in self.parameters.values()]


def accuracies(data: Data, stacked: list[np.ndarray]) -> list[float]:
    """Test accuracy of the first seeds' networks, in NumPy."""
    result = []
    for W0, b0, W1, b1, W2, b2 in zip(*(parameter[:16] for parameter in stacked)):
        h = np.maximum(data.x_test @ W0 + b0, 0)
        h = np.maximum(h @ W1 + b1, 0)
        result.append(float(((h @ W2 + b2).argmax(1) == data.y_test).mean()))
    return result


def descent(data: Data, a: argparse.Namespace):
    """Descent itself: training.train, all seeds stacked; its evaluation after each epoch is part of the time."""
    import torch
    from descent.data.mnist import Split
    from descent.train.device import prepare
    from descent.train.loop import minibatches, train
    from descent.train.loss import evaluate
    from descent.train.optimizer import make_optimizer

    device = torch.device(a.device)
    prepare(device, a.threads)
    training = Split(torch.from_numpy(data.x).to(device), torch.from_numpy(data.y).to(device))
    test = Split(torch.from_numpy(data.x_test).to(device), torch.from_numpy(data.y_test).to(device))

    def run(epochs, images):
        p = {name: v.mT if name[0] == "W" else v for name, v in data.parameters.items()}
        p = {name: torch.from_numpy(v.copy()).to(device).requires_grad_() for name, v in p.items()}
        optimizer = make_optimizer(a.implementation, "sgd", p.values(), lr=a.lr, momentum=a.momentum)
        seen = Split(training.images[:images], training.labels[:images])
        tested = Split(test.images[: images // 6], test.labels[: images // 6])  # all 10,000 for all 60,000
        settings = {"epochs": epochs, "batch_size": a.batch, "shuffle": False, "drop_last": True}
        start = now(a.device)
        for _ in train(p, optimizer, seen, minibatches(seen, seeds=list(range(a.seeds)), **settings)):
            evaluate(p, tested, 256)
        seconds = now(a.device) - start
        return seconds, [(v.mT if name[0] == "W" else v).numpy(force=True) for name, v in p.items()]

    run(2, 20 * a.batch)
    return run(a.epochs, a.images)


def lab_loop(data: Data, a: argparse.Namespace):
    """The lab's own way: a DataLoader with a transform for each image, a loss.item() in each iteration; one seed."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    torch.set_num_threads(a.threads)

    class Memory(datasets.MNIST):
        def __init__(self, images, labels):
            self.transform, self.target_transform = transforms.ToTensor(), None
            self.data = torch.from_numpy((images * 255).round().astype(np.uint8).reshape(-1, 28, 28))
            self.targets = torch.from_numpy(labels)

    loader = DataLoader(Memory(data.x, data.y), batch_size=a.batch, drop_last=True)
    p = [torch.from_numpy(v).to(a.device).requires_grad_() for v in data.one(0)]
    optimizer = torch.optim.SGD(p, lr=a.lr, momentum=a.momentum)
    losses, correct = [], []
    start = time.perf_counter()
    for _ in range(a.epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            x, labels = images.view(len(images), -1).to(a.device), labels.to(a.device)
            x = torch.relu(x @ p[0] + p[1])
            x = torch.relu(x @ p[2] + p[3])
            x = x @ p[4] + p[5]
            loss = F.cross_entropy(x, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            correct.append(sum(x.argmax(1) == labels).item() / a.batch)
    return time.perf_counter() - start, [v.detach().cpu().numpy()[None] for v in p]


def eager(data: Data, a: argparse.Namespace, compiled: bool = False):
    """Plain PyTorch on tensors on the device, nn.Linear and torch.optim, one seed after the other."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(a.threads)
    x, y = torch.from_numpy(data.x).to(a.device), torch.from_numpy(data.y).to(a.device)
    batches = len(x) // a.batch
    mode = "reduce-overhead" if a.device == "cuda" else None  # CUDA graphs

    def build(seed):
        W0, b0, W1, b1, W2, b2 = data.one(seed)
        model = nn.Sequential(nn.Linear(*W0.shape), nn.ReLU(), nn.Linear(*W1.shape), nn.ReLU(), nn.Linear(*W2.shape))
        with torch.no_grad():
            for layer, (W, b) in zip(model[::2], ((W0, b0), (W1, b1), (W2, b2))):
                layer.weight.copy_(torch.from_numpy(W.T.copy()))
                layer.bias.copy_(torch.from_numpy(b))
        model.to(a.device)
        return model, torch.optim.SGD(model.parameters(), lr=a.lr, momentum=a.momentum)

    def step(model, optimizer, images, labels):
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach(), (logits.argmax(1) == labels).float().mean()

    def run(seed, epochs, limit):
        model, optimizer = build(seed)
        one = torch.compile(step, mode=mode) if compiled else step
        step(model, optimizer, x[: a.batch], y[: a.batch])  # makes what the optimizer remembers
        for _ in range(5):  # compile, and warm up; then back to the start
            one(model, optimizer, x[: a.batch], y[: a.batch])
        model.load_state_dict(build(seed)[0].state_dict())
        for state in optimizer.state.values():
            state["momentum_buffer"].zero_()
        losses, correct = torch.empty(2, epochs * limit, device=a.device)
        start = now(a.device)
        for epoch in range(epochs):
            for i in range(limit):
                images = x[i * a.batch : (i + 1) * a.batch]
                t = epoch * limit + i
                losses[t], correct[t] = one(model, optimizer, images, y[i * a.batch : (i + 1) * a.batch])
        seconds = now(a.device) - start
        return seconds, [p.detach().cpu().numpy() for p in model.parameters()]

    runs = [run(seed, a.epochs, batches) for seed in range(a.seeds)]
    stacked = [np.stack([p[i].T for _, p in runs]) for i in range(6)]
    return sum(seconds for seconds, _ in runs), stacked


def torch_compile(data: Data, a: argparse.Namespace):
    """The same with torch.compile of the step."""
    return eager(data, a, compiled=True)


def numpy_by_hand(data: Data, a: argparse.Namespace):
    """NumPy, with the gradients written out, one seed after the other."""
    batches = len(data.x) // a.batch
    stacked = []
    start = time.perf_counter()
    for seed in range(a.seeds):
        p = data.one(seed)
        v = [np.zeros_like(w) for w in p]
        rows = np.arange(a.batch)
        losses, correct = [], []
        for _ in range(a.epochs):
            for i in range(batches):
                x, y = data.x[i * a.batch : (i + 1) * a.batch], data.y[i * a.batch : (i + 1) * a.batch]
                h0 = np.maximum(x @ p[0] + p[1], 0)
                h1 = np.maximum(h0 @ p[2] + p[3], 0)
                z = h1 @ p[4] + p[5]
                z -= z.max(1, keepdims=True)
                e = np.exp(z)
                s = e.sum(1, keepdims=True)
                losses.append((np.log(s[:, 0]) - z[rows, y]).mean())
                correct.append((z.argmax(1) == y).mean())
                d2 = e / s
                d2[rows, y] -= 1
                d2 /= a.batch
                d1 = (d2 @ p[4].T) * (h1 > 0)
                d0 = (d1 @ p[2].T) * (h0 > 0)
                for w, m, g in zip(
                    p, v, (x.T @ d0, d0.sum(0), h0.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0)), strict=True
                ):
                    m *= a.momentum
                    m += g
                    w -= a.lr * m
        stacked.append(p)
    seconds = time.perf_counter() - start
    return seconds, [np.stack([p[i] for p in stacked]) for i in range(6)]


def jax_scan(data: Data, a: argparse.Namespace):
    """JAX: jit of a lax.scan over the epoch, vmap over the seeds; tested after each epoch, as Descent is."""
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_default_matmul_precision", "highest")  # float32 on a GPU too, as PyTorch's
    batches = len(data.x) // a.batch
    x = jnp.asarray(data.x[: batches * a.batch]).reshape(batches, a.batch, -1)
    y = jnp.asarray(data.y[: batches * a.batch]).reshape(batches, a.batch)

    def loss_and_accuracy(p, images, labels):
        W0, b0, W1, b1, W2, b2 = p
        h = jax.nn.relu(images @ W0 + b0)
        h = jax.nn.relu(h @ W1 + b1)
        logits = h @ W2 + b2
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()
        return loss, (logits.argmax(1) == labels).mean()

    def step(carry, batch):
        p, v = carry
        (loss, accuracy), g = jax.value_and_grad(loss_and_accuracy, has_aux=True)(p, *batch)
        v = jax.tree.map(lambda v, g: a.momentum * v + g, v, g)
        p = jax.tree.map(lambda p, v: p - a.lr * v, p, v)
        return (p, v), (loss, accuracy)

    x_test, y_test = jnp.asarray(data.x_test), jnp.asarray(data.y_test)

    def epoch(carry):
        carry, training = jax.lax.scan(step, carry, (x, y))
        return carry, (training, loss_and_accuracy(carry[0], x_test, y_test))

    run = jax.jit(jax.vmap(epoch)) if a.seeds > 1 else jax.jit(epoch)
    start_p = [jnp.asarray(v if a.seeds > 1 else v[0]) for v in data.parameters.values()]
    carry = (start_p, [jnp.zeros_like(p) for p in start_p])
    jax.block_until_ready(run(carry))
    metrics = []
    start = time.perf_counter()
    for _ in range(a.epochs):
        carry, measured = run(carry)
        metrics.append(measured)
    jax.block_until_ready((carry, metrics))
    seconds = time.perf_counter() - start
    return seconds, [np.asarray(p if a.seeds > 1 else p[None]) for p in carry[0]]


def products(data: Data, a: argparse.Namespace):
    """No training: the eight matrix products of each iteration and seed alone, with its sizes and data.

    They are written into memory that is there; without the activations between them, the weights stay as they were.
    """
    import torch
    from descent.train.device import prepare

    device = torch.device(a.device)
    prepare(device, a.threads)
    x = torch.from_numpy(data.x[: a.images]).to(device)
    networks = [[torch.from_numpy(W).to(device) for W in data.one(seed)[::2]] for seed in range(a.seeds)]
    W0, W1, W2 = networks[0]
    z0, z1, z2 = (torch.empty(a.batch, W.shape[1], device=device) for W in (W0, W1, W2))
    g0, g1 = torch.empty_like(z0), torch.empty_like(z1)
    gradients = [[torch.empty_like(W) for W in network] for network in networks]  # as many as a training has
    seconds = 0.0
    for epoch in range(a.epochs + 1):  # the first is not measured
        start = now(a.device)
        for images in x[: len(x) // a.batch * a.batch].split(a.batch):
            for (W0, W1, W2), (G0, G1, G2) in zip(networks, gradients):
                torch.mm(images, W0, out=z0)
                torch.mm(z0, W1, out=z1)
                torch.mm(z1, W2, out=z2)
                torch.mm(z1.mT, z2, out=G2)
                torch.mm(z2, W2.mT, out=g1)
                torch.mm(z0.mT, g1, out=G1)
                torch.mm(g1, W1.mT, out=g0)
                torch.mm(images.mT, g0, out=G0)
        seconds += (now(a.device) - start) * (epoch > 0)
    return seconds, None


def matrix_rate(data: Data, a: argparse.Namespace):
    """No training: the machine's float32 matrix rate, GFLOP/s, of the faster of PyTorch's products of large squares."""
    import torch
    from descent.train.matrix_product import multiply

    torch.set_num_threads(a.threads)
    n = 1024 if a.device == "cpu" else 8192
    m = torch.randn(n, n, device=a.device)
    seconds = []
    for product in 30 * (torch.matmul, multiply):
        start = now(a.device)
        product(m, m)
        seconds.append(now(a.device) - start)
    return 2 * n**3 / min(seconds) / 1e9, None


def now(device: str) -> float:
    """The clock, once the device has done what it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()


TRAININGS = (descent, jax_scan, torch_compile, eager, numpy_by_hand, lab_loop)
PEERS = {f.__name__: f for f in (*TRAININGS, products, matrix_rate)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("data", type=Path, help="the folder with the .npy files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--images", type=int, default=60000, help="for descent: train on the first of them only")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="numpy_by_hand knows the CPU alone")
    parser.add_argument("--implementation", choices=["custom", "torch"], default="custom", help="for descent")
    arguments = parser.parse_args()
    os.environ["JAX_PLATFORMS"] = arguments.device
    if arguments.device == "cpu":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])

    data = Data(arguments.data, arguments.seeds)
    result, parameters = PEERS[arguments.peer](data, arguments)
    if parameters is None:
        print(json.dumps({"measured": result}))
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": result, "memory": memory, "accuracies": accuracies(data, parameters)}))


if __name__ == "__main__":
    main()
