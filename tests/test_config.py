import copy

import pytest
import yaml
from conftest import REPOSITORY
from descent.config import check, check_keys

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
DEFAULT = yaml.safe_load((REPOSITORY / "config.yaml").read_text())

ADAM = {"implementation": "custom", "optimizer": "adam", "lr": 0.001}


def put(path: str, value) -> dict:
    """The default config with one key set."""
    config = copy.deepcopy(DEFAULT)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    place[last] = value
    return config


def test_the_default_config_is_valid_and_is_the_labs():
    check(DEFAULT, SCHEMA)
    assert DEFAULT["training"] == {"epochs": 20, "batch_size": 128, "shuffle": False} | {
        "drop_last": True,
        "dtype": "float32",
    }
    assert {(v["implementation"], v["lr"], v.get("momentum", 0)) for v in DEFAULT["variants"].values()} == {
        (implementation, 0.01, momentum) for implementation in ("custom", "torch") for momentum in (0, 0.9)
    }


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("epochs", 3, r"top level: unknown key 'epochs'; the keys here are seeds, networks, training"),
        ("training.epoch", 3, r"training: unknown key 'epoch'; the keys here are epochs, batch_size, shuffle"),
        ("training.epochs", "many", r"training\.epochs: 'many' is not of type integer"),
        ("training.epochs", 20.0, r"training\.epochs: 20\.0 is not of type integer"),
        ("training.epochs", True, r"training\.epochs: True is not of type integer"),
        ("training.epochs", 0, r"training\.epochs: 0 is less than 1"),
        ("training.shuffle", "no", r"training\.shuffle: 'no' is not of type boolean"),
        ("variants.torch_sgd.lr", -0.01, r"variants\.torch_sgd\.lr: -0\.01 is not greater than 0"),
        ("variants.torch_sgd.lr", "1e-2", r"variants\.torch_sgd\.lr: '1e-2' is not of type number \(YAML wants"),
        ("variants.torch_sgd.lr", float("nan"), r"variants\.torch_sgd\.lr: nan is not of type number"),
        ("variants.torch_sgd.lr", float("inf"), r"variants\.torch_sgd\.lr: inf is not of type number"),
        ("variants.torch_sgd.momentum", 1.0, r"variants\.torch_sgd\.momentum: 1\.0 is not less than 1"),
        ("variants.torch_sgd.optimizer", "adm", r"variants\.torch_sgd\.optimizer: 'adm' is not one of sgd"),
        ("variants.torch_sgd.implementation", "jax", r"implementation: 'jax' is not one of custom, torch"),
        ("variants.torch_sgd.speed", 1, r"variants\.torch_sgd: unknown key 'speed'; the keys here are .*lr, momentum"),
        ("variants.a b", {"optimizer": "sgd"}, r"variants: 'a b' does not match .* \(becomes a folder's name\)"),
        ("variants.x", {"implementation": "torch", "optimizer": "sgd"}, r"variants\.x: the key 'lr' is missing"),
        ("variants", {}, r"variants: is empty; at least one entry is needed"),
        ("networks.exercise", [], r"networks\.exercise: is empty"),
        ("networks.exercise", [100, 0], r"networks\.exercise\.1: 0 is less than 1"),
        ("seeds", [], r"seeds: is empty"),
        ("seeds", [1, 1], r"seeds: \[1, 1\] has an entry twice"),
        ("seeds", 5, r"seeds: 5 is not of type array"),
        ("training.dtype", "float16", r"training\.dtype: 'float16' is not one of float32, float64"),
        ("variants.x", ADAM | {"betas": [0.9]}, r"variants\.x\.betas: \[0\.9\] has 1 of at least 2 entries"),
        ("variants.x", ADAM | {"betas": [0.9] * 3}, r"variants\.x\.betas: .* has 3 entries; at most 2 are allowed"),
        ("variants.x", ADAM | {"betas": [0.9, 1]}, r"variants\.x\.betas\.1: 1 is not less than 1"),
        ("variants.x", ADAM | {"momentum": 0.9}, r"unknown key 'momentum'; .* betas, eps, weight_decay"),
        ("variants.x", ADAM | {"eps": 0}, r"variants\.x\.eps: 0 is not greater than 0"),
        ("variants.torch_sgd.nesterov", True, r"variants\.torch_sgd: the key 'momentum' is missing"),
        ("device", "tpu", r"device: 'tpu' is not one of auto, cpu, cuda"),
        ("data.sha256", {}, r"data\.sha256: the key 'train-images-idx3-ubyte', .* is missing"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(path, value, message):
    with pytest.raises(ValueError, match=f"^{message}|{message}") as error:
        check(put(path, value), SCHEMA)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named():
    config = copy.deepcopy(DEFAULT)
    del config["curves"]
    with pytest.raises(ValueError, match="the key 'curves' is missing"):
        check(config, SCHEMA)


def test_two_variants_with_one_name_are_refused():
    text = (REPOSITORY / "config.yaml").read_text()
    check_keys(text)
    with pytest.raises(ValueError, match="the key 'torch_sgd' is given twice"):
        check_keys(text.replace("custom_sgd: ", "torch_sgd: "))


@pytest.mark.parametrize("yaml_text", ["training: {epochs: -1}", "seeds: [0", "- 1\n- 2", ""])
def test_snakemake_stops_with_a_readable_line(small_checkout, yaml_text):
    (small_checkout.path / "config.yaml").write_text(yaml_text)
    run = small_checkout.snakemake(check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "config" in run.stderr.lower().splitlines()[-1]
    assert not (small_checkout.path / "resources").exists()
