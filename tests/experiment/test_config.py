import copy
import re

import pytest
import yaml
from cases import optimizers_in
from checkouts import REPOSITORY
from descent.experiment.config import classes, experiment_schema, read_yaml, validate, validate_sweep

SCHEMA = experiment_schema()
TEXT = (REPOSITORY / "config.yaml").read_text()
DEFAULT = yaml.safe_load(TEXT)

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


def test_the_default_config_is_the_labs():
    validate(read_yaml(TEXT.encode()), SCHEMA)
    assert DEFAULT["training"] == {"epochs": 20, "batch_size": 128, "shuffle": False} | {
        "drop_last": True,
        "dtype": "float32",
    }
    labs = {(implementation, 0.01, momentum) for implementation in ("custom", "torch") for momentum in (0, 0.9)}
    asked = {(v["implementation"], v["lr"], v.get("momentum", 0)) for v in DEFAULT["variants"].values()}
    assert asked == labs | {("custom", 0.1, 0)}, "and SGD with steps as long as momentum's"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("epochs", 3, r"top level: unknown key 'epochs'; the keys here are seeds, networks"),
        ("training.epoch", 3, r"training: unknown key 'epoch'; the keys here are epochs, batch_size, shuffle"),
        ("training.epochs", "seven", r"training\.epochs: 'seven' is not of type integer$"),
        ("training.epochs", 0, r"training\.epochs: 0 is less than 1"),
        ("training.epochs", "7", r"training\.epochs: '7' is not of type integer$"),
        ("variants.torch_sgd.lr", -0.01, r"variants\.torch_sgd\.lr: -0\.01 is not greater than 0"),
        ("variants.torch_sgd.lr", "1e-2", r"'1e-2' is not of type number \(an exponent needs a point: 1"),
        ("variants.torch_sgd.lr", "high", r"variants\.torch_sgd\.lr: 'high' is not of type number$"),
        ("variants.torch_sgd.lr", float("nan"), r"variants\.torch_sgd\.lr: nan is not of type number"),
        ("variants.torch_sgd.momentum", 1.0, r"variants\.torch_sgd\.momentum: 1\.0 is not less than 1"),
        ("variants.torch_sgd.optimizer", "adm", r"variants\.torch_sgd\.optimizer: 'adm' is not one of adagrad"),
        ("variants.torch_sgd.implementation", "jax", r"implementation: 'jax' is not one of custom, torch"),
        ("variants.torch_sgd.speed", 1, r"variants\.torch_sgd: unknown key 'speed'; the keys here are .*lr, momentum"),
        ("variants.a b", {"optimizer": "sgd"}, r"variants: 'a b' does not match .* \(becomes a folder's name\)"),
        ("variants.x", {"implementation": "torch", "optimizer": "sgd"}, r"variants\.x: the key 'lr' is missing"),
        ("variants.initial", ADAM, r"variants: 'initial' is reserved; choose another name"),
        ("variants", {}, r"variants: is empty; at least one entry is needed"),
        ("networks.text_100", [100, 0], r"networks\.text_100\.1: 0 is less than 1"),
        ("networks.text_100", 100, r"networks\.text_100: 100 is not of type list; an example: \[100, 100\]$"),
        ("networks.text_100", {"hidden": [8], "activation": "relo"}, r"100\.activation: 'relo' is not one of relu"),
        ("seeds", [], r"seeds: is empty"),
        ("seeds", [1, 1], r"seeds: \[1, 1\] has a duplicate entry"),
        ("seeds", 5, r"seeds: 5 is not of type list; an example: \[0, 1, 2, 3, 4\]$"),
        ("seeds", list(range(5001)), r"seeds: \[0, 1, .* has more than 5000 entries"),
        ("variants.x", ADAM | {"betas": [0.9] * 3}, r"variants\.x\.betas: .* has more than 2 entries"),
        ("variants.x", ADAM | {"betas": [0.999, 0.9]}, r"x\.betas: \[0\.999, 0\.9\] has the larger number first"),
        ("variants.x", ADAM | {"betas": [0.9, 1]}, r"variants\.x\.betas\.1: 1 is not less than 1"),
        ("variants.x", ADAM | {1: None}, r"variants\.x: unknown key 1; the keys here are"),
        ("variants.x", ADAM | {"momentum": 0.9}, r"unknown key 'momentum'; .* betas, eps, weight_decay"),
        ("variants.x", ADAM | {"eps": True}, r"variants\.x\.eps: True is not of type number"),
        ("variants.torch_sgd.nesterov", True, r"variants\.torch_sgd: the key 'momentum' is missing"),
        ("data.sha256", {}, r"data\.sha256: the key 'train-images-idx3-ubyte', .* is missing"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(path, value, message):
    with pytest.raises(ValueError, match=f"^{message}|{message}") as error:
        validate(put(path, value), SCHEMA)
    assert "\n" not in str(error.value)


NADAM = {"implementation": "torch", "optimizer": "nadam", "lr": 0.01}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "NAdam"}, "variants.x.optimizer: NAdam is no class with step(), as those of torch.optim "
         "have it; torch.optim.NAdam is nadam"),
        ({"optimizer": "torch.optim.nadam"}, "variants.x.optimizer: torch.optim.nadam is no class with step(), as "
         "those of torch.optim have it; torch.optim.NAdam is nadam"),
        ({"optimizer": "torch.nn.Linear"}, "variants.x.optimizer: torch.nn.Linear is no class with step()"),
        ({"optimizer": ".."}, "variants.x.optimizer: .. cannot be imported: TypeError"),
        ({"betas": 0.9}, "variants.x.betas: 0.9 is not of type list"),
        ({"betas": []}, "variants.x.betas: "),
        ({"betas": {"log10": [-1, 0], "points": 2}}, "variants.x.betas: {'log10': [-1, 0], 'points': 2} is not of"),
        ({"momentum_decay": 10**400}, "variants.x.momentum_decay: 1000"),
        ({"optimizer": "adam", "amsgrad": True}, None),
        ({"optimizer": "adam", "amsgrad": "maybe"}, "variants.x.amsgrad: 'maybe' is not of type boolean"),
        ({"optimizer": "adam", "foreach": {1: 2}}, "variants.x.foreach: {1: 2} is not of type"),
        ({"optimizer": "optimizer"}, "variants.x.optimizer: optimizer is no class with step()"),
        ({"optimizer": "adam", "amsgrat": True}, "variants.x: unknown key 'amsgrat'"),
        ({"optimizer": "adam", "amsgrad": True, "implementation": "custom"}, "variants.x: unknown key 'amsgrad'"),
        ({"optimizer": "sparseadam", "eps": 1e-8}, None),
    ],
    ids=str,
)  # fmt: skip
def test_a_class_is_checked_by_its_signature(change, message):
    config = put("variants.x", NADAM | change)
    try:
        validate(config, experiment_schema(classes({"variants": config["variants"]})))
    except ValueError as error:
        assert message and str(error).startswith(message)
    else:
        assert message is None


