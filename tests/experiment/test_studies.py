"""What the rules compute from config.yaml, without Snakemake: studies, variants, grids."""

import json

import yaml
from cases import optimizers_in
from checkouts import REPOSITORY
from descent.data.idx_files import SHA256
from descent.experiment import grids
from descent.experiment.studies import contradiction, studies, what_makes
from descent.experiment.variants import in_words, meaning, name_of, twin_hyperparameters, twins_of
from descent.optimizers import FOLDER
from descent.report.figures import figures

SGD = {"optimizer": "sgd", "lr": 0.01}
CUSTOM, TORCH = {"implementation": "custom"} | SGD, {"implementation": "torch"} | SGD
VARIANTS = {"torch_sgd": TORCH, "custom_sgd": CUSTOM, "faster": CUSTOM | {"lr": 0.1}, "again": CUSTOM}
GRIDS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["sweep"]["optimizers"]
CONFIG = {"seeds": [7, 0], "networks": {"a": [8, 8], "b": {"hidden": [6], "activation": "tanh"}}, "variants": VARIANTS}
CONFIG |= {"training": {"epochs": 20, "shuffle": False}, "evaluation": {"batch_size": 256}, "data": {"source": None}}
SWEEP = {"network": "b", "validation": 100, "training": {"epochs": 5}, "seeds": 3, "final_seeds": 2}
SWEEP["optimizers"] = {"sgd": {"optimizer": "sgd", "lr": [0.1, 1]}}


def test_each_network_is_a_study_and_so_are_a_sweeps_trials_and_its_final_runs():
    alone, swept = studies(CONFIG), studies(CONFIG | {"sweep": SWEEP})
    tanh, data = CONFIG["networks"]["b"], dict.fromkeys(SHA256, "0" * 64)
    assert [its.network for its in alone.values()] == [{"hidden": [8, 8], "activation": "relu"}, tanh]
    others = [0, 7], CONFIG["training"] | {"evaluation_batch_size": 256}, VARIANTS, SHA256
    assert {name: its[1:] for name, its in alone.items()} == {"a": others, "b": others}
    trials, final = swept.pop("sweep/trials"), swept.pop("sweep/final")
    assert swept == alone == studies(CONFIG | {"sweep": SWEEP | {"network": "renamed"}})
    assert (trials.network, trials.seeds, final.seeds) == (tanh, [1000, 1001, 1002], [2000, 2001])
    assert trials.training == {"epochs": 5, "shuffle": False, "evaluation_batch_size": 256, "validation": 100}
    assert final.training == trials.training | {"test": True}
    assert list(trials.variants) == ["sgd_lr=0.001", "sgd_lr=0.1", "sgd_lr=1"], "the default setting and the points"
    assert {its.data == data for its in studies(CONFIG | {"data": {"sha256": data}, "sweep": SWEEP}).values()} == {True}


def test_twins_differ_in_their_implementation_alone_and_the_custom_one_comes_first():
    assert twins_of(VARIANTS) == [("custom_sgd", "torch_sgd"), ("again", "torch_sgd")]
    assert twins_of({name: TORCH for name in "ab"}) == []
    assert twin_hyperparameters(VARIANTS) == {"sgd": [{"lr": 0.01}]}, "once"


def test_a_network_has_a_figure_of_all_variants_one_for_each_pair_of_twins_and_one_for_each_that_is_no_torch_twin():
    assert [(its.name, its.kind, its.variants) for its in figures(list(VARIANTS), twins_of(VARIANTS))] == [
        ("curves", "all", list(VARIANTS)), ("test", "test", list(VARIANTS)),
        *((f"{custom}+torch_sgd", "twins", [custom, "torch_sgd"]) for custom in ("custom_sgd", "again")),
        *((f"{custom}/curves", "alone", [custom]) for custom in ("custom_sgd", "faster", "again")),
    ]  # fmt: skip


def test_a_setting_reads_the_same_whatever_the_order_of_its_hyperparameters():
    setting = {"weight_decay": 0, "schedule": "linear", "betas": [0.9, 0.99], "lr": 1e-5, "nesterov": True}
    for its in (setting, dict(reversed(setting.items()))):
        assert in_words(its) == "lr 1e-05, betas [0.9, 0.99], nesterov true, weight_decay 0, schedule linear"


def test_a_grid_has_every_combination_row_by_row_of_learning_rates_and_a_default_setting():
    points = grids.points({"momentum": [0, 0.9], "optimizer": "sgd", "lr": [0.1, 1]})
    assert [(point["lr"], point["momentum"]) for point in points] == [(0.1, 0), (1, 0), (0.1, 0.9), (1, 0.9)]
    assert {len(grids.points(grid)) for grid in GRIDS.values()} == {9}, "the default grids have as many trials each"
    assert name_of(grids.points(GRIDS["momentum"])[4]) == "sgd_lr=0.1_momentum=0.9_schedule=linear"
    assert name_of(grids.default(GRIDS["momentum"])) == "sgd_lr=0.001_momentum=0.9_schedule=linear"


def test_schedule_and_warmup_may_be_axes():
    grid = {"optimizer": "sgd", "lr": 0.1, "schedule": ["constant", "cosine"], "warmup": [0, 0.05]}
    *points, last = grids.points(grid)
    assert (len(points), name_of(last)) == (3, "sgd_lr=0.1_schedule=cosine_warmup=0.05")
    assert name_of(grids.default(grid)) == "sgd_lr=0.1_schedule=constant_warmup=0"
    assert grids.edges(grid, last) == ["warmup"]
    its = meaning(last)
    assert (its["hyperparameters"], its["schedule"], its["warmup"]) == ({"lr": 0.1}, "cosine", 0.05)


