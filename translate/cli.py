"""The command `translate`: one thin function per verb. Heavy imports wait inside the verbs."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from translate.errors import UserError
from translate.version import __version__

app = typer.Typer(
    name="translate",
    help="Translate speech and images between domains with adversarial networks.",
    epilog="Start with: bash egs/mini/run.sh. Help on a verb: translate train --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings over the file's, such as train.steps=2000."),
]
Config = Annotated[str | None, typer.Option("--config", help="YAML file; see egs/*/conf/.", metavar="FILE")]
Jobs = Annotated[int, typer.Option(help="Processes; -1: one per core.")]


def main() -> None:
    """Run the command line; bad input ends in one line and exit status 2."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("translate").setLevel(logging.INFO)
    try:
        app()
    except UserError as error:
        print(f"translate: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"translate: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def models(
    config: Config = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL] [KEY=VALUE]...", help="A system, and settings as for train.")
    ] = None,
) -> None:
    """List the systems with their networks and parameter counts.

    Examples:

      translate models

      translate models --config egs/vcc2016/conf/cyclegan_vc2_small.yaml

      translate models cyclegan_vc2 features.dimensions=80
    """
    from translate.jobs.describe import describe_systems

    settings = [word if "=" in word else f"model={word}" for word in overrides or []]
    print(describe_systems(config, settings))


@app.command()
def doctor(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings or pictures by domain, or a manifest.")],
    layout: Annotated[str, typer.Option(help="Of pictures, as for prepare.")] = "auto",
    jobs: Jobs = -1,
) -> None:
    """Check recordings or pictures before hours are lost; exit status 1 when there are errors.

    Recordings: finds files that are unreadable, silent, clipped, too short or there twice, mixed sample rates, domains
    with too few minutes or no voice. Pictures: files that are unreadable, tiny, unpaired, of other sizes than their
    partners or there twice, and tells the sizes and the classes of label maps.

    Examples:

      translate doctor my_voices

      translate doctor data/train.jsonl
    """
    from translate.jobs.doctor import examine_and_print

    if examine_and_print(folder, layout, jobs):
        raise typer.Exit(1)


@app.command()
def prepare(
    corpus: Annotated[Path, typer.Argument(help="Folder of recordings or pictures, or a Kaldi data folder.")],
    out: Annotated[Path, typer.Argument(help="Folder for the manifests train.jsonl and eval.jsonl.")],
    domains: Annotated[str | None, typer.Option(help="Names, separated by commas; default: every folder.")] = None,
    train: Annotated[str, typer.Option(help="Files that train: patterns of names, separated by commas.")] = "*",
    evaluation: Annotated[
        str | None, typer.Option("--eval", help="Files for evaluation, likewise; default: the last tenth.")
    ] = None,
    kaldi_split: Annotated[str, typer.Option(help="Kaldi folders: what the manifest is called.")] = "train",
    layout: Annotated[
        str, typer.Option(help="Pictures: pairs, sides, unpaired, folders, attributes, labels or high.")
    ] = "auto",
) -> None:
    """Write the manifests of a corpus: which file belongs to which domain and split.

    Recordings of the same name in two domains count as the same sentence; evaluation compares them. The layouts of
    pictures: pairs (two pictures side by side in one file, in train/ and val/), sides (A/ and B/ with the same names),
    unpaired (trainA trainB testA testB), folders (one per domain), attributes (images/ and list_attr_*.txt), labels
    (train_label train_inst train_img), high (pictures for super-resolution).

    Examples:

      translate prepare facades data --layout pairs --domains photo,labels

      translate prepare my_voices data

      translate prepare vcc2016 data --domains SF1,TM1 --train '1*' --eval '2*'

      translate prepare kaldi/train data --kaldi-split train
    """
    from translate.jobs.prepare import prepare_corpus

    names = [name.strip() for name in domains.split(",")] if domains else None
    patterns = evaluation.split(",") if evaluation else None
    prepare_corpus(corpus, out, names, train.split(","), patterns, kaldi_split, layout)


@app.command()
def extract(
    manifests: Annotated[
        list[str], typer.Argument(metavar="MANIFEST... [KEY=VALUE]...", help="Manifests, and settings as for train.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the features.")],
    config: Config = None,
    jobs: Jobs = -1,
) -> None:
    """Extract the features that a configuration asks for, in parallel; goes on where it was cut.

    Example:

      translate extract data/train.jsonl data/eval.jsonl --out dump --config conf/cyclegan_vc2.yaml
    """
    from translate.jobs.prepare import extract_features

    settings = [word for word in manifests if "=" in word and not Path(word).exists()]
    extract_features([Path(word) for word in manifests if word not in settings], out, config, settings, jobs)