@pytest.mark.parametrize("name", ["summary.csv", "curves.PNG", "test.pdf", "README.md", "report.html", "train.log"])
def test_a_name_cannot_be_that_of_a_file_of_the_results(name):
    for place in ("networks", "variants"):
        config = copy.deepcopy(DEFAULT)
        config[place][name] = next(iter(config[place].values()))
        with pytest.raises(
            ValueError, match=f"'{re.escape(name)}' is named like a file of the results; choose another"
        ):
            validate(config, SCHEMA)


@pytest.mark.parametrize("place", ["networks", "variants"])
def test_two_names_that_differ_by_case_alone_are_refused_as_macos_would_make_them_one_folder(place):
    config = copy.deepcopy(DEFAULT)
    first = next(iter(config[place]))
    config[place][first.upper()] = config[place][first]
    with pytest.raises(ValueError, match=f"{place}: {first} and {first.upper()} would be one folder"):
        validate(config, SCHEMA)


def test_a_default_of_none_is_a_default(tmp_path):
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "clipped.py").write_text("def clipped(w, g, *, lr, clip=None):\n    w.sub_(lr * g)\n")
        mine = {"implementation": "custom", "optimizer": "clipped", "lr": 0.1}
        experiment_schema.cache_clear()
        for more in ({}, {"clip": None}, {"clip": 0.5}):
            config = {key: value for key, value in DEFAULT.items() if key != "sweep"} | {"variants": {"x": mine | more}}
            validate(config, experiment_schema())
    experiment_schema.cache_clear()


