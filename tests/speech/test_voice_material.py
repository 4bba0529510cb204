"""Which recordings train which kind of model, by whose statistics, and what a watch makes of them."""

import numpy as np
import pytest

from translate.config import WorldConfig, merge
from translate.corpus.manifest import scan_folders
from translate.errors import UserError
from translate.models import resolve
from translate.speech.corpus.features import extract
from translate.speech.corpus.mini import make_speech
from translate.speech.corpus.sampling import CropSampler, LabelledCropSampler, PairedCropSampler
from translate.speech.material import open_voices

FEATURES = {"sample_rate": 16000, "f0": "dio", "codec": "sptk", "dimensions": 8}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("material")
    make_speech(folder / "corpus", sentences=3, evaluation=1)
    entries = scan_folders(folder / "corpus", ["low", "high"], ["train_*"], ["eval_*"])
    (folder / "corpus" / "low" / "train_002.wav").unlink()           # only the other voice says it
    entries = [entry for entry in entries if entry.path.exists()]
    extract(entries, WorldConfig(**FEATURES), folder / "dump", jobs=1, progress=False)
    return folder / "dump"


def configure(model, **values):
    values = merge({"train": {"crop": 32, "batch_size": 2}, "data": {"domains": ["low", "high"]}}, values)
    return resolve({"model": model, "features": FEATURES, **values}, "test")


def test_paired_models_learn_from_what_both_say(store):
    material = open_voices(configure("mse_vc"), store, "cpu")
    assert isinstance(material.sampler, PairedCropSampler)
    assert len(material.sampler.rows) == 2
    batch = material.sampler.next()
    assert batch["source"].shape == batch["target"].shape == (2, 8, 32)
    assert not np.array_equal(material.statistics["low/mean"], material.statistics["high/mean"])


def test_a_postfilter_is_normalised_by_its_target(store):
    material = open_voices(configure("gan_postfilter"), store, "cpu")
    for name in ("mean", "deviation"):
        np.testing.assert_array_equal(material.statistics[f"low/{name}"], material.statistics[f"high/{name}"])


def test_many_domains_are_labelled_and_all_sentences_train(store):
    material = open_voices(configure("stargan_vc2"), store, "cpu")
    assert isinstance(material.sampler, LabelledCropSampler)
    assert [len(stream.lengths) for stream in material.sampler.streams] == [2, 3]


def test_unpaired_domains_share_no_sentence(store):
    material = open_voices(configure("cyclegan_vc2"), store, "cpu")
    assert isinstance(material.sampler, CropSampler)
    assert [len(stream.lengths) for stream in material.sampler.streams.values()] == [1, 2]


def test_crops_are_stretched_where_they_can_be(store):
    for model in ("cyclegan_vc2", "stargan_vc2"):
        settings = [configure(model, data={"stretch": stretch}) for stretch in (1.0, 1.1)]
        plain, stretched = (open_voices(config, store, "cpu").sampler for config in settings)
        assert stretched.next()["source"].shape == plain.next()["source"].shape
        assert not np.array_equal(stretched.next()["source"], plain.next()["source"])
    with pytest.raises(UserError, match=r"`data\.stretch` is 1\.1: aligned pairs of crops keep their timing"):
        open_voices(configure("mse_vc", data={"stretch": 1.1}), store, "cpu")


def test_a_model_needs_its_domains(store):
    with pytest.raises(UserError, match=r"`data\.domains` is \[low\]: expected two or more different names"):
        open_voices(configure("stargan_vc2", data={"domains": ["low"]}), store, "cpu")
    with pytest.raises(UserError, match=r"no domain `alto` in split `train`"):
        open_voices(configure("mse_vc", data={"domains": ["low", "alto"]}), store, "cpu")
