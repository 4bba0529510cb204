"""What discriminators and generators are told, a classifier of its own, identity, and how domains grow."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from translate.config import LossWeight
from translate.errors import UserError
from translate.games import star
from translate.games.star import StarGame, mixes_samples
from translate.losses.judgement import Judgement

VOICES = ["SF1", "SF2", "SM1"]
B, Q, T, K = 6, 4, 16, 3


class Map(nn.Module):
    """Each entry of the code adds its own vector."""

    def __init__(self, entries):
        super().__init__()
        self.layer, self.speak = nn.Conv1d(Q, Q, 3, padding=1), nn.Linear(entries, Q)

    def forward(self, x, code):
        return self.layer(x) + self.speak(code).unsqueeze(2)


class Judge(nn.Module):
    """A logit per frame: of the sample, and of what is told beside it."""

    def __init__(self, told, classes=False):
        super().__init__()
        self.layer, self.told = nn.Conv1d(Q, 1, 3, padding=1), nn.Linear(max(1, told * K), Q)
        self.classes = nn.Linear(Q, K) if classes else None

    def forward(self, x, *vectors):
        logits = self.layer(x)
        if vectors:
            logits = logits + (self.told(torch.cat(vectors, 1)).unsqueeze(2) * x).sum(1, keepdim=True)
        return Judgement([logits], classes=None if self.classes is None else self.classes(x.mean(2)))


class Classifier(nn.Module):
    """Logits at every second frame, (B, K, T/2)."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv1d(Q, K, 4, 2, 1)

    def forward(self, x):
        return Judgement([], classes=self.layer(x))


TOLD = {"plain": 0, "target": 1, "source_target": 2}
WEIGHTS = {
    "generator": {"adversarial": 1.0, "classification": 1.0, "cycle": 10.0, "identity": 5.0},
    "discriminator": {"adversarial": 1.0},
    "classifier": {"classification": 1.0},
}


def build(game="target", codes="target", weights=WEIGHTS, classifier=True, **options):
    torch.manual_seed(0)
    return StarGame(
        VOICES,
        Map(K if codes == "target" else 2 * K),
        Judge(TOLD[game]),
        {player: {k: w if isinstance(w, LossWeight) else LossWeight(weight=w) for k, w in losses.items()}
         for player, losses in weights.items()},
        exclusive=True,
        **{"adversarial": "lsgan", "discriminator_steps": 1} | options,
        classifier=Classifier() if classifier else None,
        game=game,
        codes=codes,
    )  # fmt: skip


def make_batch(soft=False):
    torch.manual_seed(1)
    domain = torch.rand(B, K).softmax(1) if soft else torch.eye(K)[[0, 1, 2, 0, 1, 2]]
    return {"source": torch.randn(B, Q, T), "domain": domain, "mask": torch.ones(B, K)}


@pytest.fixture
def fixed(monkeypatch):
    """Wanted domains in a known order."""
    order = torch.tensor([1, 2, 0, 5, 3, 4])
    monkeypatch.setattr(StarGame, "shuffle", lambda self, code: order)
    return order


# --- losses by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("codes", ["target", "source_target"])
@pytest.mark.parametrize("game", TOLD)
def test_losses_by_hand(fixed, game, codes, soft):
    translator, batch = build(game, codes), make_batch(soft)
    x, c = batch["source"], batch["domain"]
    wanted = c[fixed]
    judge, classifier = translator.players["discriminator"]["judge"], translator.players["classifier"]["judge"]
    turns = list(translator.training_step(batch, 0))
    assert [player for player, _ in turns] == ["discriminator", "classifier", "generator"]

    def convert(x, source, target):
        return translator.map(x, target if codes == "target" else torch.cat([source, target], 1))

    fake = convert(x, c, wanted)
    real_told, fake_told = {
        "plain": ((), ()),
        "target": ((c,), (wanted,)),
        "source_target": ((wanted, c), (c, wanted)),                        # real: as if it came the other way
    }[game]
    real, false = judge(x, *real_told).logits[0], judge(fake, *fake_told).logits[0]

    def classify(x, target):
        logits = classifier(x).classes
        return cross_entropy(logits, target.unsqueeze(2).expand_as(logits))

    losses = dict(turns)
    torch.testing.assert_close(losses["discriminator"], {"adversarial": ((real - 1) ** 2).mean() + (false**2).mean()})
    torch.testing.assert_close(losses["classifier"], {"classification": classify(x, c)})
    torch.testing.assert_close(losses["generator"], {
        "adversarial": ((false - 1) ** 2).mean(),
        "classification": classify(fake, wanted),
        "cycle": (convert(fake, wanted, c) - x).abs().mean(),
        "identity": (convert(x, c, c) - x).abs().mean(),
    })  # fmt: skip


