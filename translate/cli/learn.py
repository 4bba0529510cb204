"""Verbs that list and train models."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import Config, From, Overrides, Source, Target, To, app, name_ends
from translate.errors import UserError


@app.command()
def models(
    config: Config = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL] [KEY=VALUE]...", help="A model, and settings as for train.")
    ] = None,
    settings: Annotated[bool, typer.Option("--settings", help="Print all settings of the model, as YAML.")] = False,
    facts: Annotated[bool, typer.Option("--facts", help="Print facts for scripts, as key=value lines.")] = False,
) -> None:
    """List the models with their networks and parameter counts; or print all settings of one.

    Examples:

      translate models

      translate models --config egs/vcc2016/conf/cyclegan_vc2_small.yaml

      translate models cyclegan_vc2 features.dimensions=80

      translate models cyclegan_vc2 --settings > my.yaml
    """
    from translate.jobs.describe import describe_models, show_facts, show_settings

    if settings and facts:
        raise UserError("give --settings or --facts, not both")
    words = [word if "=" in word else f"model={word}" for word in overrides or []]
    show = show_settings if settings else show_facts if facts else describe_models
    print(show(config, words))


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoints and logs.")],
    features: Annotated[Path | None, typer.Option(help="Speech: folder written by `translate extract`.")] = None,
    data: Annotated[Path | None, typer.Option(help="Pictures: folder written by `translate prepare`.")] = None,
    config: Config = None,
    source: Source = None,
    from_: From = None,
    target: Target = None,
    to: To = None,
    domains: Annotated[str | None, typer.Option(help="Names of many domains, separated by commas.")] = None,
    vgg: Annotated[str | None, typer.Option(help="File with VGG19's weights; default: downloaded.")] = None,
    overrides: Overrides = None,
) -> None:
    """Train a model; the same command resumes a run that was cut.

    Several processes: torchrun --nproc-per-node 2 -m translate train ...

    Example:

      translate train --config conf/cyclegan_vc2_small.yaml --features dump --out exp/one --source SF1 --target TM1
      train.steps=2000

      translate train --config conf/pix2pix_small.yaml --data data --out exp/two --source photo --target labels
    """
    from translate.config import parse_overrides
    from translate.jobs.modality import find_modality
    from translate.jobs.train import train_system
    from translate.models.settings import read_config

    source, target = name_ends(source, from_, target, to)
    if (source is None) != (target is None):
        raise UserError("--source and --target go together")
    if source and domains:
        raise UserError("give --source and --target, or --domains, not both")
    names = [source, target] if source and target else None
    if domains:
        names = [name.strip() for name in domains.split(",")]
    material = features or data
    if material is None or (features and data):
        raise UserError("give --features FOLDER (speech) or --data FOLDER (pictures)")
    settings = [*(overrides or []), *([f"vgg.weights={vgg}"] if vgg else [])]
    resolved = read_config(config, parse_overrides(settings), names)
    modality = find_modality(resolved)
    if modality.material != ("features" if features else "data"):
        raise UserError(f"{resolved.model} learns from {modality.noun}: give --{modality.material} FOLDER")
    try:
        checkpoint = train_system(resolved, material, out)
    except KeyboardInterrupt:
        from translate.checkpoints.steps import find_latest

        latest = find_latest(out, resuming=True)
        where = f"goes on from {latest}" if latest else "begins again: there is no checkpoint yet"
        print(f"translate: stopped; the same command {where}", file=sys.stderr)
        raise typer.Exit(130) from None
    if os.environ.get("RANK", "0") == "0":  # only the first process prints
        print(checkpoint)