@app.command()
def synthesise(
    manifests: Annotated[list[Path], typer.Argument(metavar="MANIFEST...", help="Of natural recordings.")],
    out: Annotated[Path, typer.Option(help="Folder for the waves and the manifests train.jsonl and eval.jsonl.")],
    domain: Annotated[str, typer.Option(help="Whose recordings are synthesised.")],
    smooth: Annotated[int | None, typer.Option(help="Frames over which mel-cepstra (or spectra) are averaged.")] = None,
    converter: Annotated[Path | None, typer.Option(help="Run whose conversions are synthesised instead.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="Domain that the run converts.")] = None,
    config: Config = None,
    jobs: Jobs = -1,
) -> None:
    """Make synthetic speech, aligned with natural recordings, for postfilters and waveform systems to learn from.

    Analysis and synthesis by WORLD with the natural F0 and aperiodicity; the mel-cepstra may be smoothed over time, or
    those of the same sentence by another speaker, converted by a run and warped to the natural timing.

    Examples:

      translate synthesise data/train.jsonl data/eval.jsonl --out data/synthetic --domain TM1 --smooth 15

      translate synthesise data/train.jsonl --out data/synthetic --domain TM1 --converter exp/mse --from SF1
    """
    from translate.jobs.synthesise import synthesise as make_synthetic

    make_synthetic(manifests, out, domain, smooth=smooth, converter=converter, source=source, config=config, jobs=jobs)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoints and logs.")],
    features: Annotated[Path | None, typer.Option(help="Speech: folder written by `translate extract`.")] = None,
    data: Annotated[Path | None, typer.Option(help="Pictures: folder written by `translate prepare`.")] = None,
    config: Config = None,
    source: Annotated[str | None, typer.Option(help="Source domain.")] = None,
    target: Annotated[str | None, typer.Option(help="Target domain.")] = None,
    domains: Annotated[str | None, typer.Option(help="Names of many domains, separated by commas.")] = None,
    vgg: Annotated[str | None, typer.Option(help="File with VGG19's weights; default: downloaded.")] = None,
    overrides: Overrides = None,
) -> None:
    """Train a system; the same command goes on where a run was cut.

    Several processes: torchrun --nproc-per-node 2 -m translate train ...

    Example:

      translate train --config conf/cyclegan_vc2_small.yaml --features dump --out exp/one --source SF1 --target TM1
      train.steps=2000

      translate train --config conf/pix2pix_small.yaml --data data --out exp/two --source photo --target labels
    """
    from translate.config import parse_overrides
    from translate.jobs.train import read_config, train_system

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
    if hasattr(resolved, "images") != (data is not None):
        kind, option = ("pictures", "--data") if hasattr(resolved, "images") else ("speech", "--features")
        raise UserError(f"{resolved.model} learns from {kind}: give {option} FOLDER")
    try:
        checkpoint = train_system(resolved, material, out)
    except KeyboardInterrupt:
        print("translate: stopped; the same command goes on where it was", file=sys.stderr)
        raise typer.Exit(130) from None
    if os.environ.get("RANK", "0") == "0":  # one of several processes tells for all
        print(checkpoint)


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint or run, such as exp/one.")],
    given: Annotated[Path, typer.Argument(metavar="IN", help="A file, a folder, or a .jsonl manifest.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="WAV or PNG file, or a folder.")],
    to: Annotated[str | None, typer.Option(help="Target domain; of two, this or --from is enough.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="Source domain, likewise.")] = None,
    difference: Annotated[
        bool, typer.Option(help="Filter the source's wave instead of using the vocoder (same gender).")
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="Write the converted features beside each wave, for evaluate.")
    ] = False,
    style: Annotated[str | None, typer.Option(help="Pictures: a seed, or a picture whose style is taken.")] = None,
    instances: Annotated[Path | None, typer.Option(help="Label maps: their instance map, or a folder.")] = None,
    tile: Annotated[int | None, typer.Option(min=32, help="Pictures: go through in tiles of so many pixels.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="One picture of all domains (many-domain systems).")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Speech manifests: every direction, each into OUT/<source>-<target>.")
    ] = False,
    then: Annotated[
        list[Path] | None, typer.Option(help="Speech: another checkpoint, such as a postfilter's, for the result.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Speech: of the noise that some postfilters take.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Convert recordings or pictures; the checkpoint is all it needs.

    Examples:

      translate convert exp/one/latest me.wav converted.wav --to TM1

      translate convert exp/one recordings/ converted/ --from SF1 --to TM1

      translate convert exp/one recordings/ converted/ --to TM1 --then exp/postfilter

      translate convert exp/two photo.jpg labels.png
    """
    from translate.jobs.convert import convert_files

    seconds = convert_files(
        checkpoint, given, out, source, to, device,
        difference=difference, features=features, style=style, instances=instances, tile=tile, grid=grid,
        then=then or [], seed=seed, all=every,
    )  # fmt: skip
    spent = sum(value for stage, value in seconds.items() if stage not in ("audio", "images"))
    if "images" in seconds:
        print(f"{seconds['images']:.0f} picture(s) in {spent:.1f} s")
    else:
        print(f"{seconds['audio']:.1f} s of speech in {spent:.1f} s (RTF {spent / seconds['audio']:.3f})")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run with converted/<source>-<target>/.")],
    evaluation: Annotated[Path, typer.Option("--eval", help="Manifest of the natural recordings or pictures.")],
    training: Annotated[Path, typer.Option("--train", help="Manifest of natural training data.")],
    sample_rate: Annotated[int | None, typer.Option(help="Hz; default: that of the converted files.")] = None,
    dimensions: Annotated[int, typer.Option(min=1, max=80, help="Mel-cepstral dimensions, without c0.")] = 24,
    deep: Annotated[bool, typer.Option("--deep", help="Pictures: also LPIPS, FID, KID (downloads networks).")] = False,
    jobs: Jobs = -1,
) -> None:
    """Measure converted speech (MCD, modulation spectrum, F0, ...) or pictures (PSNR, SSIM, L1, accuracies, ...).

    Writes results.md, results.json and pictures into the run. The features that `convert --features` wrote are
    measured beside the waves.

    Example:

      translate evaluate exp/one --eval data/eval.jsonl --train data/train.jsonl
    """
    from translate.jobs.evaluate import evaluate_and_format

    print(evaluate_and_format(run, evaluation, training, sample_rate, dimensions, deep, jobs))


if __name__ == "__main__":
    main()