def test_the_penalty_is_taken_where_both_are_told_the_same(fixed):
    """Between a fake that shall be of c' and a real sample of c': with x and x' as far apart as they are, by hand."""
    weights = WEIGHTS | {"discriminator": {"adversarial": 1.0, "gradient_penalty": 10.0}}
    translator, batch = build("source_target", weights=weights, adversarial="wgan"), make_batch()
    calls = []
    judge = translator.players["discriminator"]["judge"]
    judge.register_forward_hook(lambda network, inputs, output: calls.append([t.detach() for t in inputs]))
    turns = translator.training_step(batch, 0)
    losses = next(turns)[1]
    between, source, target = calls[-1]
    c = batch["domain"]
    assert torch.equal(source, c)
    assert torch.equal(target, c[fixed])
    fake = translator.map(batch["source"], c[fixed]).detach()
    shares = (between - fake) / (batch["source"][fixed] - fake)             # one per sample
    torch.testing.assert_close(shares, shares[:, :1, :1].expand_as(shares), rtol=1e-2, atol=1e-2)
    x = between.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(judge(x, source, target).logits[0].sum(), x)
    expected = ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
    torch.testing.assert_close(losses["gradient_penalty"], expected)


@pytest.mark.parametrize("game", TOLD)
def test_r1_is_taken_at_real_samples_as_they_are_told(fixed, game):
    weights = WEIGHTS | {"discriminator": {"adversarial": 1.0, "r1": LossWeight(weight=0.5, every=2)}}
    translator, batch = build(game, weights=weights), make_batch()
    found, lazy = (dict(translator.training_step(batch, step))["discriminator"] for step in (0, 1))
    assert set(lazy) == {"adversarial"}
    x, c = batch["source"].clone().requires_grad_(), batch["domain"]
    told = {"plain": (), "target": (c,), "source_target": (c[fixed], c)}[game]
    logits = translator.players["discriminator"]["judge"](x, *told).logits[0]
    (gradient,) = torch.autograd.grad(logits.sum(), x)
    torch.testing.assert_close(found["r1"], 0.5 * gradient.square().sum() / B)


# --- players ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("player", ["discriminator", "classifier", "generator"])
@pytest.mark.parametrize("game", TOLD)
def test_losses_reach_their_player_alone(game, player):
    translator = build(game, "source_target")
    for name, losses in translator.training_step(make_batch(), 0):
        if name == player:
            torch.stack(list(losses.values())).sum().backward()
    others = [p for name, networks in translator.players.items() if name != player for p in networks.parameters()]
    assert all(p.grad is None for p in others)
    silent = {"told"} if game == "plain" else set()                         # a plain game tells nothing
    mine = translator.players[player].named_parameters()
    assert all(p.grad is not None and p.grad.any() for key, p in mine if key.split(".")[1] not in silent)
    assert all(p.requires_grad for p in translator.parameters())


def test_the_classifier_learns_at_every_step_the_generator_at_some():
    translator = build(discriminator_steps=3)
    turns = [[player for player, _ in translator.training_step(make_batch(), step)] for step in range(3)]
    assert turns == [["discriminator", "classifier"]] * 2 + [["discriminator", "classifier", "generator"]]


class Mixing(Map):
    """With batch norm: what becomes of a sample depends on the batch."""

    def __init__(self, entries):
        super().__init__(entries)
        self.norm = nn.BatchNorm1d(Q)

    def forward(self, x, code):
        return self.norm(super().forward(x, code))


@pytest.mark.parametrize("codes", ["target", "source_target"])
@pytest.mark.parametrize("network", [Map, Mixing])
def test_one_pass_for_cycle_and_identity_where_samples_are_alone(fixed, monkeypatch, network, codes):
    """It gives the losses and gradients of two passes; batch norm would mix the two, so there they stay apart."""
    results, batches = [], []
    for apart in (True, False):
        monkeypatch.setattr(star, "mixes_samples", (lambda network: True) if apart else mixes_samples)
        translator = build(codes=codes)
        torch.manual_seed(2)
        translator.players["generator"]["map"] = network(K if codes == "target" else 2 * K)
        sizes = []
        translator.map.register_forward_hook(lambda _, inputs, output, sizes=sizes: sizes.append(len(inputs[0])))
        losses = dict(translator.training_step(make_batch(), 0))["generator"]
        torch.stack(list(losses.values())).sum().backward()
        results.append([*losses.values(), *(p.grad for p in translator.map.parameters())])
        batches.append(sizes)
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)
    assert batches == [[B, B, B], [B, 2 * B] if network is Map else [B, B, B]]


