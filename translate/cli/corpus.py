"""Verbs on corpora: from recordings or images to training data."""

from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import Config, From, Jobs, Source, app, name_ends


@app.command()
def doctor(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings or pictures by domain, or a manifest.")],
    layout: Annotated[str, typer.Option(help="Pictures: layout, as for prepare.")] = "auto",
    jobs: Jobs = -1,
) -> None:
    """Check recordings or pictures before training; exit status 1 when there are errors.

    Recordings: finds files that are unreadable, silent, clipped, too short or duplicated, mixed sample rates, domains
    with too few minutes or no voice. Pictures: finds files that are unreadable, tiny, unpaired, of another size than
    their partner or duplicated, and shows sizes and the classes of label maps.

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
    out: Annotated[Path, typer.Argument(help="Folder for the manifests train.jsonl, dev.jsonl, eval.jsonl.")],
    domains: Annotated[str | None, typer.Option(help="Names, separated by commas; default: every folder.")] = None,
    train: Annotated[str, typer.Option(help="Files that train: patterns of names, separated by commas.")] = "*",
    evaluation: Annotated[
        str | None, typer.Option("--eval", help="Files for evaluation, likewise; default: the last tenth.")
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(help="Files that choose the best checkpoint, likewise; default: some that train; or none."),
    ] = None,
    kaldi_split: Annotated[str, typer.Option(help="Kaldi folders: name of the manifest.")] = "train",
    layout: Annotated[
        str, typer.Option(help="Pictures: pairs, sides, unpaired, folders, attributes, labels or high.")
    ] = "auto",
) -> None:
    """Write the manifests of a corpus: which file belongs to which domain and split.

    Recordings of the same name in two domains count as the same sentence; evaluation compares them. A sentence is in
    one of train, dev and eval, for all domains. Without --dev every tenth sentence that trains goes to dev, at least 2
    and at most 16, the same ones for all domains where they share sentences; from 20 sentences on. The layouts of
    pictures: pairs (two pictures side by side in one file, in train/ and val/), sides (A/ and B/ with the same names),
    unpaired (trainA trainB testA testB), folders (one per domain), attributes (images/ and list_attr_*.txt), labels
    (train_label train_inst train_img), high (pictures for super-resolution).

    Examples:

      translate prepare facades data --layout pairs --domains photo,labels

      translate prepare my_voices data

      translate prepare vcc2016 data --domains SF1,TM1 --train '1*' --dev '10002[7-9],100030' --eval '2*'

      translate prepare kaldi/train data --kaldi-split train
    """
    from translate.jobs.prepare import prepare_corpus

    names = [name.strip() for name in domains.split(",")] if domains else None
    patterns = evaluation.split(",") if evaluation else None
    aside = [] if dev == "none" else dev.split(",") if dev else None
    prepare_corpus(corpus, out, names, train.split(","), patterns, kaldi_split, layout, aside)


@app.command()
def extract(
    manifests: Annotated[
        list[str], typer.Argument(metavar="MANIFEST... [KEY=VALUE]...", help="Manifests, and settings as for train.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the features.")],
    config: Config = None,
    jobs: Jobs = -1,
    cluster: Annotated[
        str, typer.Option(help="Where: processes, dask, dask://HOST:PORT (shares the folders), or ray.")
    ] = "processes",
) -> None:
    """Extract the features that a configuration asks for, in parallel; resumes where it was cut.

    Examples:

      translate extract data/*.jsonl --out dump --config conf/cyclegan_vc2.yaml

      translate extract data/train.jsonl --out dump --config conf/cyclegan_vc2.yaml --cluster dask://node1:8786
    """
    from translate.jobs.prepare import extract_features

    settings = [word for word in manifests if "=" in word and not Path(word).exists()]
    extract_features([Path(word) for word in manifests if word not in settings], out, config, settings, jobs, cluster)


@app.command()
def synthesise(
    manifests: Annotated[list[Path], typer.Argument(metavar="MANIFEST...", help="Manifests of natural recordings.")],
    out: Annotated[Path, typer.Option(help="Folder for the waves and the manifests train.jsonl and eval.jsonl.")],
    domain: Annotated[str, typer.Option(help="Domain whose recordings are synthesised.")],
    smooth: Annotated[int | None, typer.Option(help="Frames over which mel-cepstra (or spectra) are averaged.")] = None,
    converter: Annotated[Path | None, typer.Option(help="Run whose conversions are synthesised instead.")] = None,
    source: Source = None,
    from_: From = None,
    config: Config = None,
    jobs: Jobs = -1,
) -> None:
    """Make synthetic speech, aligned with natural recordings, to train postfilters and waveform models.

    Analysis and synthesis by WORLD with the natural F0 and aperiodicity; the mel-cepstra may be smoothed over time, or
    those of the same sentence by another speaker, the run's --source, converted by it and warped to the natural timing.

    Examples:

      translate synthesise data/train.jsonl data/eval.jsonl --out data/synthetic --domain TM1 --smooth 15

      translate synthesise data/train.jsonl --out data/synthetic --domain TM1 --converter exp/mse --from SF1
    """
    from translate.speech.synthesise import synthesise as make_synthetic

    source, _ = name_ends(source, from_, None, None)
    make_synthetic(manifests, out, domain, smooth=smooth, converter=converter, source=source, config=config, jobs=jobs)