def test_a_missing_key_is_named():
    config = copy.deepcopy(DEFAULT)
    del config["curves"]
    with pytest.raises(ValueError, match="the key 'curves' is missing"):
        validate(config, SCHEMA)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  epochs: 20", "  epochs 20", 12),  # PyYAML reads on until it finds a colon
        ("  epochs: 20", "\tepochs: 20", 11),
        ("  epochs: 20", "   epochs: 20", 12),
    ],
    ids=["a missing colon", "a tab", "indentation"],
)
def test_a_mistake_in_the_layout_is_reported_where_yaml_finds_it(old, new, line):
    found = verdict(TEXT.replace(old, new).encode())
    assert re.match(rf"line {line}: .* \(is a colon missing, here or before, or is the line indented otherwise", found)


@pytest.mark.parametrize("key", ["50", "1.0", "true", "null"])
def test_a_name_that_yaml_reads_as_something_else_has_to_be_quoted(key):
    text = TEXT.replace("  text_100: [100, 100]", f"  {key}: [100, 100]").encode()
    assert re.search("is no text: put it into quotes", verdict(text))


def test_a_wrong_sweep_does_not_stop_the_default_run():
    validate(put("sweep.optimizers.nesterov.momentum", "high"), SCHEMA)


def test_two_variants_with_one_name_are_refused():
    text = TEXT.encode()
    validate(read_yaml(text), SCHEMA)
    with pytest.raises(ValueError, match=r"line [0-9]+: the key 'torch_sgd' is given twice"):
        read_yaml(text.replace(b"custom_sgd: ", b"torch_sgd: "))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("optimizers.adam.optimizer", "adm", "sweep.optimizers.adam.optimizer: 'adm' is not one of adagrad"),
        ("optimizers.adam.momentum", 0.9, "sweep.optimizers.adam: unknown key 'momentum'; the keys here are optimizer"),
        ("optimizers.sgd.lr", -1, "sweep.optimizers.sgd.lr: -1 is not greater than 0"),
        ("optimizers.sgd.lr", "1e-3", "sweep.optimizers.sgd.lr: '1e-3' is not a value, a list of values, or {log10: ["),
        ("optimizers.sgd.lr", [0.1, 0.1], "sweep.optimizers.sgd.lr: [0.1, 0.1] has a duplicate entry"),
        ("optimizers.adam.betas", {"log10": [-1, 0], "points": 2}, "sweep.optimizers.adam.betas: {'log10': [-1, 0]"),
        ("optimizers.sgd.lr", {"log10": [-3, 0]}, "sweep.optimizers.sgd.lr: the key 'points' is missing"),
        ("optimizers.sgd.momentum", {"log10": [-1, 0], "points": 2}, "sweep.optimizers.sgd.momentum: 1.0 is not less"),
        ("optimizers.sgd.nesterov", [True, False], "sweep.optimizers.sgd.nesterov: [True, False] is not of type bool"),
        ("optimizers.sgd.lr", [0.1, 0.10000001], "sweep.optimizers.sgd: two settings of the sweep are equal to six"),
        ("optimizers", {}, "sweep.optimizers: is empty"),
        ("optimizers.adam.schedule", "step", "sweep.optimizers.adam.schedule: 'step' is not one of constant"),
        ("training.epoch", 5, "sweep.training: unknown key 'epoch'; the keys here are epochs, batch_size, shuffle"),
        ("targets", [95], "sweep.targets.0: 95 is more than 1"),
        ("points_per_job", 4, "sweep: unknown key 'points_per_job'; the keys here are network, validation, training"),
    ],
)
def test_a_wrong_sweep_is_named_in_one_line(path, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        validate_sweep(put(f"sweep.{path}", value), SCHEMA)


def verdict(text: bytes) -> str | None:
    """None if the text is a valid experiment, else the error."""
    try:
        validate(read_yaml(text), SCHEMA)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "text",
    [
        "? {a: 1}\n: 2",
        "x: !!python/object/apply:os.system ['touch /tmp/descent-was-here']",
        "--- \nseeds: [1]",
        "%YAML 9.9",
        "a: 2024-13-45",
        "x: " + "[" * 3000,
        "\x00",
        "x: .inf",
        "sweep: 5",
        "sweep: &a {network: *a}",
        "x: !!bool foo",
        "x: !!float ''",
        "x: " + "9" * 5000,
        "sweep: {optimizers: 3}",
        "seeds: [0]\nseeds: [1]",
        "{x: 1, 2: ",
    ],
    ids=repr,
)
def test_any_text_is_one_readable_error(text):
    error = verdict(TEXT.encode() + text.encode())
    assert 10 < len(error) < 1000 and error.isprintable()


