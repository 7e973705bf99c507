"""What is asked of a handed-in rule, and what its hyperparameters are called in ``torch.optim``."""

import functools
from typing import Any, NamedTuple

from descent.optimizers import Rule
from descent.optimizers._classes import constructor_hyperparameters, torch_class

# Other usual names of PyTorch's hyperparameters, of a pair two. The first that fits is meant.
OTHER_NAMES: dict[str, list[str | tuple[str, str]]] = {
    "lr": ["learning_rate", "eta", "η", "α", "alpha"],
    "betas": [("beta1", "beta2"), ("β1", "β2"), ("b1", "b2")],
    "alpha": ["rho", "ρ", "decay_rate", "beta", "β"],
    "momentum": ["mu", "μ", "beta", "β"],
    "weight_decay": ["wd", "l2", "λ"],
    "eps": ["epsilon", "ε"],
}


class Translated(NamedTuple):
    """A rule with PyTorch's names of its hyperparameters."""

    rule: Rule
    remarks: list[str]  # which names were taken for which, and defaults that differ
    unknown: list[str]  # hyperparameters that the class has not, so that nothing can be compared


def translate(name: str, rule: Rule) -> Translated:
    """Give a rule the names of its class of ``torch.optim``; it stays as it is if there is no class."""
    its_class = torch_class(name)
    if its_class is None:
        return Translated(rule, [], [])
    usual, required = constructor_hyperparameters(its_class)
    left = [*rule.required, *rule.defaults]
    called: dict[str, tuple[str, ...]] = {}
    for its in [*required, *usual]:
        names = [its, *OTHER_NAMES.get(its, [])]
        fits = (own for own in (((n,) if isinstance(n, str) else n) for n in names) if set(own) <= set(left))
        if own := next((own for own in fits if own == (its,) or not {*own} & {*usual, *required}), None):
            called[its] = own
            left = [other for other in left if other not in own]
    values = {its: [rule.defaults.get(other) for other in own] for its, own in called.items()}
    without = {its for its, own in called.items() if set(own) & set(rule.required)}
    defaults = {its: value[0] if len(value) == 1 else value for its, value in values.items() if its not in without}
    defaults |= {other: rule.defaults[other] for other in left if other in rule.defaults}
    others = [other for other in left if other not in rule.defaults]
    remarks = [
        f"{' and '.join(own)} {'is' if len(own) == 1 else 'are'} taken for {its}"
        for its, own in called.items()
        if own != (its,)
    ]
    remarks += [
        f"its default {its} is {defaults[its]}, PyTorch's {usual[its]}"
        for its in called
        if its != "lr" and its in defaults and its in usual and defaults[its] != usual[its]
    ]
    renamed = rule._replace(
        update=with_names(rule, called),
        defaults=defaults,
        required=[*(its for its in called if its in without), *others],
    )
    return Translated(renamed if remarks else rule, remarks, left)


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

    return Renamed
