"""Turns, work per step, losses by hand, data sets, vectors: on pictures and on sequences."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.star import StarGame
from translate.games.vectors import check_domains
from translate.losses.judgement import Judgement

FACES = ["Black_Hair", "Blond_Hair", "Male", "Young"]
B, C = 6, 2


class Map(nn.Module):
    """A convolution of the sample with the vector's entries as channels, on any number of dimensions."""

    def __init__(self, rank, entries):
        super().__init__()
        self.layer = (nn.Conv1d, nn.Conv2d)[rank - 1](C + entries, C, 3, padding=1)

    def forward(self, x, vector):
        places = vector.reshape(*vector.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[2:])
        return self.layer(torch.cat([x, places], dim=1))


class Judge(nn.Module):
    def __init__(self, rank, domains):
        super().__init__()
        convolution = (nn.Conv1d, nn.Conv2d)[rank - 1]
        self.layer, self.patches = convolution(C, 8, 3, padding=1), convolution(8, 1, 1)
        self.classes = nn.Linear(8, domains)

    def forward(self, x):
        x = self.layer(x).tanh()
        return Judgement([self.patches(x)], classes=self.classes(x.flatten(2).mean(2)))


WEIGHTS = {
    "generator": {"adversarial": 1.0, "classification": 1.0, "cycle": 10.0},
    "discriminator": {"adversarial": 1.0, "classification": 1.0, "gradient_penalty": 10.0},
}


def build(rank=2, domains=FACES, exclusive=False, weights=None, sets=(), **options):
    torch.manual_seed(0)
    values = {player: losses | (weights or {}).get(player, {}) for player, losses in WEIGHTS.items()}
    return StarGame(
        domains,
        Map(rank, len(domains) + (len(sets) if len(sets) > 1 else 0)),
        Judge(rank, len(domains)),
        {player: {k: LossWeight(weight=w) for k, w in losses.items()} for player, losses in values.items()},
        exclusive,
        sets=sets,
        **options,
    )


def make_batch(rank=2, exclusive=False, domains=4):
    torch.manual_seed(1)
    drawn = torch.rand(B, domains)
    vectors = nn.functional.one_hot(drawn.argmax(1), domains).float() if exclusive else drawn.round()
    return {"source": torch.randn(B, C, *[12] * rank), "domain": vectors, "mask": torch.ones(B, domains)}


def play(translator, batch, step):
    """One step without learning: {player: losses}."""
    return dict(translator.training_step(batch, step))


class Inputs:
    """What the networks were called with: (name, inputs, whether a graph was built)."""

    def __init__(self, translator):
        self.calls = []
        networks = {"map": translator.map, "judge": translator.players["discriminator"]["judge"]}
        for name, network in networks.items():
            network.register_forward_hook(self._hook(name))

    def _hook(self, name):
        def keep(network, inputs, output):
            graph = output.requires_grad if name == "map" else any(p.requires_grad for p in network.parameters())
            self.calls.append((name, [tensor.detach().clone() for tensor in inputs], graph))

        return keep

    def of(self, name):
        return [inputs for called, inputs, _ in self.calls if called == name]

    def counts(self):
        return Counter((name, len(inputs[0]), graph) for name, inputs, graph in self.calls)


# --- turns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("every", [1, 5])
def test_the_generator_plays_every_few_steps(rank, every):
    translator, batch = build(rank, discriminator_steps=every), make_batch(rank)
    for step in range(11):
        turns = [player for player, _ in translator.training_step(batch, step)]
        assert turns == ["discriminator", "generator"] if step % every == every - 1 else ["discriminator"]


def test_work_of_a_step():
    translator = build()
    inputs = Inputs(translator)
    play(translator, make_batch(), 0)
    assert inputs.counts() == {
        ("map", B, False): 1,                                               # fakes, no graph
        ("judge", 2 * B, True): 1,                                          # real and fake in one pass
        ("judge", B, True): 1,                                              # the penalty, between them
    }
    inputs.calls.clear()
    play(translator, make_batch(), 4)
    assert inputs.counts() == {
        ("map", B, True): 2,                                                # fakes once for both players; back
        ("judge", 2 * B, True): 1,
        ("judge", B, True): 1,
        ("judge", B, False): 1,                                             # in the generator's turn, frozen
    }


