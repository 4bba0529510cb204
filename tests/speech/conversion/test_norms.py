"""Norms with the statistics of the training material: what is around a frame, and how it arrives, changes nothing."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from tiny_runs import configure
from torch import nn

from translate.checkpoints.share import share
from translate.checkpoints.store import save_checkpoint
from translate.config import WorldConfig
from translate.corpus.manifest import scan_folders
from translate.errors import UserError
from translate.files import load_arrays, save_arrays
from translate.games.vectors import VectorGame
from translate.jobs.load import load
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.conversion import norms as module
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.norms import gather_norms, has_norms, pack_norms, read_norms
from translate.speech.conversion.open import make_converter
from translate.speech.conversion.pieces import NOTHING
from translate.speech.corpus.features import extract
from translate.speech.corpus.mini import make_speech
from translate.speech.material import open_voices
from translate.speech.streaming.frames import FrameStream
from translate.speech.streaming.stream import stream
from translate.training.trainer import train

RATE = 16000
FEATURES = {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 12}
THREE = {"stargan_vc2": ["low", "high", "other"]}
MODELS = ["cyclegan_vc", "cyclegan_vc2", "stargan_vc2", "wavecyclegan"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    make_speech(folder, sentences=2, evaluation=0, sample_rate=RATE)
    return folder


@pytest.fixture(scope="module")
def waves(corpus):
    paths = {domain: sorted((corpus / domain).glob("*.wav")) for domain in ("low", "high")}
    found = {domain: [read_wave(path)[0] for path in of_domain] for domain, of_domain in paths.items()}
    return found | {"other": [wave[::-1] for wave in found["low"]]}


def make(name, waves, stored=True):
    """An untrained converter whose norms have scales and shifts that are not 1 and 0, with statistics gathered."""
    domains = THREE.get(name, ["low", "high"])
    features = {"sample_rate": RATE} if "wave" in name else FEATURES
    deeper = {"blocks": 2} if name in ("cyclegan_vc2", "stargan_vc2") else {}
    config = configure(name, data={"domains": domains}, features=features, network=deeper)
    torch.manual_seed(0)
    game = config.build()
    for parameter in game.players["generator"].parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.5, 0.3)
    if "wave" in name:
        frames = {domain: [wave[:, None] for wave in waves[domain]] for domain in domains}
    else:
        world = World(WorldConfig(**FEATURES))
        frames = {domain: [world.analyse_frames(wave)[0] for wave in waves[domain]] for domain in domains}
    known = {domain: np.concatenate(of_domain) for domain, of_domain in frames.items()}
    statistics = {d: Statistics(x.mean(axis=0), x.std(axis=0), 5.0, 0.2, len(x), len(x)) for d, x in known.items()}
    converter = make_converter(game, config, statistics, torch.device("cpu"))
    found = gather_norms(converter, frames) if stored else {}
    return make_converter(game, config, statistics, torch.device("cpu"), found), frames


@pytest.fixture(scope="module")
def converters(waves):
    return {name: make(name, waves) for name in MODELS}


def differ(converter, a, b):
    """The largest difference of frames, normalised."""
    return np.abs((a - b) / converter.statistics["high"].deviation).max()


@pytest.mark.parametrize("name", MODELS)
def test_every_direction_has_the_statistics_of_the_norms_on_its_way(converters, name):
    converter, _ = converters[name]
    assert set(converter.norms) == set(converter.directions)
    generator = converter.translator.players["generator"]
    total = len(module.list_norms(generator))
    shared = isinstance(converter.translator, VectorGame)
    for of_direction in converter.norms.values():
        assert len(of_direction) == (total if shared else total // 2) > 0
        assert all(value[1].min() >= 0 for value in of_direction.values())
    one, other = list(converter.norms.values())[:2]
    assert not all(name in other and torch.allclose(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", MODELS)
def test_silence_around_a_sentence_does_not_change_it(converters, name):
    converter, frames = converters[name]
    x = frames["low"][0][:16000]
    silence = np.repeat(x[:1] - 3 * converter.statistics["low"].deviation, 16 * (len(x) // 16), axis=0)
    alone = converter.convert_frames(x, "low", "high")
    after = converter.convert_frames(np.concatenate([silence, x]), "low", "high")[len(silence) :]
    reach = converter.find_game("low", "high")[1]
    assert 0 < reach < len(x) / 2
    assert differ(converter, alone[reach:], after[reach:]) < 1e-4
    assert np.std(alone / converter.statistics["high"].deviation) > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_chunks_and_streams_are_the_whole(converters, name, monkeypatch):
    converter, frames = converters[name]
    x = np.concatenate(frames["low"] * 3)[:40_000]
    whole = converter.convert_frames(x, "low", "high")
    monkeypatch.setattr(converter, "bounded_chunk", len(x) // 3)
    assert differ(converter, converter.convert_frames(x, "low", "high"), whole) < 1e-4
    size = len(x) // 20
    for reference in (None, x):                                     # which is not needed
        under_way = FrameStream(converter, "low", "high", reference=reference)
        parts = [under_way.push(x[start : start + size]) for start in range(0, len(x), size)]
        assert differ(converter, np.concatenate([*parts, under_way.flush()]), whole) < 1e-4


def test_pieces_of_a_file_are_the_whole(converters, waves, monkeypatch):
    monkeypatch.setattr("translate.speech.conversion.pieces.PIECE", 4.0)
    monkeypatch.setattr("translate.speech.conversion.pieces.SEARCH", 2.0)
    converter, _ = converters["wavecyclegan"]
    wave = np.concatenate(waves["low"] * 2)[:150_001]
    whole = converter.convert_in_detail(wave, RATE, "low", "high").wave
    assert np.abs(converter.convert(wave, RATE, "low", "high")[0] - whole).max() < 1e-4
    under_way = stream(converter, "high", "low")
    streamed = np.concatenate([under_way.push(wave), under_way.flush()])
    assert np.abs(streamed - whole).max() < 1e-4
    voice, _ = converters["cyclegan_vc2"]
    seen = []
    original = type(voice).convert_frames
    monkeypatch.setattr(type(voice), "convert_frames", lambda *a, **k: seen.append(original(*a, **k)) or seen[-1])
    voice.convert(wave, RATE, "low", "high")
    whole = original(voice, voice.world.analyse_frames(wave)[0], "low", "high")
    assert len(seen) > 2
    assert differ(voice, seen[0][:300], whole[:300]) < 1e-3         # the first piece; then the F0 at its end


def test_a_chain_reaches_as_far_as_its_models(converters):
    voice, filter_ = converters["cyclegan_vc2"][0], converters["wavecyclegan"][0]
    reach = Chain([voice, filter_]).find_reach("low", "high")
    parts = [converter.find_reach("low", "high") for converter in (voice, filter_)]
    assert reach.seconds == pytest.approx(sum(part.seconds for part in parts))
    assert reach.step == parts[0].step == Fraction(4 * 5, 1000)
    assert all((reach.step / part.step).denominator == 1 for part in parts)


def test_without_stored_statistics_the_speech_alone_counts(waves):
    converter, frames = make("cyclegan_vc2", waves, stored=False)
    assert converter.find_reach("low", "high") == NOTHING
    x = frames["low"][0]
    f0 = converter.world.analyse(waves["low"][0]).f0
    silence = np.repeat(x[:1] - 8 * np.eye(1, 12), 600, axis=0)
    alone = converter.convert_frames(x, "low", "high", f0=f0)
    longer = np.concatenate([silence, x])
    after = converter.convert_frames(longer, "low", "high", f0=np.concatenate([np.zeros(600), f0]))[600:]
    with torch.no_grad():
        normalised = torch.from_numpy(converter.statistics["low"].normalise(longer).T[None]).float()
        y = converter.translator.translate(normalised, "low", "high")[0].T.double().numpy()
    before = converter.statistics["high"].denormalise(y)[600:]
    change, old_change = (np.abs(other[100:] - alone[100:]).mean() for other in (after, before))
    assert change < 0.5 * old_change


def test_of_very_many_voices_each_target_has_its_statistics(waves, monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 5)                         # three voices have six directions
    converter, _ = make("stargan_vc2", waves)
    assert list(converter.norms) == [("", "low"), ("", "high"), ("", "other")]
    assert converter.find_game("low", "high")[1] is not None
    assert converter.find_game("low", "high")[0] is converter.find_game("low", "high")[0]


def test_models_without_instance_norms_store_nothing(waves):
    config = configure("wavecyclegan2", data={"domains": ["low", "high"]})
    converter = make_converter(config.build(), config, {}, torch.device("cpu"))
    assert not has_norms(converter.translator)
    assert gather_norms(converter, {}) == {}


# --- files ------------------------------------------------------------------------------------------------


def save(folder, converter):
    statistics = pack_statistics(converter.statistics) | pack_norms(converter.norms)
    weights = converter.translator.state_dict()
    return save_checkpoint(folder, 7, converter.config, weights, {}, statistics, {}, keep=1)


@pytest.mark.parametrize("name", ["cyclegan_vc2", "stargan_vc2"])
def test_checkpoints_keep_them_and_shared_ones_too(converters, tmp_path, name):
    converter, frames = converters[name]
    expected = converter.convert_frames(frames["low"][0], "low", "high")
    checkpoint = save(tmp_path / "run", converter)
    shared = share(checkpoint, tmp_path / "shared")
    for folder in (checkpoint, shared):
        again = load(folder)
        assert set(again.norms) == set(converter.norms)
        assert np.array_equal(again.convert_frames(frames["low"][0], "low", "high"), expected)


@pytest.mark.parametrize("damage", ["shape", "sign", "name"])
def test_damaged_statistics_are_told(converters, tmp_path, damage):
    converter, _ = converters["cyclegan_vc2"]
    path = save(tmp_path, converter) / "statistics.safetensors"
    values = load_arrays(path)
    key = next(key for key in values if key.startswith("norms/low/high/"))
    values[key] = {"shape": values[key][:, :-1].copy(), "sign": -values[key]}.get(damage, values[key])
    if damage == "name":
        values[f"{key}.no"] = values[key]
    save_arrays(path, values)
    with pytest.raises(UserError, match="is no statistics of a norm of this model"):
        load(tmp_path)


def test_training_stores_them_at_every_checkpoint(corpus, tmp_path):
    entries = scan_folders(corpus, ["low", "high"], ["train_*"], None)
    extract(entries, WorldConfig(**FEATURES), tmp_path / "dump", jobs=1, progress=False)
    values = {"steps": 4, "save_every": 2, "keep": 3, "log_every": 2, "device": "cpu", "sample_every": 0}

    def run(folder, steps=4):
        data = {"domains": ["low", "high"], "non_parallel": False}
        config = configure("cyclegan_vc2", features=FEATURES, train=values | {"steps": steps}, data=data)
        torch.manual_seed(0)
        material = open_voices(config, tmp_path / "dump", torch.device("cpu"))
        return train(config.build(), config, material.sampler, material.statistics, folder, material.watch)

    whole = run(tmp_path / "whole")
    run(tmp_path / "cut", 2)
    cut = run(tmp_path / "cut", 4)
    for name in ("weights.safetensors", "statistics.safetensors"):
        first, second = load_arrays(whole / name), load_arrays(cut / name)
        assert first.keys() == second.keys()
    early = load(tmp_path / "whole" / "step_00000002")
    late = load(whole)
    assert set(early.norms) == set(late.norms) == {("low", "high"), ("high", "low")}
    one, other = (converter.norms["low", "high"] for converter in (early, late))
    assert one.keys() == other.keys()
    assert not all(torch.equal(one[name], other[name]) for name in one)
    found = read_norms(whole / "statistics.safetensors", late.translator)
    assert all(torch.equal(found["low", "high"][name], other[name]) for name in other)


# --- graphs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param("cyclegan_vc", marks=pytest.mark.slow), "stargan_vc2"])
def test_exported_graphs_have_them(converters, name):
    pytest.importorskip("onnx")
    from translate.export.write import export_onnx

    converter, _ = converters[name]
    exported = export_onnx(converter, [("low", "high")])
    assert exported[0].difference < 1e-4
