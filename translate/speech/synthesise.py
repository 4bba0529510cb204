"""Make a synthetic corpus: speech as from a vocoder or a statistical model, aligned with one natural speaker.

Postfilters and waveform models train on it. WORLD analyses the natural recordings and synthesises them again, with the
natural timing, F0 and aperiodicity. The mel-cepstra c1, c2, ... are

    by default        the natural ones: analysis-synthesis
    smooth=FRAMES     the natural ones under a moving average, which removes the texture over time
    converter=RUN     those of the same sentence by another speaker, converted by a run and warped to the natural timing
                      by DTW: over-smoothed like the output of statistical models (Kaneko et al. 2017)

and c0 gives every frame the natural power, since a postfilter should not learn to correct the level.

With the configuration of a model on STFT spectra, the log magnitudes are smoothed by a moving average instead. The
phase comes from Griffin-Lim, started from zeros, as for a model that predicts the spectra.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d

from translate.checkpoints.opening import open_checkpoint
from translate.config import StftConfig, WorldConfig
from translate.corpus.manifest import Entry, read_manifest, write_manifest
from translate.corpus.progress import track
from translate.errors import UserError
from translate.files import replacing
from translate.models.settings import read_config
from translate.names import below, check_distinct
from translate.speech.analysis.alignment import align, warp
from translate.speech.analysis.energy import match_level
from translate.speech.analysis.stft import Stft
from translate.speech.analysis.wave import check_wave, read_wave, write_wave
from translate.speech.analysis.world import World
from translate.speech.conversion.open import open_speech
from translate.speech.conversion.voice import VoiceConverter

log = logging.getLogger("translate")

SYNTHETIC, NATURAL = "synthetic", "natural"                         # domains of the corpus


@dataclass(frozen=True)
class Recipe:
    """The way waves are made.

    Attributes:
        analysis: settings of the analysis of the natural recordings.
        target: name of the natural speaker.
        smooth: length of the moving average in frames; None: no smoothing.
        run: run that converts mel-cepstra; None: they stay natural.
        source: domain whose mel-cepstra `run` converts.
    """

    analysis: WorldConfig | StftConfig
    target: str
    smooth: int | None = None
    run: Path | None = None
    source: str | None = None


def synthesise(
    manifests: Sequence[Path],
    out: Path,
    domain: str,
    smooth: int | None = None,
    converter: Path | None = None,
    source: str | None = None,
    config: str | None = None,
    jobs: int = -1,
) -> None:
    """Write `out/synthetic/<split>/<id>.wav` and `out/<split>.jsonl` with the domains `synthetic` and `natural`.

    A synthetic wave has as many samples as its natural recording at the analysis's rate, and the same timing frame by
    frame. The natural entries are the recordings themselves; both have the sentence as `pair`.

    Args:
        manifests: manifests of natural recordings, with all splits wanted.
        out: output folder, created if missing; its `synthesis.json` records how the speech was made.
        domain: natural speaker.
        smooth: length in frames of the moving average over mel-cepstra (or log magnitudes), at least 2; at the ends the
            first or last frame is repeated.
        converter: run on mel-cepstra that converts `source` to `domain`; sentences that `source` lacks are left out.
        source: source domain of `converter`.
        config: configuration of a model, whose `features` give the WORLD analysis, the STFT to be smoothed, or the
            sample rate. None: the converter's, or 16 kHz, 40 true mel-cepstra, DIO.
        jobs: number of processes; -1: one per core.

    Raises:
        UserError: contradicting options, no recording of a domain, no parallel sentence, two recordings for one file,
            or `out` holds speech that was made differently; and recordings that cannot be synthesised, all named at the
            end (the others are done, the manifests are not written).
    """
    if smooth is not None and converter is not None:
        raise UserError("--smooth and --converter: give one of them; they are two ways to smooth mel-cepstra")
    if (converter is None) != (source is None):
        raise UserError("--converter and --from go together: a run, and the domain that it converts")
    if converter is not None and config is not None:
        raise UserError("--config and --converter: the run brings its own analysis; leave --config out")
    if smooth is not None and smooth < 2:
        raise UserError(f"--smooth {smooth}: expected at least 2 frames")
    entries = [entry for manifest in manifests for entry in read_manifest(manifest)]
    tasks = find_sentences(entries, domain, source)
    if converter is not None:
        settings: WorldConfig | StftConfig = load_voice(converter).world.config
        load_voice(converter).name_domains(source, domain)
    else:
        settings = choose_analysis(config, smooth)
    recipe = Recipe(settings, domain, smooth, converter, source)
    made = [
        (natural, other, below(out, f"{SYNTHETIC}/{natural.split}/{natural.id}.wav")) for natural, other in tasks
    ]
    check_distinct((path, natural.path) for natural, _, path in made)
    _adopt(out, recipe)
    bad = [error for error in _run(made, recipe, jobs) if error]
    if bad:
        raise UserError(f"{len(bad)} of {len(made)} recordings were not synthesised: {'; '.join(sorted(bad))}")
    for split in dict.fromkeys(natural.split for natural, _, _ in made):
        chosen = [(natural, path) for natural, _, path in made if natural.split == split]
        write_manifest(below(out, f"{split}.jsonl"), list_entries(chosen))
        log.info("%s: %d sentences, synthetic and natural", out / f"{split}.jsonl", len(chosen))


def _adopt(out: Path, recipe: Recipe) -> None:
    """Make `out` a folder of speech made this way; raise `UserError` if it holds speech made differently."""
    run = None if recipe.run is None else str(recipe.run.resolve())
    values = {
        "domain": recipe.target, "smooth": recipe.smooth, "converter": run, "source": recipe.source,
        "analysis": recipe.analysis.model_dump(),
    }  # fmt: skip
    path = out / "synthesis.json"
    try:
        earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else values
    except ValueError:
        earlier = None
    if earlier != values:
        raise UserError(f"{out}: holds speech that was made otherwise ({path.name}); give another folder, or delete it")
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def find_sentences(entries: Sequence[Entry], domain: str, source: str | None) -> list[tuple[Entry, Entry | None]]:
    """Pair the recordings of `domain` with those of the same sentence by `source`; with None without a source."""
    for name in (domain, source):
        if name is not None and not any(entry.domain == name for entry in entries):
            known = ", ".join(sorted({entry.domain for entry in entries}))
            raise UserError(f"no recording of the domain `{name}` in the manifests; they have {known}")
    natural = [entry for entry in entries if entry.domain == domain]
    if source is None:
        return [(entry, None) for entry in natural]
    spoken = {(entry.split, entry.pair): entry for entry in entries if entry.domain == source}
    found = [(entry, spoken.get((entry.split, entry.pair)) if entry.pair else None) for entry in natural]
    pairs = [pair for pair in found if pair[1]]
    if not pairs:
        raise UserError(f"`{source}` and `{domain}` share no sentence: the manifests need the same `pair` in both")
    if len(pairs) < len(natural):
        log.info("%s: %d of %d sentences, those that %s has, too", domain, len(pairs), len(natural), source)
    return pairs


def choose_analysis(config: str | None, smooth: int | None = None) -> WorldConfig | StftConfig:
    """Choose the analysis: a configuration's WORLD or STFT (to be smoothed), or WORLD at its front end's rate."""
    features = getattr(read_config(config, {}), "features", None) if config else None
    if config and features is None:
        raise UserError(f"{config}: has no `features`; expected the configuration of a model of speech")
    if isinstance(features, WorldConfig) or (smooth is not None and isinstance(features, StftConfig)):
        return features
    rate = features.sample_rate if features else 16000
    return WorldConfig(sample_rate=rate, f0="dio", codec="sptk", dimensions=40)


def list_entries(made: Iterable[tuple[Entry, Path]]) -> list[Entry]:
    """List the synthetic and natural entries of one split, sentence by sentence."""
    entries = []
    for natural, path in made:
        entry = replace(natural, domain=NATURAL, pair=natural.pair or natural.id)
        entries += [replace(entry, domain=SYNTHETIC, path=path.absolute()), entry]
    return sorted(entries, key=lambda entry: entry.domain, reverse=True)


def make_wave(natural: Entry, spoken: Entry | None, recipe: Recipe) -> np.ndarray:
    """Make one synthetic wave (N,) with the length of the natural one at the analysis's rate."""
    if isinstance(recipe.analysis, StftConfig):
        return smooth_spectrum(natural, recipe.analysis, recipe.smooth or 1)
    world = World(recipe.analysis)
    features = world.analyse(_read(natural.path, world))
    if recipe.smooth is not None:
        mcep = uniform_filter1d(features.mcep, recipe.smooth, axis=0, mode="nearest")
    elif recipe.run is not None and recipe.source is not None and spoken is not None:
        mcep, _ = world.analyse_frames(_read(spoken.path, world))
        mcep = load_voice(recipe.run).convert_frames(mcep, recipe.source, recipe.target)
        mcep = mcep[warp(align(mcep, features.mcep), len(features.mcep))]
    else:
        mcep = features.mcep
    mcep = match_level(world, mcep, features.f0, features.mcep, features.f0)
    return world.synthesise(replace(features, mcep=mcep))


