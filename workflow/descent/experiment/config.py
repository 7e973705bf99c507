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


class LineError(ValueError):
    """A mistake with its line."""


class StrictLoader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys, of which PyYAML keeps the last, and 010, 1:30 and 1:30.5, which it
    reads as 8, 90 and 90.5."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise LineError(f"line {node.value[i][0].start_mark.line + 1}: the key {key!r} is given twice")
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, LineError, RecursionError):
            raise
        except Exception as error:
            raise LineError(
                f"line {node.start_mark.line + 1}: {shorten(node.value)} cannot be read: {error}"
            ) from error

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        is_int = node.tag.endswith(":int")
        value = self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)
        if re.search(r":|^[-+]?0." if is_int else ":", node.value):
            raise LineError(f"line {node.start_mark.line + 1}: YAML reads {node.value} as {value}: write {value}")
        return value


for kind in ("int", "float"):
    StrictLoader.add_constructor(f"tag:yaml.org,2002:{kind}", StrictLoader.construct_number)


def read_yaml(text: bytes) -> dict:
    """Parse the text of config.yaml; raise ValueError with one readable line if it is not a mapping in YAML."""
    try:
        config = yaml.load(text.decode(), StrictLoader)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        line, problem = where.line if where else 0, error.problem or error.context
        if problem and problem.startswith("found character '\\t'"):
            problem = "has a tab: use spaces"
        if problem in LAYOUT_PROBLEMS:
            line, problem = mistake_in_layout(text.decode().splitlines(), line) or (line, problem)
        raise ValueError(f"line {line + 1}: {problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    try:
        json.dumps(config, default=str, skipkeys=True)
    except ValueError:
        raise ValueError("has an alias that contains itself") from None
    if not isinstance(config, dict):
        raise ValueError(f"is not a mapping of keys to values, but {shorten(config)}")
    return config


LAYOUT_PROBLEMS = (
    "mapping values are not allowed here",
    "could not find expected ':'",
    "expected '<document start>', but found '<block mapping start>'",
    "expected <block end>, but found '<block mapping start>'",
)


def mistake_in_layout(lines: list[str], line: int) -> tuple[int, str] | None:
    """A missing colon or a wrong indentation, with its line, from 0; None if it is neither.

    PyYAML takes a key without its colon for the start of a string, and reports this ``line`` or a later one.
    """
    code = [written.split("#")[0].rstrip() for written in lines]
    before = next((i for i in range(min(line, len(code)) - 1, -1, -1) if code[i]), None)
    if before is not None and not re.search(r":(\s|$)", code[before]):
        return before, f"{shorten(code[before].strip())} needs a colon and a space after its key"
    here = code[line] if line < len(code) else ""
    if found := re.match(r"\s*([\w-]+)\s+[{\[]", here):
        return line, f"{shorten(found[1])} needs a colon and a space after its key"
    if before is not None and len(here) - len(here.lstrip()) != len(code[before]) - len(code[before].lstrip()):
        return line, "is indented unlike the line before it"
    return None


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
            return f"unknown key {unknown}{key_hint(error)}; the keys here are {', '.join(known)}"
        case "required":
            return f"the key {', '.join(repr(key) for key in allowed if key not in error.instance)} is missing"
        case "enum":
            return f"{value} is not one of {', '.join(map(str, allowed))}"
        case "type" if "pattern" in error.schema:  # a name or a checksum
            return f"{value} is no text: put it into quotes"
        case "type":
            names = {"array": "list", "object": "mapping"}
            kinds = " or ".join(names.get(kind, kind) for kind in ([allowed] if isinstance(allowed, str) else allowed))
            return f"{value} is not of type {kinds}{text_hint(error, kinds) or form_hint(error)}"
        case "minItems" | "minProperties" if not error.instance:
            return "is empty; at least one entry is needed"
        case keyword if keyword in EXPLAINED:
            return EXPLAINED[keyword].format(value, allowed)
        case "pattern":
            what = error.schema.get("description", "")
            return f"{value} does not match {allowed}" + (f" ({what})" if what else "")
        case "anyOf":
            forms = "a value, a list of values, or {log10: [LOW, HIGH], points: N}"
            return f"{value} is not {forms}{text_hint(error, 'number')}"
        case "not":
            return f"{value} {allowed.get('description', 'is reserved')}; choose another name"
        case _:
            return error.message


def key_hint(error: ValidationError) -> str:
    """A hint for ``lr: 0,1``, in which YAML finds a key 1 without a value, and for ``lr 0.1``, which is all key."""
    without_value = [key for key, value in error.instance.items() if value is None]
    if any(isinstance(key, int) for key in without_value):
        return " (decimal numbers need a point: 0.1)"
    return " (missing colon?)" if any(" " in str(key) for key in error.instance) else ""


def form_hint(error: ValidationError) -> str:
    """A hint for a value that should be a list or a mapping: an example of one."""
    examples = error.schema.get("examples")
    if not examples:
        return ""
    example = yaml.safe_dump(examples[0], default_flow_style=True, sort_keys=False, width=math.inf).strip()
    return f"; an example: {example}"


def text_hint(error: ValidationError, kinds: str) -> str:
    """A hint for a string that was meant as something else; ``kinds`` are the allowed types."""
    if not isinstance(error.instance, str) or len(error.instance) > 80:
        return ""
    if kinds in ("number", "integer") and re.fullmatch(r"[-+\d.]+e[-+\d]+", error.instance, re.IGNORECASE):
        return " (an exponent needs a point: 1.0e-3)" if kinds == "number" else " (write it without an exponent)"
    if "list" in kinds and error.instance.startswith("("):
        return " (a list has square brackets)"
    try:
        meant = yaml.safe_load(error.instance)
    except (ValueError, RecursionError, yaml.YAMLError):
        return ""
    if isinstance(meant, str) or meant is None:
        return ""
    return ", but a string: remove its quotes; lists and mappings for --config go into a file, for --configfile"


def shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