@pytest.mark.parametrize(("weights", "maps", "judges", "names"), [
    ({"generator": {"cycle": 0.0}}, 1, 3, "adversarial classification"),
    ({"generator": {"classification": 0.0}}, 2, 3, "adversarial cycle"),
    # a discriminator that no generator heeds is not trained
    ({"generator": {"adversarial": 0.0}}, 2, 2, "classification cycle"),
    ({"generator": {"adversarial": 0.0, "classification": 0.0}}, 2, 0, "cycle"),
    ({"discriminator": {"gradient_penalty": 0.0}}, 2, 2, "adversarial classification cycle"),
])  # fmt: skip
def test_losses_of_weight_zero_are_not_computed(weights, maps, judges, names):
    translator = build(weights=weights)
    inputs = Inputs(translator)
    losses = play(translator, make_batch(), 4)
    assert sorted(losses["generator"]) == names.split()
    assert (len(inputs.of("map")), len(inputs.of("judge"))) == (maps, judges)
    assert ("gradient_penalty" in losses["discriminator"]) == (judges == 3)


def test_a_game_has_the_losses_that_its_weights_name():
    translator = build(adversarial="lsgan")
    del translator.weights["discriminator"]["gradient_penalty"]
    assert set(play(translator, make_batch(), 0)["discriminator"]) == {"adversarial", "classification"}


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_reach_their_player_alone(player):
    translator = build()
    others = [p for name, networks in translator.players.items() if name != player for p in networks.parameters()]
    for name, losses in translator.training_step(make_batch(), 4):
        if name == player:
            torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None for p in translator.players[player].parameters())
    assert all(p.grad is None for p in others)
    assert all(p.requires_grad for p in translator.parameters())


# --- losses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("exclusive", [False, True])
def test_losses_by_hand(rank, exclusive):
    translator, batch = build(rank, exclusive=exclusive), make_batch(rank, exclusive)
    judge, x, c = translator.players["discriminator"]["judge"], batch["source"], batch["domain"]
    inputs = Inputs(translator)
    losses = play(translator, batch, 4)
    (seen, wanted), (fake, back), *_ = inputs.of("map")
    assert torch.equal(seen, x)
    assert torch.equal(back, c)
    torch.testing.assert_close(fake, translator.map(x, wanted))

    def classify(logits, vectors):
        if exclusive:
            return cross_entropy(logits, vectors.argmax(1))
        return binary_cross_entropy_with_logits(logits, vectors, reduction="sum") / B

    real, false = judge(x), judge(fake)
    expected = {
        "adversarial": false.logits[0].mean() - real.logits[0].mean(),
        "classification": classify(real.classes, c),
        "gradient_penalty": losses["discriminator"]["gradient_penalty"],    # by hand in the tests of the penalties
    }
    torch.testing.assert_close(losses["discriminator"], expected)
    expected = {
        "adversarial": -false.logits[0].mean(),
        "classification": classify(false.classes, wanted),
        "cycle": (translator.map(fake, c) - x).abs().mean(),
    }
    torch.testing.assert_close(losses["generator"], expected)
    torch.testing.assert_close(translator.monitors["change"], (fake - x).abs().mean() / x.abs().mean())


def test_wanted_domains_are_the_batchs_own_shuffled():
    translator, batch = build(), make_batch()
    batch["domain"] = torch.arange(B).float()[:, None].expand(-1, 4) / B    # every sample has its own vector
    inputs = Inputs(translator)
    orders = set()
    for _ in range(20):
        play(translator, batch, 0)
        order = (inputs.of("map")[-1][1][:, 0] * B).round().int().tolist()
        assert sorted(order) == list(range(B))
        orders.add(tuple(order))
    assert len(orders) > 15


@pytest.mark.parametrize("options", [{}, {"sets": [FACES[:2], FACES[2:]]}, {"exclusive": True}])
def test_a_step_never_waits_for_the_device(options):
    """Tensors without data have nothing to wait for: reading one is an error."""
    no_penalty = {"discriminator": {"gradient_penalty": 0.0}}               # autocast knows no meta tensors
    translator = build(weights=no_penalty, **options).to("meta")
    batch = {key: value.to("meta") for key, value in make_batch(exclusive="exclusive" in options).items()}
    losses = play(translator, batch, 4)
    assert all(loss.is_meta and loss.dim() == 0 for terms in losses.values() for loss in terms.values())
    with pytest.raises(RuntimeError):
        losses["generator"]["adversarial"].item()


def test_draws_follow_the_global_seed():
    translator, batch = build(), make_batch()
    rows = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        rows.append([loss.item() for losses in play(translator, batch, 4).values() for loss in losses.values()])
    assert rows[0] == rows[1] != rows[2]


