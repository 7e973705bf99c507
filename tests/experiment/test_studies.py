"""What the rules compute from config.yaml, without Snakemake: studies, variants, grids."""

import yaml
from cases import optimizers_in
from checkouts import REPOSITORY
from descent.experiment import grids
from descent.experiment.studies import contradiction, studies, what_makes
from descent.experiment.variants import in_words, meaning, name_of, twin_hyperparameters, twins_of
from descent.optimizers import FOLDER, own_sources
from descent.report.figures import figures

SGD = {"optimizer": "sgd", "lr": 0.01}
VARIANTS = {
    "torch_sgd": {"implementation": "torch"} | SGD,
    "custom_sgd": {"implementation": "custom"} | SGD,
    "faster": {"implementation": "custom", "optimizer": "sgd", "lr": 0.1},
    "again": {"implementation": "custom"} | SGD,
}
GRIDS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["sweep"]["optimizers"]
CONFIG = {
    "seeds": [7, 0],
    "networks": {"a": [8, 8], "b": {"hidden": [6], "activation": "tanh"}},
    "training": {"epochs": 20, "shuffle": False},
    "evaluation": {"batch_size": 256},
    "variants": VARIANTS,
    "data": {"source": None},
}
SWEEP = {"network": "b", "validation": 100, "training": {"epochs": 5}, "seeds": 3, "final_seeds": 2}
SWEEP["optimizers"] = {"sgd": {"optimizer": "sgd", "lr": [0.1, 1]}}


def test_each_network_is_a_study_and_so_are_a_sweeps_trials_and_its_final_runs():
    alone = studies(CONFIG)
    tanh = {"hidden": [6], "activation": "tanh"}
    assert {name: study.network for name, study in alone.items()} == {
        "a": {"hidden": [8, 8], "activation": "relu"},
        "b": tanh,
    }
    assert all(study.seeds == [0, 7] for study in alone.values())
    assert all(study.variants == VARIANTS for study in alone.values())
    swept = studies(CONFIG | {"sweep": SWEEP})
    trials, final = swept.pop("sweep/trials"), swept.pop("sweep/final")
    assert swept == alone
    assert (trials.network, trials.seeds, final.seeds) == (tanh, [1000, 1001, 1002], [2000, 2001])
    assert trials.training == {"epochs": 5, "shuffle": False, "evaluation_batch_size": 256, "validation": 100}
    assert final.training == trials.training | {"test": True}
    assert list(trials.variants) == ["sgd_lr=0.001", "sgd_lr=0.1", "sgd_lr=1"], "the default setting and the points"
    assert studies(CONFIG | {"sweep": SWEEP | {"network": "renamed"}}) == alone


def test_twins_differ_in_their_implementation_alone_and_the_custom_one_comes_first():
    assert twins_of(VARIANTS) == [("custom_sgd", "torch_sgd"), ("again", "torch_sgd")]
    assert twins_of({name: {"implementation": "torch"} | SGD for name in "ab"}) == []
    assert twin_hyperparameters(VARIANTS) == {"sgd": [{"lr": 0.01}]}, "once"
    assert own_sources("custom", "adamw") == [FOLDER / "adam.py", FOLDER / "adamw.py"]
    assert own_sources("torch", "sgd") == own_sources("torch", "schedulefree.SGDScheduleFree") == []


def test_a_network_has_a_figure_of_all_variants_one_for_each_pair_of_twins_and_one_for_each_that_is_no_torch_twin():
    assert [(its.name, its.kind, its.variants) for its in figures(list(VARIANTS), twins_of(VARIANTS))] == [
        ("curves", "all", list(VARIANTS)),
        ("test", "test", list(VARIANTS)),
        ("custom_sgd+torch_sgd", "twins", ["custom_sgd", "torch_sgd"]),
        ("again+torch_sgd", "twins", ["again", "torch_sgd"]),
        *((f"{variant}/curves", "alone", [variant]) for variant in VARIANTS if variant != "torch_sgd"),
    ]


def test_a_setting_reads_the_same_whatever_the_order_of_its_hyperparameters():
    setting = {"betas": [0.9, 0.99], "lr": 1e-5, "nesterov": True}
    assert (
        in_words(setting) == in_words(dict(reversed(setting.items()))) == "lr 1e-05, betas [0.9, 0.99], nesterov true"
    )


def test_the_default_grids_have_as_many_trials_each():
    assert {len(grids.points(grid)) for grid in GRIDS.values()} == {9}
    assert name_of(grids.points(GRIDS["momentum"])[4]) == "sgd_lr=0.1_momentum=0.9_schedule=linear"
    assert name_of(grids.default(GRIDS["momentum"])) == "sgd_lr=0.001_momentum=0.9_schedule=linear"


def test_schedule_and_warmup_may_be_axes():
    grid = {"optimizer": "sgd", "lr": 0.1, "schedule": ["constant", "cosine"], "warmup": [0, 0.05]}
    assert len(grids.points(grid)) == 4
    assert name_of(grids.points(grid)[-1]) == "sgd_lr=0.1_schedule=cosine_warmup=0.05"
    assert name_of(grids.default(grid)) == "sgd_lr=0.1_schedule=constant_warmup=0"
    assert grids.edges(grid, grids.points(grid)[-1]) == ["warmup"]
    its = meaning(grids.points(grid)[-1])
    assert (its["hyperparameters"], its["schedule"], its["warmup"]) == ({"lr": 0.1}, "cosine", 0.05)


