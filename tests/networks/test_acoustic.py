"""Discriminators of spectra: the same pictures as torchaudio and NumPy make, gradients, precision."""

import numpy as np
import pytest
import torch
from torchaudio.transforms import MFCC, MelSpectrogram

from translate.errors import UserError
from translate.losses.adversarial import AdversarialLoss
from translate.networks.acoustic import FLOOR, AcousticFrontEnd, SpectralDiscriminator, ViewsDiscriminator
from translate.networks.wave import WaveDiscriminator

VIEWS = ["mel", "mfcc", "phase"]


@pytest.fixture
def front_end():
    return AcousticFrontEnd(16000, fft_size=256, mels=20, coefficients=12)


def make_discriminator(front_end, views=VIEWS):
    return ViewsDiscriminator(WaveDiscriminator(2, [4, 4]), front_end, views, 2)


def test_pictures_are_those_of_torchaudio(front_end):
    x = torch.randn(2, 1, 1000)
    settings = {"n_fft": 256, "hop_length": 64, "n_mels": 20, "center": False}
    pictures = front_end(x, VIEWS)
    mel = MelSpectrogram(16000, **settings)(x)
    assert mel.min() > FLOOR
    torch.testing.assert_close(pictures["mel"], 0.5 * mel.log())
    mfcc = MFCC(16000, 12, log_mels=True, melkwargs=settings)(x)
    torch.testing.assert_close(pictures["mfcc"], 0.5 * mfcc, rtol=1e-4, atol=1e-4)
    assert [tuple(pictures[view].shape) for view in VIEWS] == [(2, 1, 20, 12), (2, 1, 12, 12), (2, 2, 129, 12)]
    assert list(front_end(x, ["phase"])) == ["phase"]


def test_phases_are_those_of_numpy(front_end):
    x = torch.randn(1, 1, 1000)
    window = np.hanning(257)[:-1]
    spectrum = np.fft.rfft(x[0, 0, 64:320].double().numpy() * window)  # the second frame
    cosine, sine = front_end(x, ["phase"])["phase"][0, :, :, 1].numpy()
    angle = np.angle(spectrum)
    large = np.abs(spectrum) > 1
    np.testing.assert_allclose(cosine[large], np.cos(angle[large]), atol=1e-3)
    np.testing.assert_allclose(sine[large], np.sin(angle[large]), atol=1e-3)
    assert front_end(torch.zeros(1, 1, 300), ["phase"])["phase"].abs().max() == 0


def test_gradients_reach_the_wave_even_in_silence(front_end):
    for x in (torch.randn(1, 1, 600), torch.zeros(1, 1, 600)):
        x.requires_grad_()
        sum(picture.square().sum() for picture in front_end(x, VIEWS).values()).backward()
        assert x.grad.isfinite().all()
    x = torch.randn(1, 1, 600, requires_grad=True)
    for view in VIEWS:
        (gradient,) = torch.autograd.grad(front_end(x, [view])[view].square().sum(), x)
        assert gradient.abs().mean() > 0


def test_pictures_are_float32_under_autocast(front_end):
    x = torch.randn(1, 1, 600)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pictures = front_end(x, VIEWS)
    for view, picture in front_end(x, VIEWS).items():
        assert pictures[view].dtype == torch.float32
        assert torch.equal(pictures[view], picture)


def test_bands_that_are_too_narrow():
    with pytest.raises(UserError, match=r"`network.mels` is 80: \d+ of these bands .* 256 samples at 16000 Hz; lower"):
        AcousticFrontEnd(16000, fft_size=256, mels=80)


def test_a_judgement_has_an_entry_per_view(front_end):
    x = torch.randn(3, 1, 1024)
    discriminator = make_discriminator(front_end)
    judgement = discriminator(x)
    assert discriminator.views == ("wave", "mel", "mfcc", "phase")
    shapes = [tuple(logits.shape) for logits in judgement.logits]
    assert shapes == [(3, 1, 64), (3, 1, 3, 2), (3, 1, 2, 2), (3, 1, 17, 2)]
    assert [len(scale) for scale in judgement.features] == [3, 4, 4, 4]
    first, rest = judgement.split(1)
    assert [len(logits) for logits in (*first.logits, *rest.logits)] == [1] * 4 + [2] * 4
    # Samples of a batch do not see one another.
    for alone, together in zip(discriminator(x[1:2]).logits, judgement.logits, strict=True):
        torch.testing.assert_close(alone, together[1:2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("views", [["mel"], ["mfcc", "phase"], []])
def test_views_can_be_left_out(front_end, views):
    discriminator = make_discriminator(front_end, views)
    assert len(discriminator(torch.randn(1, 1, 1024)).logits) == 1 + len(views)
    assert [name for name in discriminator.judges] == ["wave", *views]
    assert ("front_end" in dict(discriminator.named_children())) == bool(views)


def test_wrong_sets_of_views(front_end):
    with pytest.raises(ValueError, match="needs a view at least"):
        ViewsDiscriminator(None)
    with pytest.raises(ValueError, match="the front end is missing"):
        ViewsDiscriminator(None, None, ["mel"])
    assert ViewsDiscriminator(None, front_end, ["mel"], 2).views == ("mel",)


def test_every_view_counts_the_same(front_end):
    """Least squares, by NumPy: the mean over views of the means over their patches."""
    discriminator, loss = make_discriminator(front_end), AdversarialLoss("lsgan")
    real, fake = torch.randn(2, 1, 1024), torch.randn(2, 1, 1024)
    logits = [[v.detach().double().numpy() for v in discriminator(x).logits] for x in (real, fake)]
    expected = np.mean([np.mean((r - 1) ** 2) + np.mean(f**2) for r, f in zip(*logits, strict=True)])
    assert loss.discriminator(discriminator, real, fake).item() == pytest.approx(expected, rel=1e-4)
    expected = np.mean([np.mean((f - 1) ** 2) for f in logits[1]])
    assert loss.generator(discriminator, fake).item() == pytest.approx(expected, rel=1e-4)


def test_tables_are_not_weights(front_end):
    assert list(front_end.state_dict()) == []
    assert all(key.startswith("judges.") for key in make_discriminator(front_end).state_dict())


def test_pictures_smaller_than_a_patch():
    assert SpectralDiscriminator(1, 2)(torch.randn(1, 1, 10, 9)).logits[0].shape == (1, 1, 2, 2)