def test_spaced_values_are_powers_of_ten_to_six_digits():
    assert grids.axis_values({"log10": [-2, 0], "points": 5}) == [0.01, 0.0316228, 0.1, 0.316228, 1]
    assert grids.axis_values({"log10": [-2, 0], "points": 1}) == [0.01]


def test_a_point_has_one_name_whatever_the_order_of_the_grids_keys():
    adam = {"optimizer": "adam", "lr": [0.1, 0.2], "betas": [0.9, 0.99], "eps": 1e-6}
    names = ["adam_lr=0.1_betas=0.9-0.99_eps=1e-06", "adam_lr=0.2_betas=0.9-0.99_eps=1e-06"]
    default = "adam_lr=0.001_betas=0.9-0.99_eps=1e-06"
    assert grids.trials({"a": adam, "b": dict(reversed(adam.items()))}) == names
    assert grids.final({"a": adam}, {"a": names[0]}) == [default, names[0]]
    assert name_of(CUSTOM | {"mode": "../X y", "nesterov": True}) == "sgd_lr=0.01_mode=..-x-y_nesterov=true"


def test_a_setting_is_at_an_edge_if_it_has_the_smallest_or_the_largest_of_several_values_and_pairs_have_none():
    two = {"optimizer": "adam", "lr": [0.1, 0.2], "betas": [[0.9, 0.99], [0.5, 0.9]], "eps": 1e-6}
    assert (grids.default(two)["betas"], grids.swept(two)) == ([0.9, 0.999], ["lr", "betas"])
    assert [grids.edges(two, point) for point in grids.points(two)[:2]] == [["lr"], ["lr"]], "the smallest, the largest"
    assert [grids.edges({"optimizer": "sgd", "lr": [1, 0.1, 10]}, {"lr": lr}) for lr in (1, 0.1)] == [[], ["lr"]]


def test_a_default_that_is_written_out_means_the_same():
    adam = {"implementation": "torch", "optimizer": "adam", "lr": 1.0}
    same = {"momentum": 0.0, "nesterov": False, "weight_decay": 0, "schedule": "constant", "warmup": 0.0}
    assert meaning(CUSTOM | same) == meaning(CUSTOM)
    assert meaning(CUSTOM | {"lr": 0.001})["hyperparameters"] == {"lr": 0.001}, "it must be given: it is never left out"
    assert meaning(TORCH | {"dampening": 0} | same) == meaning(TORCH)
    assert meaning(adam | {"betas": [0.9, 0.999], "amsgrad": False}) == meaning(adam)
    assert meaning(adam | {"amsgrad": True})["hyperparameters"] == {"lr": 1, "amsgrad": True}
    assert str(meaning(adam | {"betas": [0.0, 0.9]})["hyperparameters"]) == "{'lr': 1, 'betas': [0, 0.9]}"
    assert meaning(CUSTOM | {"warmup": 0.1}) != meaning(CUSTOM)
    assert twins_of({"a": CUSTOM | same, "b": TORCH}) == [("a", "b")]


def test_a_default_of_the_rule_alone_is_none(tmp_path):
    """A student's SGD has a momentum of 0.9 by default."""
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "sgd.py").write_text("def sgd(w, g, v, *, lr, momentum=0.9):\n    w.sub_(lr * g)\n")
        ours, theirs = (meaning(its | {"momentum": 0.9}) for its in (CUSTOM, TORCH))
        assert ours["hyperparameters"] == theirs["hyperparameters"] == {"lr": 0.01, "momentum": 0.9}


def test_a_run_of_another_setting_or_another_rule_contradicts_its_study():
    study, rule = studies(CONFIG)["a"], (FOLDER / "sgd.py").read_text(encoding="utf-8")
    sources = {"sgd.py": {"text": rule + "# a comment\n"}}
    record = what_makes(study, "custom_sgd") | {"package": None, "sources": sources}
    assert contradiction(study, "custom_sgd", record) == ""
    for key, wanted, made in (
        ("epochs", 20, None), ("seeds", [0, 7], [0, 8]), ("hidden", [8, 8], [8, 9]), ("activation", "relu", "tanh"),
        ("schedule", "constant", "linear"), ("validation", 0, 100), ("test", False, True), ("data", SHA256, {}),
    ):  # fmt: skip
        said = contradiction(study, "custom_sgd", record | {key: made})
        assert said == f"{key} is {json.dumps(wanted)}, but it was trained with {json.dumps(made)}"
    for change, why in (
        ({"hyperparameters": {"lr": 0.1}}, "lr is 0.01, but it was trained with 0.1"),
        ({"hyperparameters": {"lr": 0.01, "momentum": 0.9}}, "momentum is null, but it was trained with 0.9"),
        ({"hyperparameters": {}}, "lr is 0.01, but it was trained with null"),
        ({"sources": {"sgd.py": {"text": rule.replace("-lr", "lr")}}}, "it was trained with another sgd.py"),
        ({"sources": {}}, "it was trained with another sgd.py"),
        ({"sources": sources | {"helper.py": {"text": ""}}}, "it was trained with another helper.py"),
        ({"package": "sgd 1.0"}, "sgd is of None, but it was trained with that of sgd 1.0"),
    ):
        assert contradiction(study, "custom_sgd", record | change).endswith(why)
