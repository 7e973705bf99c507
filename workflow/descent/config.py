"""What is wrong with an experiment's configuration, in one line that names the key and what is allowed."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from descent import sweep as grid
from descent.optimizers import OPTIMIZERS, defaults


def is_number(checker: Any, value: Any) -> bool:
    """A finite number; True and False, NaN and the infinities are none."""
    return is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


def is_integer(checker: Any, value: Any) -> bool:
    """A whole number written as one: 20, not 20.0."""
    return isinstance(value, int) and not isinstance(value, bool)


Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": is_number, "integer": is_integer}),
)


class UniqueKeyLoader(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice, of which PyYAML would silently keep the last, say a variant's."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise ValueError(f"line {node.value[i][0].start_mark.line + 1}: the key {key!r} is given twice")
        return super().construct_mapping(node, deep)


def load(text: bytes) -> dict:
    """Parse the text of config.yaml; raise ValueError with one readable line if that cannot be done."""
    try:
        config = yaml.load(text.decode(), UniqueKeyLoader)
    except UnicodeDecodeError:
        raise ValueError("is not a text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        raise ValueError(f"line {where.line + 1}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(config, dict):
        raise ValueError(f"is no mapping of keys to values, but {shorten(config)}")
    return config


def experiment_schema() -> dict:
    """The JSON Schema of config.yaml: config.schema.yaml, with the optimizers of optimizers.py put in."""
    schema = yaml.safe_load((Path(__file__).parents[1] / "schemas/config.schema.yaml").read_text())
    definitions = schema["$defs"]
    ranges = definitions["hyperparameters"]
    definitions["variant"]["properties"] = {"optimizer": {"enum": list(OPTIMIZERS)}}
    definitions["sweep"]["properties"] = definitions["variant"]["properties"]
    definitions["variant"]["allOf"], definitions["sweep"]["allOf"] = [], []
    for optimizer, entry in OPTIMIZERS.items():
        implementations = ["custom", "torch"] if entry.torch else ["custom"]
        hyperparameters = defaults(optimizer)
        allowed = {name: ranges["properties"].get(name, ranges["additionalProperties"]) for name in hyperparameters}
        required = [name for name, default in hyperparameters.items() if default is None]
        swept = {name: axis(values, definitions["spaced"]) for name, values in allowed.items()}
        for definition, keys in {
            "variant": {"implementation": {"enum": implementations}, "optimizer": True} | allowed,
            "sweep": {"optimizer": True} | definitions["sweep_settings"] | swept,
        }.items():
            then = {"additionalProperties": False, "required": required, "properties": keys}
            definitions[definition]["allOf"].append(
                {"if": {"properties": {"optimizer": {"const": optimizer}}}, "then": then}
            )
    return schema


def axis(values: dict, spaced: dict) -> dict:
    """The schema of a sweep's axis: one of the ``values`` that a hyperparameter may have, several, or ``spaced`` ones.

    True and False are not for sweeping: a stack of networks has one of them.
    """
    if values["type"] == "boolean":
        return values
    items = {"type": "number"} if "boolean" in values["type"] else values
    several = {"type": "array", "minItems": 1, "uniqueItems": True, "items": items}
    return {"anyOf": [values, several] if values["type"] == "array" else [values, several, spaced]}


def check(config: Mapping, schema: Mapping) -> None:
    """Raise ValueError with one readable line if ``config`` does not fit ``schema``, which experiment_schema made."""
    fit(config, schema)
    if "sweep" in config:
        check_sweep(config["sweep"], config["networks"], schema)


def check_sweep(sweep: Mapping, networks: Mapping, schema: Mapping) -> None:
    """The same for what the schema cannot say of a sweep: its network is there, and each point would be a variant."""
    if sweep["network"] not in networks:
        raise ValueError(f"sweep.network: {shorten(sweep['network'])} is not one of {', '.join(networks)}")
    axes = grid.axes(sweep)
    for hyperparameter, values in axes.items():
        for value in values:
            point = {name: others[0] for name, others in axes.items()} | {hyperparameter: value}
            point |= {"implementation": "custom", "optimizer": sweep["optimizer"]}
            fit(point, {"$ref": "#/$defs/variant", "$defs": schema["$defs"]}, "sweep")
    names = [grid.name(point) for point in grid.points(sweep)]
    if len(set(names)) < len(names):
        raise ValueError("sweep: two points of the grid differ in less than six digits")


def fit(config: Mapping, schema: Mapping, path: str = "") -> None:
    """Raise ValueError with one readable line if ``config``, found under ``path``, does not fit a JSON Schema."""
    error = best_match(Validator(schema).iter_errors(config))
    if error is not None:
        path = ".".join([*filter(None, [path]), *(shorten(key).strip("'") for key in error.absolute_path)])
        raise ValueError(f"{path or 'top level'}: {explain(error)}")


def explain(error: ValidationError) -> str:
    """Say what is wrong and what is allowed instead, for the keywords that the schema uses."""
    value, allowed = shorten(error.instance), error.validator_value
    match error.validator:
        case "additionalProperties":
            known = list(error.schema["properties"])
            unknown = ", ".join(shorten(key) for key in error.instance if key not in known)
            return f"unknown key {unknown}{comma_hint(error)}; the keys here are {', '.join(known)}"
        case "required":
            return f"the key {', '.join(repr(key) for key in allowed if key not in error.instance)} is missing"
        case "enum":
            return f"{value} is not one of {', '.join(map(str, allowed))}"
        case "type":
            kinds = " or ".join([allowed] if isinstance(allowed, str) else allowed)
            return f"{value} is not of type {kinds}{point_hint(error) if 'number' in kinds else ''}"
        case "minimum":
            return f"{value} is less than {allowed}, the least that is allowed"
        case "maximum":
            return f"{value} is more than {allowed}, the most that is allowed"
        case "exclusiveMinimum":
            return f"{value} is not greater than {allowed}"
        case "exclusiveMaximum":
            return f"{value} is not less than {allowed}"
        case "minItems" | "minProperties" if not error.instance:
            return "is empty; at least one entry is needed"
        case "minItems":
            return f"{value} has {len(error.instance)} of at least {allowed} entries"
        case "maxItems":
            return f"{value} has {len(error.instance)} entries; at most {allowed} are allowed"
        case "uniqueItems":
            return f"{value} has an entry twice"
        case "pattern":
            what = error.schema.get("description", "")
            return f"{value} does not match {allowed}" + (f" ({what})" if what else "")
        case "anyOf":
            return f"{value} is not a value, a list of values, or {{log10: [LOW, HIGH], points: N}}{point_hint(error)}"
        case "not":
            return f"{value} stands for something else here; choose another name"
        case _:
            return error.message


def comma_hint(error: ValidationError) -> str:
    """What to say of ``lr: 0,1``, in which YAML finds a key 1 without a value."""
    if any(isinstance(key, int) and value is None for key, value in error.instance.items()):
        return " (YAML wants a point in a decimal number: 0.1)"
    return ""


def point_hint(error: ValidationError) -> str:
    """What to say of a text that was meant as a number."""
    if isinstance(error.instance, str) and "e" in error.instance.lower():
        return " (YAML wants a point in a number with an exponent: 1.0e-3)"
    return ""


def shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