def smooth_spectrum(natural: Entry, config: StftConfig, frames: int) -> np.ndarray:
    """Average the recording's log magnitudes over `frames`; the phase is by Griffin-Lim from zeros."""
    stft = Stft(config.model_copy(update={"phase": "griffin_lim"}))
    features = stft.analyse(_read(natural.path, stft))
    smooth = uniform_filter1d(features.log_magnitude, frames, axis=0, mode="nearest")
    return stft.synthesise(replace(features, log_magnitude=smooth, phase=np.zeros_like(features.phase)))


@cache
def load_voice(run: Path) -> VoiceConverter:
    """Load the converter of a run, once per process; raise `UserError` if it is not one of mel-cepstra."""
    converter = open_speech(open_checkpoint(run))
    if not isinstance(converter, VoiceConverter):
        raise UserError(f"{run}: --converter takes a model on mel-cepstra (`features.kind: world`)")
    return converter


def _read(path: Path, front_end: World | Stft) -> np.ndarray:
    wave, rate = read_wave(path, front_end.sample_rate)
    check_wave(wave, rate, path)
    return wave


def _run(made: list[tuple[Entry, Entry | None, Path]], recipe: Recipe, jobs: int) -> Iterable[str | None]:
    """Yield each recording's error, or None, as they finish."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    results = parallel(delayed(_write_one)(*task, recipe) for task in made)
    return track(results, "synthesis", total=len(made))


def _write_one(natural: Entry, spoken: Entry | None, path: Path, recipe: Recipe) -> str | None:
    try:
        write_wave(path, make_wave(natural, spoken, recipe), recipe.analysis.sample_rate)
    except UserError as error:
        return str(error)
    return None
