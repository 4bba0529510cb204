"""Long sequences in chunks: exact where the receptive field is bounded, faded into each other elsewhere."""

import pytest
import torch
from torch import nn

from translate.games.base import Translator
from translate.networks.wave import PlainGenerator, ResamplingGenerator
from translate.speech.conversion.chunks import ALIGNMENT, SHORTEST, translate_chunks
from translate.speech.conversion.features import find_context

CHUNK, OVERLAP = 6000, 400


class Recorder:
    """A function that remembers how much it saw per call."""

    def __init__(self, network):
        self.network, self.seen = network, []

    def __call__(self, x):
        self.seen.append(x.shape[-1])
        return self.network(x)


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_a_short_clip_is_one_chunk():
    x = torch.randn(1, 5, CHUNK)
    for context in (None, 2):
        function = Recorder(nn.Conv1d(5, 5, 5, padding=2))
        assert torch.equal(translate_chunks(function, x, CHUNK, OVERLAP, context), function.network(x))
        assert function.seen == [CHUNK]


@pytest.mark.parametrize("frames", [1, 2, 7, 8])
def test_few_frames_are_continued(frames):
    function = Recorder(nn.Identity())
    x = torch.randn(1, 5, frames)
    assert torch.equal(translate_chunks(function, x, CHUNK, OVERLAP), x)
    assert function.seen == [max(frames, SHORTEST)]


@pytest.mark.parametrize("frames", [CHUNK + 1, 2 * CHUNK - OVERLAP, 2 * CHUNK - OVERLAP + 1, 20_000])
def test_a_long_clip_fades_from_chunk_to_chunk(frames):
    x = torch.randn(2, 5, frames)
    identity = Recorder(nn.Identity())
    torch.testing.assert_close(translate_chunks(identity, x, CHUNK, OVERLAP), x, atol=1e-6, rtol=0)
    assert max(identity.seen) - min(identity.seen) < ALIGNMENT      # norms see about as much everywhere
    assert CHUNK / 2 < max(identity.seen) <= CHUNK
    assert 0 <= sum(identity.seen) - frames - (len(identity.seen) - 1) * OVERLAP < ALIGNMENT * len(identity.seen)

    reach = 2
    network = nn.Conv1d(5, 3, 2 * reach + 1, padding=reach)
    error = (translate_chunks(network, x, CHUNK, OVERLAP) - network(x)).abs()
    assert error.max() < 0.05                                       # the edge of a chunk hardly counts
    touched = (error.amax(dim=(0, 1)) > 1e-5).sum()
    assert touched <= 2 * reach * (len(identity.seen) - 1)          # and nothing else differs


@pytest.mark.parametrize("frames", [CHUNK + 1, 11_111, 20_000])
def test_strides_meet_the_same_frames_in_every_chunk(frames):
    def function(x):
        return x * (torch.arange(x.shape[-1]) % 4 == 0)             # all that a layer of stride 4 sees

    x = torch.randn(1, 5, frames)
    torch.testing.assert_close(translate_chunks(function, x, CHUNK, OVERLAP), function(x))


@pytest.mark.parametrize("frames", [101, 200, 201, 1234])
@pytest.mark.parametrize("context", [0, 3])
def test_chunks_with_context_are_the_whole(frames, context):
    network = nn.Conv1d(2, 3, 2 * context + 1, padding=context, padding_mode="reflect" if context else "zeros")
    function, x = Recorder(network), torch.randn(2, 2, frames)
    torch.testing.assert_close(translate_chunks(function, x, 100, 20, context), network(x), atol=1e-6, rtol=0)
    assert len(function.seen) == -(-frames // 100)
    assert min(function.seen) > 50 - ALIGNMENT                      # parts are about equal
    assert max(function.seen) < 100 + ALIGNMENT + 2 * context


def test_too_little_context_shows():
    network, x = nn.Conv1d(1, 1, 7, padding=3), torch.randn(1, 1, 500)
    assert (translate_chunks(network, x, 100, 20, 2) - network(x)).abs().max() > 1e-3


@pytest.mark.parametrize("samples", [2**13 + 1, 20_011])
def test_chunks_of_wavecyclegan2_are_the_whole(samples):
    network = PlainGenerator(channels=4, dilations=(1, 2, 8)).eval()
    function, x = Recorder(network), torch.randn(1, 1, samples)
    torch.testing.assert_close(translate_chunks(function, x, 4096, 0, network.context), network(x), atol=1e-5, rtol=0)
    assert len(function.seen) > 2


class Two(Translator):
    def __init__(self, *networks):
        super().__init__({"generator": nn.ModuleList(networks), "discriminator": nn.ModuleDict()}, {})

    def training_step(self, batch, step):
        yield from ()  # it is never trained

    def translate(self, x, source, target):
        return x


def test_context_of_a_translator():
    near, far = PlainGenerator(2, (1,)), PlainGenerator(2, (1, 4))
    assert far.context > near.context > 0
    assert find_context(Two(near, far)) == far.context
    assert find_context(Two(near, ResamplingGenerator(2, 1))) is None
    assert find_context(Two(near, nn.Identity())) is None
    assert find_context(Two()) is None
