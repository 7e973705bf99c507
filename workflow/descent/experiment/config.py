"""Check config.yaml: the first mistake becomes one line that names the key and what is allowed."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from yaml.constructor import ConstructorError

from descent import WORKFLOW
from descent.experiment import grids
from descent.experiment.studies import studies
from descent.experiment.variants import ACTIVATIONS, CONSTANT, name_of
from descent.optimizers import Declaration, find, lookup, names
from descent.optimizers._classes import constructor_hyperparameters, find_class, torch_has


def is_number(checker: Any, value: Any) -> bool:
    """Whether ``value`` is a finite number; booleans are not numbers."""
    return is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


def is_integer(checker: Any, value: Any) -> bool:
    """Whether ``value`` is written as an integer of at most 64 bits: 20, not 20.0."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def ascending(validator: Any, wanted: bool, value: Any, schema: Any) -> Iterator[ValidationError]:
    """The keyword of a list whose numbers have to rise."""
    if isinstance(value, list) and all(is_number(None, each) for each in value) and value != sorted(value):
        yield ValidationError("falls")


Validator = extend(
    Draft202012Validator,
    {"ascending": ascending},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": is_number, "integer": is_integer}),
)


class StrictLoader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys, of which PyYAML keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise ValueError(f"line {node.value[i][0].start_mark.line + 1}: the key {key!r} is given twice")
        return super().construct_mapping(node, deep)


# PyYAML takes a key without its colon for the start of a string, and reports this line or a later one.
LAYOUT = " (is a colon missing, here or before, or is the line indented otherwise than its neighbours?)"


def read_yaml(text: bytes) -> dict:
    """Parse the text of config.yaml; raise ValueError with one readable line if it is not a mapping in YAML."""
    try:
        config = yaml.load(text.decode(), StrictLoader)
        json.dumps(config, default=str, skipkeys=True)  # an alias may contain itself
    except yaml.MarkedYAMLError as error:
        where, hint = error.problem_mark or error.context_mark, "" if isinstance(error, ConstructorError) else LAYOUT
        raise ValueError(f"line {where.line + 1 if where else 1}: {error.problem or error.context}{hint}") from error
    except ValueError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except Exception as error:
        raise ValueError(f"cannot be read: {' '.join(repr(error).split())}") from error
    if not isinstance(config, dict):
        raise ValueError(f"is not a mapping of keys to values, but {shorten(config)}")
    return config


@cache
def experiment_schema(foreign: tuple[str, ...] = ()) -> dict:
    """The JSON Schema of config.yaml: config.schema.yaml, completed with the optimizers.

    These are the rules of ours and the ``foreign`` classes, also those that take more than a rule of ours. Raises
    ValueError, with one line, if a rule's file is wrong. Rules need no PyTorch, which takes a second to import; classes
    do.
    """
    schema = yaml.safe_load((WORKFLOW / "schemas/config.schema.yaml").read_text(encoding="utf-8"))
    definitions, optimizers = schema["$defs"], [*names(), *foreign]
    definitions["activation"] = {"enum": ACTIVATIONS}
    variants, grids = definitions["variant"], definitions["grid"]
    variants["properties"] = grids["properties"] = {"optimizer": {"enum": [*dict.fromkeys(optimizers)]}}
    variants["allOf"], grids["allOf"] = [], []
    for optimizer in dict.fromkeys(optimizers):
        declared = lookup(optimizer)
        first, *others = declared.implementations
        allowed = {name: range_of(name, declared, definitions) for name in [*declared.required, *declared.defaults]}
        its = {"properties": {"optimizer": {"const": optimizer}}}
        keys = {"optimizer": True, **allowed, **definitions["schedules"]}
        swept = {name: True if name == "optimizer" else axis(keys[name], definitions["spaced"]) for name in keys}
        grids["allOf"].append({"if": its, "then": closed(swept, declared.required)})
        keys = {"implementation": {"enum": declared.implementations}, **keys}
        if others and optimizer in foreign:  # a class that takes more than our rule
            its_class = Declaration(["torch"], *constructor_hyperparameters(find_class(optimizer)))
            more = {name: range_of(name, its_class, definitions) for name in its_class.defaults} | keys
            of_class = {"properties": its["properties"] | {"implementation": {"const": others[0]}}}
            variants["allOf"].append({"if": of_class, "then": closed(more, declared.required)})
            its = {"properties": its["properties"] | {"implementation": {"const": first}}}
        variants["allOf"].append({"if": its, "then": closed(keys, declared.required)})
    return schema


