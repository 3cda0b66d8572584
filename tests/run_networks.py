"""The array samples written by hand for PyTorch or JAX: `python run_networks.py torch|jax < values.json`.

For the interpreter that has the library, which need not have gradcli. In: sample → input → numbers. Out: sample →
value and gradients. Nothing here is generated: each function is what a user of that library would write.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def neuron_vector(n: Any, v: dict[str, Any]) -> Any:
    return n.sigmoid(n.sum(v["w"][:2] * v["x"]) + v["w"][2])


def network_4_2_1(n: Any, v: dict[str, Any]) -> Any:
    hidden = n.tanh(v["W1"] @ v["x"] + v["b1"])
    y = n.sigmoid(v["W2"] @ hidden + v["b2"])
    return (y - v["target"]) ** 2 / 2


def softmax_regression(n: Any, v: dict[str, Any]) -> Any:
    logits = v["X"] @ v["W"] + v["b"]
    return n.cross_entropy(logits, v["labels"]) + 0.01 * n.sum(v["W"] ** 2)


def rnn(n: Any, v: dict[str, Any]) -> Any:
    h = 0.0
    for t in range(len(v["x"])):
        h = n.tanh(v["w"] * v["x"][t] + v["u"] * h + v["b"])
    return (h - v["target"]) ** 2


def attention(n: Any, v: dict[str, Any]) -> Any:
    q, k, values = (v["X"] @ v[name] for name in ("Wq", "Wk", "Wv"))
    out = n.softmax(q @ k.T / 2**0.5) @ values
    return n.mean((out - v["target"]) ** 2)


def cross_entropy(n: Any, z: Any, y: Any) -> Any:
    return n.logaddexp(0 * z, z) - y * z


def logistic(n: Any, v: dict[str, Any]) -> Any:
    return cross_entropy(n, v["w"] @ v["x"] + v["b"], v["virginica"])


def xor(n: Any, v: dict[str, Any]) -> Any:
    return cross_entropy(n, v["v"] @ n.tanh(v["W"] @ v["x"] + v["b"]) + v["c"], v["y"])


def spiral(n: Any, v: dict[str, Any]) -> Any:
    first = n.tanh(v["W1"] @ v["point"] + v["b1"])
    second = n.tanh(v["W2"] @ first + v["b2"])
    return cross_entropy(n, v["v"] @ second + v["c"], v["arm"])


def three_ones(n: Any, v: dict[str, Any]) -> Any:
    h = 0 * v["b"]
    for t in range(len(v["x"])):
        h = n.tanh(v["u"] * v["x"][t] + v["U"] @ h + v["b"])
    return cross_entropy(n, v["v"] @ h + v["c"], v["y"])


NETWORKS = {
    "neuron-vector": neuron_vector,
    "network-4-2-1": network_4_2_1,
    "softmax-regression": softmax_regression,
    "rnn": rnn,
    "rnn-50": rnn,
    "attention": attention,
    "iris-logistic": logistic,
    "xor": xor,
    "spiral": spiral,
    "three-ones": three_ones,
}


class Torch:
    """What the networks need of PyTorch."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self.sigmoid, self.tanh, self.sum, self.mean = torch.sigmoid, torch.tanh, torch.sum, torch.mean
        self.logaddexp = torch.logaddexp

    def softmax(self, x: Any) -> Any:
        return self.torch.softmax(x, dim=-1)

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return self.torch.nn.functional.cross_entropy(logits, labels.long())

    def run(self, network: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        tensors = {name: self.torch.tensor(x, dtype=self.torch.float64) for name, x in given.items()}
        for name, tensor in tensors.items():
            tensor.requires_grad_(name != "labels")
        value = network(self, tensors)
        value.backward()
        return value.item(), {name: x.grad.tolist() for name, x in tensors.items() if name != "labels"}


class Jax:
    """What the networks need of JAX."""

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax
        self.sigmoid, self.softmax = jax.nn.sigmoid, jax.nn.softmax
        self.tanh, self.sum, self.mean = jax.numpy.tanh, jax.numpy.sum, jax.numpy.mean
        self.logaddexp = jax.numpy.logaddexp

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        chances = self.jax.nn.log_softmax(logits)
        return -self.jax.numpy.mean(chances[self.jax.numpy.arange(len(logits)), labels.astype(int)])

    def run(self, network: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        arrays = {name: self.jax.numpy.array(x, dtype=float) for name, x in given.items()}
        moved = {name: x for name, x in arrays.items() if name != "labels"}
        value, gradients = self.jax.value_and_grad(lambda v: network(self, arrays | v))(moved)
        return value.item(), {name: x.tolist() for name, x in gradients.items()}


def main(library: str) -> None:
    peer = Torch() if library == "torch" else Jax()
    found = {}
    for name, given in json.load(sys.stdin).items():
        value, gradients = peer.run(NETWORKS[name], given)
        found[name] = {"value": value, "gradients": gradients}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
