"""The arguments of the command line, in words."""

from __future__ import annotations

import argparse
from pathlib import Path

from forethought import __version__

_MODELS = "oracle, floor, smollm2, scripted:FILE, http://host/v1#name, a folder, or vllm:FOLDER"


def build_parser() -> argparse.ArgumentParser:
    """The parser of `forethought`; the chosen command is in `command`."""
    parser = argparse.ArgumentParser(
        prog="forethought",
        description="Environments, an agent loop and a trainer that teach models to plan.",
        epilog="Exit codes: 0 done, 1 the run failed, 2 wrong use, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"forethought {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_environments(commands)
    _add_eval(_command(commands, "eval", "measure a model"))

    compare = _command(commands, "compare", "paired difference of two runs of the same plan")
    compare.add_argument("first", type=Path, metavar="RUN_A")
    compare.add_argument("second", type=Path, metavar="RUN_B")

    report = _command(commands, "report", "statistics and plots of a run as one HTML file")
    report.add_argument("run", type=Path, metavar="RUN")

    view = _command(commands, "view", "trajectories of a run as one HTML file")
    view.add_argument("run", type=Path, metavar="RUN")
    view.add_argument("--open", action="store_true", help="open it in a browser")
    view.add_argument(
        "--port", type=_port, help="serve it on this port of localhost; 0 takes any that is free"
    )

    imported = _command(commands, "import", "episodes that verifiers recorded, as runs of ours")
    imported.add_argument("traces", type=Path, metavar="TRACES.jsonl")
    imported.add_argument("--out", type=Path, required=True, metavar="DIR")

    serve = _command(commands, "serve", "offer an environment to clients of OpenEnv")
    serve.add_argument("id", metavar="ID")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=_port, default=8000, help="0 takes any that is free")
    serve.add_argument("--sessions", type=int, default=256, metavar="N", help="most at a time")
    _add_instance(serve)

    _add_filter(_command(commands, "filter", "pass rates of a model; keep what it can learn from"))

    sft = _command(commands, "sft", "warm start on the expert's plans")
    sft.add_argument("config", type=Path, metavar="RUN.toml")

    train = _command(commands, "train", "reinforcement learning over whole episodes")
    train.add_argument("config", type=Path, metavar="RUN.toml")
    train.add_argument("overrides", nargs="*", metavar="key=value")
    train.add_argument("--resume", action="store_true")

    _command(commands, "doctor", "what is here, and what to do about what is not")

    _add_sandbox(_command(commands, "sandbox", "images for sandboxes"))

    demo = _command(commands, "demo", "measure a model, teach it to plan, measure it again")
    demo.add_argument("--model", default="smollm2", metavar="M", help="smollm2 or tiny")
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="DIR")
    demo.add_argument("--resume", action="store_true")
    demo.add_argument("--minutes", type=float, help="time to keep to")
    return parser


def _add_environments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What there is, how to make one, how to play and check it."""
    envs = _command(commands, "envs", "list environments, or show one")
    envs.add_argument("id", nargs="?", metavar="ID")
    envs.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the cards of the built-in ones there"
    )

    new = _command(commands, "new", "write a working environment and its test to start from")
    new.add_argument("name", metavar="NAME", help="of the module, such as my_maze")
    new.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")

    play = _command(commands, "play", "act by hand in the terminal")
    play.add_argument("id", metavar="ID")
    _add_instance(play)

    check = _command(commands, "check", "test whether environments keep their promises")
    check.add_argument(
        "ids", nargs="*", metavar="ID", help="an id, or FILE.py:ID to import your own first"
    )
    check.add_argument("--all", action="store_true", help="every environment that is registered")
    check.add_argument(
        "--option", action="append", default=[], metavar="key=value", help="of the environment"
    )


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=f"{summary}.")
    command.add_argument("--json", action="store_true", help="print one JSON object, last of all")
    return command


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports go from 0 to 65535")
    return int(text)


def _add_eval(command: argparse.ArgumentParser) -> None:
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--env", metavar="ID", help="an id, or FILE.py:ID to import your own first")
    what.add_argument(
        "--suite",
        metavar="NAME",
        help="several environments at once: core; or retention: schemes of compression",
    )
    command.add_argument("--model", required=True, metavar="M", help=_MODELS)
    command.add_argument("-n", type=int, help="tasks (default 100; of the suite retention 4)")
    command.add_argument("-k", type=int, default=1, help="samples a task (default 1)")
    command.add_argument("--out", type=Path, metavar="DIR", help="keep plan, episodes and summary")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")
    command.add_argument("--temperature", type=float, default=1.0)
    command.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="key=value",
        help="of an episode: turns, tokens, reply_tokens, context, seconds, ...",
    )
    command.add_argument(
        "--compress",
        default=None,
        metavar="NAME",
        help="how room is made in a full context: summarise (default), none, clear, "
        "window, offload, fold, memory, chain (clear, then summarise)",
    )
    command.add_argument(
        "--no-nudge",
        dest="nudge",
        action="store_false",
        help="stop an agent that goes in circles without telling it first",
    )
    command.add_argument(
        "--effort", type=int, metavar="TOKENS", help="ask for replies of about so many tokens"
    )
    command.add_argument(
        "--mind",
        action="append",
        default=[],
        metavar="NAME=M",
        help="another model that agents may ask by this name",
    )
    command.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="[NAME=]IN,OUT",
        help="of a million tokens read and sampled, by the model or by a mind",
    )
    command.add_argument(
        "--concurrency", type=int, default=64, help="episodes at the same time (default 64)"
    )
    _add_instance(command)


def _add_filter(command: argparse.ArgumentParser) -> None:
    command.add_argument("--env", required=True, metavar="ID")
    command.add_argument("--model", required=True, metavar="M", help=_MODELS)
    command.add_argument("-n", type=int, default=64, help="tasks (default 64)")
    command.add_argument("-k", type=int, default=8, help="samples a task (default 8)")
    command.add_argument("--out", type=Path, metavar="DIR")
    _add_instance(command)


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    summary = "make the default image, or that of a folder with a Dockerfile"
    build = actions.add_parser("build", help=summary, description=f"{summary}.")
    # Either place will do for the option, so the inner one must not undo the outer one.
    build.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON object, last of all",
    )
    build.add_argument(
        "directory", nargs="?", type=Path, metavar="DIR", help="has Dockerfile or environment/..."
    )
    build.add_argument(
        "--with",
        dest="extras",
        action="append",
        default=[],
        metavar="NAME,...",
        help="into the default image: git, or distributions such as numpy",
    )
    build.add_argument(
        "--build-arg", action="append", default=[], metavar="K=V", help="for the Dockerfile's ARG"
    )
    build.add_argument(
        "--base",
        action="append",
        default=[],
        metavar="IMAGE=LOCAL",
        help="build upon LOCAL, or default, where the Dockerfile names IMAGE",
    )


def _add_instance(command: argparse.ArgumentParser) -> None:
    command.add_argument("--horizon", metavar="H", help="one (4), a range (2-5) or a list (2,4,8)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--option", action="append", default=[], metavar="key=value", help="of the environment"
    )