def closed(keys: Mapping, required: list[str]) -> dict:
    return {"additionalProperties": False, "required": required, "properties": keys}


def range_of(name: str, declared: Declaration, definitions: Mapping) -> dict:
    """The schema of a hyperparameter: of a rule as it is known, of a class of the kind of its default."""
    ranges = definitions["hyperparameters" if declared.is_rule else "class_hyperparameters"]
    if name in ranges["properties"]:
        return ranges["properties"][name]
    match declared.defaults.get(name):
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": "number"}
        case list(values):
            items = {"type": ["number", "boolean", "string", "null"]}
            return {"type": "array", "minItems": len(values), "maxItems": len(values), "items": items}
    return ranges["additionalProperties"]


def classes(config: Mapping) -> tuple[str, ...]:
    """The optimizers of a config whose class has to be imported, one of ``torch.optim`` or an import path.

    A rule of ours is among them if a variant of its class has keys that the rule does not know. Raises ValueError, with
    one line that names the key, if a class cannot be imported or is no optimizer.
    """
    sweep, found = config.get("sweep"), {}
    places = {"variants": config.get("variants"), "sweep.optimizers": dict_in(sweep).get("optimizers")}
    entries = [
        (f"{place}.{name}", dict_in(its)) for place, all_of in places.items() for name, its in dict_in(all_of).items()
    ]
    for path, its in entries:
        name = its.get("optimizer")
        if not isinstance(name, str):
            continue
        if name in names():
            rule = find(name)
            known = {"implementation", "optimizer", *CONSTANT, *rule.defaults, *rule.required}
            needed = its.get("implementation") == "torch" and its.keys() - known
        else:
            needed = "." in name or torch_has(name.lower())
        if needed:
            try:
                found[name] = find_class(name)
            except ValueError as error:
                raise ValueError(f"{path}.optimizer: {error}") from error
    return tuple(found)


def dict_in(value: Any) -> dict:
    """The value if it is a mapping, and otherwise, as the schema will say so, an empty one."""
    return value if isinstance(value, dict) else {}


def axis(values: dict, spaced: dict) -> dict:
    """The schema of a grid's axis: one of a hyperparameter's allowed ``values``, a list of them, or ``spaced`` ones.

    A boolean has one value; it cannot be swept.
    """
    if values["type"] == "boolean":
        return values
    items = {"type": "number"} if "boolean" in values["type"] else values
    several = {"type": "array", "minItems": 1, "uniqueItems": True, "items": items}
    return {"anyOf": [values, several, *([] if values["type"] in ("array", "string") else [spaced])]}


def validate(config: Mapping, schema: Mapping) -> None:
    """Raise ValueError with one readable line if ``config``, but for its sweep, does not fit ``experiment_schema``."""
    fit({key: value for key, value in config.items() if key != "sweep"}, schema)
    for key in ("networks", "variants"):
        seen: dict[str, str] = {}
        for name in config[key]:
            if (first := seen.setdefault(name.lower(), name)) != name:
                raise ValueError(f"{key}: {first} and {name} would be one folder where letters' case does not count")


