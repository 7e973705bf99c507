"""What is asked of a handed-in rule, and what its hyperparameters are called in ``torch.optim``."""

import functools
from typing import Any, NamedTuple

from descent.optimizers import Rule
from descent.optimizers._classes import constructor_hyperparameters, torch_class

# Other usual names of PyTorch's hyperparameters, of a pair two. The first that fits is meant.
OTHER_NAMES: dict[str, list[str | tuple[str, str]]] = {
    "lr": ["learning_rate", "eta", "η", "α", "alpha"],
    "betas": [("beta1", "beta2"), ("beta_1", "beta_2"), ("β1", "β2"), ("b1", "b2")],
    "alpha": ["rho", "ρ", "decay_rate", "beta", "β"],
    "momentum": ["mu", "μ", "beta", "β", "gamma", "γ"],
    "weight_decay": ["wd", "l2", "λ", "lam", "lambda_"],
    "eps": ["epsilon", "ε"],
}


class Translated(NamedTuple):
    """A rule with PyTorch's names of its hyperparameters."""

    rule: Rule
    known: dict[str, Any]  # the hyperparameters to compare, with the defaults of the class, or of a rule without one
    remarks: list[str]  # which names were taken for which, and defaults that differ
    unknown: list[str]  # hyperparameters that the class has not, so that nothing can be compared


def translate(name: str, rule: Rule) -> Translated:
    """Give a rule the names of its class of ``torch.optim``; it stays as it is if there is no class."""
    left, its_class = [*rule.required, *rule.defaults], torch_class(name)
    if its_class is None:
        return Translated(rule, {its: rule.defaults.get(its, 0) for its in left}, [], [])
    usual, required = constructor_hyperparameters(its_class)
    classs = dict.fromkeys(required, 0) | usual
    called: dict[str, tuple[str, ...]] = {}
    for its in classs:
        names = [its, *OTHER_NAMES.get(its, [])]
        for own in ((one,) if isinstance(one, str) else one for one in names):
            if its not in called and set(own) <= set(left) and (own == (its,) or not {*own} & classs.keys()):
                called[its] = own
                left = [other for other in left if other not in own]
    remarks = [
        f"{' and '.join(own)} {'is' if len(own) == 1 else 'are'} taken for {its}"
        for its, own in called.items()
        if own != (its,)
    ]
    defaults = {other: rule.defaults[other] for other in left if other in rule.defaults}
    for its, own in called.items():
        if set(own) <= rule.defaults.keys():
            values = [rule.defaults[other] for other in own]
            defaults[its] = values if len(own) > 1 else values[0]
            if its != "lr" and defaults[its] != classs[its]:
                remarks.append(f"its default {its} is {defaults[its]}, PyTorch's {classs[its]}")
    renamed = rule._replace(
        update=with_names(rule, called) if any(own != (its,) for its, own in called.items()) else rule.update,
        defaults=defaults,
        required=[other for other in left if other in rule.required],
    )
    return Translated(renamed, {its: classs[its] for its in called}, remarks, left)


def with_names(rule: Rule, called: dict[str, tuple[str, ...]]) -> Any:
    """A rule's function or class that takes its hyperparameters by other names, a pair as one."""

    def own_names(given: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for its, value in given.items():
            own = called.get(its, (its,))
            found |= dict(zip(own, [value] if len(own) == 1 else value))
        return found

    if rule.is_function:
        return functools.wraps(rule.update)(lambda *tensors, **given: rule.update(*tensors, **own_names(given)))

    its_class: Any = rule.update

    class Renamed(its_class):
        def __init__(self, parameters: Any, **given: Any) -> None:
            super().__init__(parameters, **own_names(given))

    Renamed.__module__ = its_class.__module__  # where its file is looked for
    return Renamed