def test_spaced_values_are_powers_of_ten_to_six_digits():
    assert grids.axis_values({"log10": [-2, 0], "points": 5}) == [0.01, 0.0316228, 0.1, 0.316228, 1]
    assert grids.axis_values({"log10": [-2, 0], "points": 1}) == [0.01]


def test_a_grid_has_every_combination_row_by_row_of_learning_rates():
    points = grids.points({"momentum": [0, 0.9], "optimizer": "sgd", "lr": [0.1, 1]})
    assert [(point["lr"], point["momentum"]) for point in points] == [(0.1, 0), (1, 0), (0.1, 0.9), (1, 0.9)]


def test_a_point_has_one_name_whatever_the_order_of_the_grids_keys():
    adam = {"optimizer": "adam", "lr": [0.1, 0.2], "betas": [0.9, 0.99], "eps": 1e-6}
    names = ["adam_lr=0.1_betas=0.9-0.99_eps=1e-06", "adam_lr=0.2_betas=0.9-0.99_eps=1e-06"]
    assert grids.trials({"a": adam, "b": dict(reversed(adam.items()))}) == names
    assert name_of(grids.default(adam)) == "adam_lr=0.001_betas=0.9-0.99_eps=1e-06"
    two = adam | {"betas": [[0.9, 0.99], [0.5, 0.9]]}
    assert grids.default(two)["betas"] == [0.9, 0.999]
    assert grids.swept(two) == ["lr", "betas"]
    assert [grids.edges(two, point) for point in grids.points(two)[:2]] == [["lr"], ["lr"]], "the smallest, the largest"
    assert [grids.edges({"optimizer": "sgd", "lr": [1, 0.1, 10]}, {"lr": lr}) for lr in (1, 0.1)] == [[], ["lr"]]


def test_a_default_that_is_written_out_means_the_same():
    plain, adam = {"implementation": "custom", **SGD}, {"implementation": "torch", "optimizer": "adam", "lr": 0.001}
    same = {"momentum": 0.0, "nesterov": False, "weight_decay": 0, "schedule": "constant", "warmup": 0.0}
    assert meaning(plain | same) == meaning(plain)
    assert meaning(plain)["hyperparameters"] == {"lr": 0.01}, "lr must be given, so it is never left out"
    assert meaning(plain | {"implementation": "torch", "dampening": 0} | same) == meaning(VARIANTS["torch_sgd"])
    assert meaning(adam | {"betas": [0.9, 0.999], "amsgrad": False}) == meaning(adam)
    assert meaning(adam | {"amsgrad": True})["hyperparameters"] == {"lr": 0.001, "amsgrad": True}
    assert meaning(plain | {"warmup": 0.1}) != meaning(plain)
    betas = {"implementation": "custom", "optimizer": "adam", "lr": 1}
    assert meaning(betas | {"betas": [0.0, 0.9]}) == meaning(betas | {"betas": [0, 0.9]})
    assert name_of(plain | {"mode": "../x y"}) == "sgd_lr=0.01_mode=..-x-y"
    assert twins_of({"a": plain | same, "b": {"implementation": "torch", **SGD}}) == [("a", "b")]
    assert twin_hyperparameters({"a": plain | same, "b": {"implementation": "torch", **SGD}}) == {"sgd": [{"lr": 0.01}]}


def test_a_default_of_the_rule_alone_is_none(tmp_path):
    """A student's SGD has a momentum of 0.9 by default."""
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "sgd.py").write_text("def sgd(w, g, v, *, lr, momentum=0.9):\n    w.sub_(lr * g)\n")
        ours, theirs = ({"implementation": its, **SGD, "momentum": 0.9} for its in ("custom", "torch"))
        assert meaning(ours)["hyperparameters"] == meaning(theirs)["hyperparameters"] == {"lr": 0.01, "momentum": 0.9}
        assert twins_of({"a": ours, "b": theirs}) == [("a", "b")]


def test_a_run_of_another_setting_or_another_rule_contradicts_its_study():
    study = studies(CONFIG)["a"]
    rule = (FOLDER / "sgd.py").read_text(encoding="utf-8")
    record = what_makes(study, "custom_sgd") | {"package": None}
    record["sources"] = {"sgd.py": {"text": rule + "# a comment\n"}}
    assert contradiction(study, "custom_sgd", record) == ""
    missing = {key: value for key, value in record.items() if key != "dtype"}
    assert contradiction(study._replace(training=study.training | {"dtype": "float32"}), "custom_sgd", missing)
    for change, why in (
        ({"hyperparameters": {"lr": 0.1}}, "lr is 0.01, but it was trained with 0.1"),
        ({"hyperparameters": {"lr": 0.01, "momentum": 0.9}}, "momentum is null, but it was trained with 0.9"),
        ({"hyperparameters": {}}, "lr is 0.01, but it was trained with null"),
        ({"seeds": [0, 8]}, "seeds is [0, 7], but it was trained with [0, 8]"),
        ({"hidden": [8, 9]}, "hidden is [8, 8], but it was trained with [8, 9]"),
        ({"activation": "tanh"}, 'activation is "relu", but it was trained with "tanh"'),
        ({"schedule": "linear"}, 'schedule is "constant", but it was trained with "linear"'),
        ({"data": {}}, "but it was trained with {}"),
        ({"sources": {"sgd.py": {"text": rule.replace("-lr", "lr")}}}, "it was trained with another sgd.py"),
        ({"sources": {}}, "it was trained with another sgd.py"),
        ({"package": "sgd 1.0"}, "sgd is of None, but it was trained with that of sgd 1.0"),
    ):
        assert contradiction(study, "custom_sgd", record | change).endswith(why)