def validate_sweep(config: Mapping, schema: Mapping) -> None:
    """Likewise for its sweep, of which each trial and default setting must be a valid variant with a distinct name."""
    sweep, networks = config["sweep"], config["networks"]
    fit(sweep, {"$ref": "#/$defs/sweep", "$defs": schema["$defs"]}, "sweep")
    if sweep["network"] not in networks:
        raise ValueError(f"sweep.network: {sweep['network']!r} is not one of {', '.join(networks)}")
    seen: dict[str, grids.Setting] = {}
    for name, its in sweep["optimizers"].items():
        path, default = f"sweep.optimizers.{name}", grids.default(its)
        if missing := [name for name in grids.swept(its) if name not in default]:
            raise ValueError(f"{path}.{missing[0]}: it has no default, so the sweep cannot train the default setting")
        first = grids.points(its)[0]
        for point in [first | {axis: value} for axis, values in grids.axes(its).items() for value in values]:
            fit(point, {"$ref": "#/$defs/variant", "$defs": schema["$defs"]}, path)
        for setting in [default, *grids.points(its)]:
            if seen.setdefault(name_of(setting), setting) != setting:
                raise ValueError(f"{path}: two settings of the sweep are equal to six digits")
    for stage in ("trials", "final"):
        if shared := set(studies(config)[f"sweep/{stage}"].seeds) & set(config["seeds"]):
            raise ValueError(f"seeds: {min(shared)} is also a seed of the sweep's {stage} runs; choose another")


def fit(config: Mapping, schema: Mapping, path: str = "") -> None:
    """Raise ValueError with one readable line if ``config``, the value at ``path``, does not fit a JSON Schema."""
    error = best_match(Validator(schema).iter_errors(config))
    if error is not None:
        path = ".".join([*filter(None, [path]), *(shorten(key).strip("'") for key in error.absolute_path)])
        raise ValueError(f"{path or 'top level'}: {explain(error)}")


EXPLAINED = {
    "minimum": "{} is less than {}, the minimum",
    "maximum": "{} is more than {}, the maximum",
    "exclusiveMinimum": "{} is not greater than {}",
    "exclusiveMaximum": "{} is not less than {}",
    "minItems": "{} has fewer than {} entries",
    "maxItems": "{} has more than {} entries",
    "uniqueItems": "{} has a duplicate entry",
    "ascending": "{} has the larger number first",
}


def explain(error: ValidationError) -> str:
    """Say what is wrong and what is allowed, for each keyword that the schema uses."""
    value, allowed = shorten(error.instance), error.validator_value
    match error.validator:
        case "additionalProperties":
            known = list(error.schema["properties"])
            unknown = ", ".join(shorten(key) for key in error.instance if key not in known)
            return f"unknown key {unknown}; the keys here are {', '.join(known)}"
        case "required":
            return f"the key {', '.join(repr(key) for key in allowed if key not in error.instance)} is missing"
        case "enum":
            return f"{value} is not one of {', '.join(map(str, allowed))}"
        case "type" if "pattern" in error.schema:  # a name or a checksum
            return f"{value} is no text: put it into quotes"
        case "type":
            names = {"array": "list", "object": "mapping"}
            kinds = " or ".join(names.get(kind, kind) for kind in ([allowed] if isinstance(allowed, str) else allowed))
            return f"{value} is not of type {kinds}{exponent_hint(error.instance) or form_hint(error)}"
        case "minItems" | "minProperties" if not error.instance:
            return "is empty; at least one entry is needed"
        case keyword if keyword in EXPLAINED:
            return EXPLAINED[keyword].format(value, allowed)
        case "pattern":
            what = error.schema.get("description", "")
            return f"{value} does not match {allowed}" + (f" ({what})" if what else "")
        case "anyOf":
            forms = "a value, a list of values, or {log10: [LOW, HIGH], points: N}"
            return f"{value} is not {forms}{exponent_hint(error.instance)}"
        case "not":
            return f"{value} {allowed.get('description', 'is reserved')}; choose another name"
        case _:
            return error.message


def form_hint(error: ValidationError) -> str:
    """A hint for a value that should be a list or a mapping: an example of one."""
    examples = error.schema.get("examples")
    if not examples:
        return ""
    example = yaml.safe_dump(examples[0], default_flow_style=True, sort_keys=False, width=math.inf).strip()
    return f"; an example: {example}"


def exponent_hint(value: Any) -> str:
    """A hint for 1e-3, which is a string in YAML 1.1."""
    is_number = isinstance(value, str) and re.fullmatch(r"[-+\d.]+e[-+\d]+", value, re.IGNORECASE)
    return " (an exponent needs a point: 1.0e-3)" if is_number else ""


def shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