def test_unlabelled_attributes_cost_nothing():
    translator, batch = build(), make_batch()
    batch["mask"] = torch.tensor([[1.0, 0.0, 1.0, 1.0]]).expand(B, -1)
    first = play(translator, batch, 4)
    batch["domain"] = batch["domain"].clone()
    batch["domain"][:, 1] = 1 - batch["domain"][:, 1]                       # not known, so it cannot matter
    again = play(translator, batch, 4)
    classes = translator.players["discriminator"]["judge"].classes
    again["discriminator"]["classification"].backward()
    assert not classes.weight.grad[1].any()
    assert classes.weight.grad[[0, 2, 3]].any(dim=1).all()
    torch.testing.assert_close(again["discriminator"]["classification"], first["discriminator"]["classification"])


def test_a_discriminator_without_classes_is_named():
    translator = build()
    translator.players["discriminator"]["judge"].forward = lambda x: Judgement([x])
    with pytest.raises(ValueError, match="a discriminator whose judgement has `classes`"):
        play(translator, make_batch(), 0)


# --- several data sets ------------------------------------------------------------------------------------

SETS = [["Black_Hair", "Blond_Hair"], ["angry", "happy", "sad"]]
JOINED = [name for names in SETS for name in names]
KINDS = torch.tensor([0, 1, 1, 0, 1, 0])


def make_joined_batch(exclusive):
    batch = make_batch(domains=5, exclusive=True)
    batch["domain"] = torch.eye(5)[[0, 2, 3, 1, 4, 1]]
    mask = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0]])[KINDS]
    return batch | {"mask": torch.ones(B, 5) if exclusive else mask}


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_generator_is_told_the_data_set(exclusive):
    """A batch's mask tells the set of attributes, the class itself that of exclusive ones (their mask is all ones)."""
    translator, batch = build(domains=JOINED, exclusive=exclusive, sets=SETS), make_joined_batch(exclusive)
    inputs = Inputs(translator)
    play(translator, batch, 4)
    code = inputs.of("map")[1][1]
    assert torch.equal(code, torch.cat([batch["domain"], torch.eye(2)[KINDS]], dim=1))


def test_attributes_none_of_which_a_sample_has_still_name_their_set():
    translator, batch = build(domains=JOINED, sets=SETS), make_joined_batch(False)
    batch["domain"] = torch.zeros(B, 5)
    inputs = Inputs(translator)
    play(translator, batch, 4)
    assert torch.equal(inputs.of("map")[1][1][:, 5:], torch.eye(2)[KINDS])


@pytest.mark.parametrize("exclusive", [False, True])
def test_wanted_vectors_stay_in_their_set(exclusive):
    translator, batch = build(domains=JOINED, exclusive=exclusive, sets=SETS), make_joined_batch(exclusive)
    inputs = Inputs(translator)
    drawn = set()
    for _ in range(30):
        play(translator, batch, 0)
        wanted = inputs.of("map")[-1][1]
        assert torch.equal(wanted[:, 5:], torch.eye(2)[KINDS])
        assert torch.equal(wanted.sum(0)[:5], batch["domain"].sum(0))       # each as often as in the batch
        drawn.add(tuple(wanted[:, :5].argmax(1).tolist()))
    assert len(drawn) > 5


@pytest.mark.parametrize("exclusive", [False, True])
def test_classes_of_other_sets_get_no_gradient(exclusive):
    translator, batch = build(domains=JOINED, exclusive=exclusive, sets=SETS), make_joined_batch(exclusive)
    logits = torch.randn(B, 5, requires_grad=True)
    loss = translator.classify(Judgement([], classes=logits), batch["domain"], batch["mask"])
    loss.backward()
    own = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]])[KINDS].bool()
    assert (logits.grad[own] != 0).all()
    assert not logits.grad[~own].any()
    if exclusive:
        parts = (logits[KINDS == 0, :2], [0, 1, 1]), (logits[KINDS == 1, 2:], [0, 1, 2])
        by_hand = sum(cross_entropy(part, torch.tensor(places), reduction="sum") for part, places in parts) / B
    else:
        by_hand = binary_cross_entropy_with_logits(logits[own], batch["domain"][own], reduction="sum") / B
    torch.testing.assert_close(loss, by_hand)