def test_snakemake_stops_with_a_readable_line(small_checkout):
    (small_checkout.path / "config.yaml").write_text("a: !!python/object/apply:os.system [x]")
    run = small_checkout.snakemake(check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    message = "config.yaml: line 1: could not determine a constructor for the tag"
    assert run.stderr.splitlines()[-1] == f"{message} 'tag:yaml.org,2002:python/object/apply:os.system'"
    assert not (small_checkout.path / "resources").exists()


def test_a_key_given_twice_in_a_file_of_the_command_line_is_refused(small_checkout):
    (small_checkout.path / "mine.yaml").write_text("device: cpu\ndevice: cpu\n")
    run = small_checkout.snakemake("--dry-run", "--configfile", "mine.yaml", check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith("mine.yaml: line 2: the key 'device' is given twice")


def test_a_folder_without_the_files_is_reported_before_any_job(small_checkout, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/t10k-images.gz").touch()
    small_checkout.edit_config(lambda config: config["data"].update(source="~/data"))
    run = small_checkout.snakemake(check=False, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert run.returncode == 1
    found = f"{tmp_path}/data has no train-images-idx3-ubyte, gzipped or not; it has t10k-images.gz"
    assert run.stderr.splitlines()[-1] == f"config.yaml: data.source: {found}"
    assert not (small_checkout.path / "resources").exists()


@pytest.mark.slow
def test_another_data_set_has_another_file_and_the_way_back_downloads_nothing(unstarted, small_mnist):
    first, labels = unstarted.data, "train-labels-idx1-ubyte"
    before = yaml.safe_load((unstarted.path / "config.yaml").read_text())["data"]
    unstarted.edit_config(lambda config: config["data"]["sha256"].update({labels: "0" * 64}))
    run = unstarted.snakemake(check=False)
    assert run.returncode and f"{labels}.gz is not the expected file" in run.stdout
    assert unstarted.data == first
    unstarted.edit_config(lambda config: config.update(data=before))
    assert "download_mnist" not in unstarted.stale()


def test_what_the_command_line_changes_is_checked_too(small_checkout):
    run = small_checkout.snakemake("--config", "device=tpu", check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == "config.yaml: device: 'tpu' is not one of auto, cpu, cuda"
