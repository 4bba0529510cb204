"""Verbs on trained models: conversion and evaluation."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from translate.cli.app import From, Jobs, Source, Target, To, app, name_ends
from translate.errors import UserError

PIPE = Path("-")


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint or run, such as exp/one.")],
    given: Annotated[Path, typer.Argument(metavar="IN", help="A file, a folder, a .jsonl manifest, or - (a pipe).")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="WAV or PNG file, a folder, or - (a pipe).")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Options of the model, such as amount=0.5.")
    ] = None,
    source: Source = None,
    from_: From = None,
    target: Target = None,
    to: To = None,
    difference: Annotated[
        bool, typer.Option("--difference", help="Speech: filter the source's wave, no vocoder (same gender).")
    ] = False,
    amount: Annotated[float | None, typer.Option(help="Speech: how much of the conversion, 0 to 1 (all).")] = None,
    semitones: Annotated[float | None, typer.Option(help="Speech: shift of the converted F0, in semitones.")] = None,
    features: Annotated[
        bool, typer.Option("--features", help="Speech: write the converted features beside each wave, for evaluate.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Speech: seed of the noise that some postfilters take.")] = None,
    style: Annotated[str | None, typer.Option(help="Pictures: a seed, or a picture whose style is taken.")] = None,
    instances: Annotated[
        str | None, typer.Option(metavar="PATH", help="Label maps: their instance map, or a folder.")
    ] = None,
    tile: Annotated[int | None, typer.Option(help="Pictures: convert in tiles of this many pixels.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="One picture of all domains (models of many domains).")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Manifests: every direction, each into OUT/<source>-<target>.")
    ] = False,
    then: Annotated[
        list[Path] | None, typer.Option(help="Speech: another checkpoint, such as a postfilter's, for the result.")
    ] = None,
    raw: Annotated[
        int | None, typer.Option(metavar="RATE", help="Pipes: signed 16-bit mono samples instead of WAV, at RATE in.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Pipes: convert as it arrives.")] = False,
    reference: Annotated[
        Path | None, typer.Option(help="Stream: some seconds of the source speaker, for the norms' statistics.")
    ] = None,
    chunk_ms: Annotated[float | None, typer.Option(help="Stream: length of a chunk (200); shorter: more work.")] = None,
    lookahead_ms: Annotated[
        float | None, typer.Option(help="Stream: context after a chunk; default: all that the network uses.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[
        str | None, typer.Option(help="float32, or bfloat16: rougher, faster on some processors.")
    ] = None,
) -> None:
    """Convert recordings or pictures; the checkpoint is all it needs.

    A run stands for its best step where training chose one (train.evaluate_every), else for the last; RUN/latest is
    always the last.

    Between two domains, one of --source and --target is enough. Options of the model are given as KEY=VALUE
    (amount=0.5, tile=512) or by the flag of the same name; attributes={Male: 1} and overlap=64, of pictures, have none.

    Examples:

      translate convert exp/one/latest me.wav converted.wav --to TM1 amount=0.5

      translate convert exp/one recordings/ converted/ --from SF1 --to TM1

      translate convert exp/one recordings/ converted/ --to TM1 --then exp/postfilter

      translate convert exp/two photo.jpg labels.png

      arecord -f S16_LE -r 16000 | translate convert exp/one - - --to TM1 --stream --reference me.wav | aplay
    """
    source, target = name_ends(source, from_, target, to)
    flags: dict[str, Any] = dict(
        difference=difference, amount=amount, semitones=semitones, features=features, seed=seed, style=style,
        instances=instances, tile=tile, grid=grid,
    )  # fmt: skip
    options = collect_options(settings or [], flags)
    of_pipes: dict[str, Any] = dict(
        raw=raw, stream=stream, reference=reference, chunk_ms=chunk_ms, lookahead_ms=lookahead_ms
    )  # fmt: skip
    if PIPE in (given, out):
        if given != out:
            raise UserError("give - for both, IN and OUT; a file joins by redirection: < in.wav or > out.wav")
        _refuse(dict(precision=precision, all=every), "not with pipes")
        of_pipes["streaming"] = of_pipes.pop("stream")
        from translate.jobs.convert import convert_pipe, open_pipes

        with open_pipes() as (standard_input, standard_output):
            line = convert_pipe(
                checkpoint, standard_input, standard_output, source, target, device, then or [], options, **of_pipes
            )
        print(line, file=sys.stderr)
        return
    _refuse(of_pipes, "only with pipes: give - for IN and OUT")
    from translate.jobs.convert import convert_and_summarise

    print(
        convert_and_summarise(
            checkpoint, given, out, source, target, device, then or [], precision or "float32", every, options
        )
    )


def collect_options(settings: list[str], flags: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a call, from KEY=VALUE and flags; raise `UserError` for one that is given twice."""
    from translate.config import parse_overrides

    options = parse_overrides(settings)
    for name, value in flags.items():
        if value in (None, False):
            continue
        if name in options:
            raise UserError(f"--{name} and {name}={options[name]}: give one of them")
        options[name] = value
    return options


def _refuse(options: dict[str, Any], why: str) -> None:
    """Raise `UserError` if one of the options was given."""
    for name, value in options.items():
        if value not in (None, False):
            raise UserError(f"--{name.replace('_', '-')}: {why}")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run with converted/<source>-<target>/.")],
    evaluation: Annotated[Path, typer.Option("--eval", help="Manifest of the natural recordings or pictures.")],
    training: Annotated[Path, typer.Option("--train", help="Manifest of natural training data.")],
    sample_rate: Annotated[int | None, typer.Option(help="Speech: Hz; default: that of the converted files.")] = None,
    dimensions: Annotated[
        int | None, typer.Option(min=1, max=80, help="Speech: mel-cepstral dimensions, without c0 (24).")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Pictures: also LPIPS, FID, KID (downloads networks).")] = False,
    listen: Annotated[
        bool | None, typer.Option("--listen/--no-listen", help="Speech: listening instruments (where installed).")
    ] = None,
    jobs: Jobs = -1,
) -> None:
    """Measure converted speech (MCD, modulation spectrum, F0, ...) or pictures (PSNR, SSIM, L1, accuracies, ...).

    Writes results.md, results.json and pictures into the run. The features that `convert --features` wrote are
    measured beside the waves.

    Example:

      translate evaluate exp/one --eval data/eval.jsonl --train data/train.jsonl
    """
    from translate.jobs.evaluate import evaluate_and_format

    given: dict[str, Any] = dict(sample_rate=sample_rate, dimensions=dimensions, deep=deep or None, listen=listen)
    options = {name: value for name, value in given.items() if value is not None}
    print(evaluate_and_format(run, evaluation, training, jobs, **options))
