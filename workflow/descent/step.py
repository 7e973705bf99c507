"""The command line of a step: a rule runs ``python -m descent.STAGE.RULE``, with options for main's parameters."""

import argparse
import inspect
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

Mnist = Annotated[Path, "the file that download_mnist wrote"]
Results = Annotated[Path, "the folder of all results"]
Threads = Annotated[int, "threads of PyTorch on the CPU"]


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the options of the command line, as its signature declares them.

    A list takes any number of words, a mapping is JSON, a bool has ``--no-NAME`` too. A parameter with a default is
    optional, and the text of an ``Annotated`` type is its help. On SIGTERM and Ctrl-C, Python unwinds the step: it
    leaves no partial file and prints no traceback.
    """
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, stop)
    parser = argparse.ArgumentParser(
        description=sys.modules[main.__module__].__doc__,
        epilog=inspect.getdoc(main),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, parameter in inspect.signature(main).parameters.items():
        kind, default = parameter.annotation, parameter.default
        text = None
        if get_origin(kind) is Annotated:
            kind, text = get_args(kind)
        its = {"required": True} if default is parameter.empty else {"default": default}
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, **its | form(kind))
    try:
        main(**vars(parser.parse_args()))
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.exit(f"\n{end.code.strip()}")  # the log's last paragraph is the message
        raise


def stop(number: int, _: object) -> None:
    print(f"\nended by signal {number}", file=sys.stderr, flush=True)
    sys.exit(128 + number)


def form(kind: Any) -> dict[str, Any]:
    """How an option of some type is parsed: keyword arguments of ``add_argument``."""
    if NoneType in get_args(kind):  # an optional one
        kind, _ = get_args(kind)
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Literal:
        return {"choices": arguments}
    if origin is list:
        return {"nargs": "*", "type": arguments[0]}
    if origin is dict:
        return {"type": json.loads, "metavar": "JSON"}
    return {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": origin}
