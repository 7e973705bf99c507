"""What the rules compute from config.yaml, without Snakemake."""

from descent.experiment import figures, options, plot_options, stacks, twin_settings, twins, variant_options
from descent.settings import in_words

SGD = {"optimizer": "sgd", "lr": 0.01}
VARIANTS = {
    "torch_sgd": {"implementation": "torch"} | SGD,
    "custom_sgd": {"implementation": "custom"} | SGD,
    "faster": {"implementation": "custom", "optimizer": "sgd", "lr": 0.1},
    "again": {"implementation": "custom"} | SGD,
}


def test_options_are_quoted_words_in_the_order_of_their_names():
    assert options(seeds=[0, 1], drop_last=True, shuffle=False) == "--drop-last --seeds 0 1 --no-shuffle"
    assert options(source=None, networks=[], epochs=20) == "--epochs 20"
    assert options(source="a b; $(x)") == "--source 'a b; $(x)'"
    assert options(pair=[("a", "b"), ("c", "d")]) == "--pair a b --pair c d"


def test_a_variants_hyperparameters_are_one_option_whatever_their_order_in_the_config():
    variant = {"implementation": "custom", "optimizer": "adam", "lr": 0.001, "betas": [0.9, 0.99]}
    expected = "--hyperparameters 'betas=[0.9, 0.99]' lr=0.001 --implementation custom --optimizer adam"
    assert variant_options(variant) == variant_options(dict(reversed(variant.items()))) == expected


def test_twins_differ_in_their_implementation_alone_and_the_custom_one_comes_first():
    assert twins(VARIANTS) == [("custom_sgd", "torch_sgd"), ("again", "torch_sgd")]


def test_a_setting_reads_the_same_whatever_the_order_of_its_hyperparameters():
    setting = {"betas": [0.9, 0.99], "lr": 1e-5, "nesterov": True}
    assert (
        in_words(setting) == in_words(dict(reversed(setting.items()))) == ("lr 1e-05, betas [0.9, 0.99], nesterov true")
    )


def test_what_twins_train_with_is_listed_once():
    assert twin_settings(VARIANTS) == [("sgd", '{"lr": 0.01}')]


def test_a_network_has_a_figure_of_all_variants_one_for_each_pair_of_twins_and_one_for_each_variant():
    assert figures(VARIANTS) == {
        "curves": list(VARIANTS),
        "custom_sgd+torch_sgd": ["custom_sgd", "torch_sgd"],
        "again+torch_sgd": ["again", "torch_sgd"],
    } | {f"{variant}/curves": [variant] for variant in VARIANTS}


def test_curves_are_drawn_from_every_variants_folder():
    pair = {variant: VARIANTS[variant] for variant in ("custom_sgd", "torch_sgd")}
    assert plot_options("net", pair, 50) == (
        "--figure results/net/curves custom_sgd torch_sgd"
        " --figure results/net/custom_sgd+torch_sgd custom_sgd torch_sgd"
        " --figure results/net/custom_sgd/curves custom_sgd --figure results/net/torch_sgd/curves torch_sgd"
        " --run custom_sgd custom results/net/custom_sgd --run torch_sgd torch results/net/torch_sgd --smoothing 50"
        " --test-figure results/net/test"
    )


def test_every_network_is_initialized_for_the_seeds_and_one_of_them_for_the_sweeps():
    config = {"seeds": [7, 0], "networks": {"a": [8, 8], "b": [6]}}
    alone = {"a": {"hidden": [8, 8], "seeds": [0, 7]}, "b": {"hidden": [6], "seeds": [0, 7]}}
    assert stacks(config) == alone
    sweep = {"network": "b", "seeds": 3, "final": {"seeds": 2}}
    assert stacks(config | {"sweep": sweep}) == alone | {
        "sweep/b/trials": {"hidden": [6], "seeds": [1000, 1001, 1002]},
        "sweep/b/final": {"hidden": [6], "seeds": [2000, 2001]},
    }
    assert stacks(config | {"sweep": sweep | {"network": "renamed"}}) == alone