@pytest.mark.parametrize(("weights", "names"), [
    ({"identity": 0.0}, "adversarial classification cycle"),
    ({"identity": LossWeight(weight=5.0, until=1)}, "adversarial classification cycle"),
    ({"identity": LossWeight(weight=5.0, until=2)}, "adversarial classification cycle identity"),
    ({"classification": 0.0}, "adversarial cycle identity"),
    ({"adversarial": 0.0}, "classification cycle identity"),
])  # fmt: skip
def test_what_has_no_weight_costs_nothing(weights, names):
    translator = build(weights=WEIGHTS | {"generator": WEIGHTS["generator"] | weights})
    maps, calls = 0, {"discriminator": 0, "classifier": 0}

    def count(*_):
        nonlocal maps
        maps += 1

    translator.map.register_forward_hook(count)
    for player in calls:
        network = translator.players[player]["judge"]
        network.register_forward_hook(lambda *_, player=player: calls.update({player: calls[player] + 1}))
    losses = dict(translator.training_step(make_batch(), 1))
    assert sorted(losses["generator"]) == names.split()
    assert maps == 2                                                        # identity comes with the way back
    # Nobody teaches those whom the generator does not heed.
    assert calls == {"discriminator": 2 * ("adversarial" in names), "classifier": 2 * ("classification" in names)}
    assert bool(losses["classifier"]) == ("classification" in names)


def test_without_a_classifier_the_discriminator_classifies():
    weights = {**WEIGHTS, "discriminator": {"adversarial": 1.0, "classification": 1.0}}
    translator = build("plain", weights=weights, classifier=False)
    assert list(translator.players) == ["generator", "discriminator"]
    with pytest.raises(ValueError, match="a discriminator whose judgement has `classes`"):
        list(translator.training_step(make_batch(), 0))
    translator.players["discriminator"]["judge"] = Judge(0, classes=True)
    assert set(dict(translator.training_step(make_batch(), 0))["discriminator"]) == {"adversarial", "classification"}


def test_a_batch_of_one_has_no_other_domain():
    batch = {key: value[:1] for key, value in make_batch().items()}
    with pytest.raises(UserError, match=r"`train\.batch_size`: expected 2 or more per process"):
        next(build().training_step(batch, 0))


def test_an_unknown_game():
    translator = build()
    translator.game = "poker"
    with pytest.raises(ValueError, match="game 'poker': expected one of plain, target, source_target"):
        next(translator.training_step(make_batch(), 0))


# --- translating ------------------------------------------------------------------------------------------


def test_translating_from_a_source():
    translator, x = build(codes="source_target"), torch.randn(2, Q, 11)
    one = torch.eye(K)
    fake = translator.translate(x, "SF1", "SM1")
    torch.testing.assert_close(fake, translator.map(x, torch.cat([one[0], one[2]]).expand(2, -1)))
    torch.testing.assert_close(fake, translator.translate(x, one[0], one[2]))
    both = translator.translate(x, one[:2], torch.tensor([[0.5, 0.5, 0], [0, 0, 1]]))
    torch.testing.assert_close(both[1:], translator.translate(x[1:], "SF2", "SM1"))
    with pytest.raises(UserError, match="unknown domain `SF3`; did you mean `SF"):
        translator.translate(x, "SF3", "SM1")
    with pytest.raises(ValueError, match="source: expected vectors of 3 domains"):
        translator.translate(x, torch.ones(2), "SM1")
    assert torch.equal(build().translate(x, "anyone", "SM1"), build().translate(x, "", "SM1"))


# --- which weights domains index --------------------------------------------------------------------------


def test_domain_axes_have_the_names_of_the_state():
    translator = build("source_target", "source_target")
    assert translator.domain_axes() == {}                                   # these networks do not tell
    Map.domain_axes = lambda self: {"speak.weight": (1, 2)}
    try:
        assert translator.domain_axes() == {"players.generator.map.speak.weight": (1, 2)}
        translator.sizes = [1, 2]                                           # [c, m]: the last entries are no domains
        assert translator.domain_axes() == {}
    finally:
        del Map.domain_axes