def test_translating_to_a_domain_of_one_set():
    translator = build(domains=JOINED, sets=SETS)
    inputs, x = Inputs(translator), torch.randn(2, C, 5, 7)
    translator.translate(x, "any", "happy")
    assert inputs.of("map")[-1][1].tolist() == [[0, 0, 0, 1, 0, 0, 1]] * 2
    translator.translate(x, "any", torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 0.2, 0.8, 0]]))
    assert inputs.of("map")[-1][1][:, 5:].tolist() == [[1, 0], [0, 1]]
    none = torch.tensor([0.0, 0, 0, 0, 0, 1, 0])                            # no attribute of the first set
    translator.translate(x, "any", none)
    assert torch.equal(inputs.of("map")[-1][1], none.expand(2, -1))
    for target in ("", "Blond_Hair+happy"):
        with pytest.raises(UserError, match=r"of one data set; they are Black_Hair, Blond_Hair; angry, happy, sad"):
            translator.translate(x, "any", target)


# --- vectors ----------------------------------------------------------------------------------------------


def test_vectors_of_attributes():
    translator = build()
    assert translator.vector("Blond_Hair+Young").tolist() == [0, 1, 0, 1]
    assert translator.vector("Male").tolist() == [0, 0, 1, 0]
    assert translator.vector("").tolist() == [0, 0, 0, 0]
    with pytest.raises(UserError, match=r"unknown domain `Blonde_Hair`; did you mean `Blond_Hair`\?"):
        translator.vector("Male+Blonde_Hair")
    with pytest.raises(UserError, match=r"unknown domain `xyz`; known: Black_Hair, Blond_Hair, Male, Young"):
        translator.vector("xyz")


def test_vectors_of_exclusive_domains():
    translator = build(domains=["brick", "grass", "sand+lime"], exclusive=True)
    assert translator.vector("sand+lime").tolist() == [0, 0, 1]
    for target in ("brick+grass", ""):
        with pytest.raises(UserError, match="unknown domain"):
            translator.vector(target)


def test_edits_toggle_attributes_and_choose_within_groups():
    translator = build(exclusive_groups=[["Black_Hair", "Blond_Hair"]])
    faces = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]])
    assert translator.edit(faces, "Blond_Hair").tolist() == [[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 0, 0]]
    assert translator.edit(faces, "Male").tolist() == [[1, 0, 0, 0], [0, 1, 1, 1], [0, 0, 1, 0]]
    assert translator.edit(faces[0], "Young").tolist() == [1, 0, 1, 1]
    assert faces[0].tolist() == [1, 0, 1, 0]                                # the original stays
    with pytest.raises(UserError, match="did you mean `Young`"):
        translator.edit(faces, "young")


def test_edits_of_exclusive_domains_choose():
    translator = build(exclusive=True)
    assert translator.edit(torch.eye(4)[:2], "Male").tolist() == [[0, 0, 1, 0]] * 2


@pytest.mark.parametrize(("rank", "size"), [(1, (37,)), (2, (9, 14))])
def test_translation_of_any_size(rank, size):
    translator, x = build(rank), torch.randn(3, C, *size)
    by_name = translator.translate(x, "any", "Male")
    assert by_name.shape == x.shape
    torch.testing.assert_close(by_name, translator.translate(x, "other", translator.vector("Male")))
    mixed = torch.rand(3, 4)
    torch.testing.assert_close(translator.translate(x, "any", mixed)[1], translator.translate(x[1:2], "", mixed[1])[0])
    for wrong in (torch.rand(3, 5), torch.rand(2), torch.rand(1, 3, 4)):
        with pytest.raises(ValueError, match="expected vectors of 4 domains"):
            translator.translate(x, "any", wrong)


@pytest.mark.parametrize(("options", "words"), [
    ({"domains": []}, "`data.domains` is []: expected 1 or more different names; give --domains"),
    ({"domains": ["a", "a"]}, "`data.domains` is [a, a]: expected 1 or more different names"),
    ({"domains": ["a"], "exclusive": True}, "expected 2 or more different names"),
    ({"sets": [["Male"], ["Young"]]}, "expected lists that joined give `data.domains` in its order (Black_Hair, "),
    ({"sets": [FACES[2:], FACES[:2]]}, "expected lists that joined give `data.domains` in its order"),
    ({"sets": [FACES, []]}, "expected lists that joined give `data.domains` in its order"),
    ({"groups": [["Male", "Bald"]]}, "`network.exclusive_groups` names `Bald`, which `data.domains` lacks"),
    ({"groups": [["Male"], ["Male", "Young"]]}, "expected every attribute in one group only"),
])  # fmt: skip
def test_domains_sets_and_groups_must_fit(options, words):
    with pytest.raises(UserError) as error:
        check_domains(**{"domains": FACES, "exclusive": False, "sets": [], "groups": []} | options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
