"""Growing: phases, what a step trains, fading pictures, generating before the end."""

import pytest
import torch
from turns import learn

from translate.config import LossWeight, PlayerConfig
from translate.errors import UserError
from translate.games.growing import GrowingGame, Phase, StyleGame, plan_growth
from translate.games.noise import Latent
from translate.layers.progressive import double, halve
from translate.networks.progan import ProganDiscriminator, ProganGenerator
from translate.networks.stylegan import StyleGenerator
from translate.training.player import Player
from translate.training.step import Step

SIZE, LAYERS = (8, 12), 2                                           # from 2 x 3
PHASES = plan_growth(0, LAYERS, 8, 16, [8, 4, 2], [1.0, 1.0, 2.0])
CPU = torch.device("cpu")


def build(penalty=10, **options):
    torch.manual_seed(0)
    own = {"adversarial": 1, "gradient_penalty": penalty, "drift": 1e-3}
    losses = {"generator": {"adversarial": 1}, "discriminator": own}
    weights = {player: {k: LossWeight(weight=w) for k, w in of.items()} for player, of in losses.items()}
    networks = ProganGenerator(5, 1, SIZE, LAYERS, 6, 48), ProganDiscriminator(1, SIZE, LAYERS, 6, 48)
    return GrowingGame(*networks, weights, Latent(5), adversarial="wgan", phases=PHASES, layers=LAYERS, **options)


def make_batch(count=4):
    torch.manual_seed(1)
    return {"target": torch.randn(count, 1, *SIZE)}


def networks(game):
    return game.players["generator"]["map"], game.players["discriminator"]["judge"]


# --- phases -------------------------------------------------------------------------------------------------


def test_a_plan_by_hand():
    """8 pictures at each level, 16 in each fade, in batches of 8, 4 and 2."""
    assert [
        Phase(0, False, 0, 1, 8, 1.0),
        Phase(1, True, 1, 4, 4, 1.0),
        Phase(1, False, 5, 2, 4, 1.0),
        Phase(2, True, 7, 8, 2, 2.0),
        Phase(2, False, 15, None, 2, 2.0),
    ] == PHASES


def test_plans_begin_anywhere_and_round_up():
    phases = plan_growth(1, 3, 10, 0, [4])
    assert [(p.level, p.fades, p.begins, p.steps) for p in phases] == [
        (1, False, 0, 3), (2, False, 3, 3), (3, False, 6, None),
    ]  # fmt: skip
    assert plan_growth(2, 2, 10, 10, [4]) == [Phase(2, False, 0, None, 4)]


def test_every_step_has_its_stage_and_its_weight():
    game = build()
    found = []
    for step in range(17):
        stage = game.begin(step)
        for network in networks(game):
            assert (network.level, network.growth[0].item()) == (game.find_phase(step).level,) * 2
        assert networks(game)[0].growth.tolist() == networks(game)[1].growth.tolist()
        found.append((stage.number, stage.batch_size, stage.rate, networks(game)[0].growth[1].item()))
    assert found[:8] == [
        (0, 8, 1, 1), (1, 4, 1, 0), (1, 4, 1, 0.25), (1, 4, 1, 0.5), (1, 4, 1, 0.75), (2, 4, 1, 1), (2, 4, 1, 1),
        (3, 2, 2, 0),
    ]  # fmt: skip
    assert found[14:] == [(3, 2, 2, 0.875), (4, 2, 2, 1), (4, 2, 2, 1)]
    game.begin(3)                                                   # steps come in any order: a resumed run, a trial
    assert networks(game)[0].growth.tolist() == [1, 0.5]


def test_all_stages_are_known_before_the_first():
    assert [stage.batch_size for stage in build().stages()] == [8, 4, 4, 2, 2]
    assert {stage.number for stage in build(afresh=False).stages()} == {0}


def test_patterns_of_steps_differ_where_their_operations_do():
    game = build()
    patterns = [game.pattern(step) for step in range(16)]
    assert patterns[1] == patterns[4]
    assert len(set(patterns)) == 5


# --- steps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 2, 5, 9, 15])
def test_a_step_sees_pictures_of_its_level(step):
    game = build()
    game.begin(step)
    level, seen = game.find_phase(step).level, []
    networks(game)[1].register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0].shape[2:]))
    for _, losses in game.play(make_batch(), step):
        assert all(loss.isfinite() for loss in losses.values())
    assert set(seen) == {(2 * 2**level, 3 * 2**level)}
    assert len(seen) == 4                                           # real, fake (they mix), the penalty, the generator


def test_real_pictures_fade_as_the_generated_ones_do():
    game, x = build(), make_batch()["target"]
    game.begin(15)
    assert game.shrink(x) is x
    game.begin(9)                                                   # weight 0.25 of the full size
    torch.testing.assert_close(game.shrink(x), torch.lerp(double(halve(x)), x, 0.25))
    game.begin(7)
    assert torch.equal(game.shrink(x), double(halve(x)))
    game.begin(5)
    torch.testing.assert_close(game.shrink(x), halve(x))
    game.begin(0)
    torch.testing.assert_close(game.shrink(x), halve(halve(x)))


@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize("step", [0, 3, 15])
def test_losses_reach_their_player_alone(player, step):
    game = build()
    game.begin(step)
    for name, losses in game.play(make_batch(), step):
        if name == player:
            torch.stack(list(losses.values())).sum().backward()
    for name, module in game.players.items():
        assert any(p.grad is not None for p in module.parameters()) == (name == player)


@pytest.mark.parametrize("step", [0, 2, 15])
def test_an_update_changes_the_player_whose_turn_it_is_and_no_level_above(step):
    game = build()
    game.begin(step)
    players = {n: Player(n, m, PlayerConfig(losses=game.weights[n])) for n, m in game.players.items()}
    level = game.find_phase(step).level
    for name, losses in game.play(make_batch(), step):
        before = {key: p.detach().clone() for key, p in game.named_parameters()}
        learn(players[name], losses, game.weights[name], step, 1.0)
        moved = {key for key, p in game.named_parameters() if not torch.equal(p, before[key])}
        assert {key.split(".")[1] for key in moved} == {name}
        blocks = {int(key.split(".blocks.")[1][0]) for key in moved if ".blocks." in key}
        assert blocks == set(range(level))


def test_losses_of_ones_own_see_pictures_of_the_level():
    game = build()
    seen = []

    def compare(batch, fakes):
        seen.append((batch["target"].shape, fakes["target"].shape))
        return (batch["target"] - fakes["target"]).abs().mean()

    game.weights["generator"]["mine"] = LossWeight(weight=1)
    game.own_losses = {"generator": {"mine": compare}}
    game.begin(2)
    dict(game.play(make_batch(), 2))
    assert seen == [((4, 1, 4, 6),) * 2]


def test_a_step_never_waits_for_the_device():
    game = build(penalty=0).to("meta")                              # whose autocast does not know that device
    for step in (0, 2, 15):
        game.begin(step)
        for _, losses in game.play({"target": make_batch()["target"].to("meta")}, step):
            assert all(loss.is_meta and loss.dim() == 0 for loss in losses.values())


# --- generating ---------------------------------------------------------------------------------------------


def test_pictures_of_an_unfinished_network_have_the_full_size():
    game, z = build(), torch.randn(3, 5)
    game.begin(5)
    pictures = game.generate(z)
    assert pictures.shape == (3, 1, *SIZE)
    assert torch.equal(pictures, double(networks(game)[0](z)))
    game.begin(15)
    assert torch.equal(game.generate(z), networks(game)[0](z))


def test_growth_without_a_jump():
    """From the last step of a phase to the first of the next, with the same weights, pictures stay the same."""
    game, z = build(), torch.randn(3, 5)
    for step in (0, 6):
        game.begin(step)
        before = game.generate(z)
        game.begin(step + 1)
        assert torch.equal(game.generate(z), before)


def test_a_growing_game_learns_a_picture():
    """A corner: its samples come to it through all levels."""
    torch.manual_seed(0)
    game = build()
    game.phases = plan_growth(0, LAYERS, 8 * 60, 8 * 60, [8])
    players = {
        n: Player(n, m, PlayerConfig(learning_rate=3e-3, betas=[0.0, 0.99], losses=game.weights[n]))
        for n, m in game.players.items()
    }
    step = Step(game, players, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False))
    picture = torch.full((1, *SIZE), -0.8)
    picture[:, :4, :6] = 0.8

    def measure():
        with torch.no_grad():
            return (game.generate(game.latent.draw(64, CPU)) - picture).abs().mean().item()

    before, number = measure(), -1
    for number in range(500):
        stage = game.begin(number)
        if number and stage.number != game._stage(game.find_phase(number - 1)).number:
            step.restart()
        step({"target": picture.expand(8, -1, -1, -1)}, number, 1.0)
    assert (networks(game)[0].level, networks(game)[0].fading) == (LAYERS, False)
    assert measure() < 0.3 * before


# --- styles -------------------------------------------------------------------------------------------------


def build_styled(mixing=0.9, **options):
    torch.manual_seed(0)
    one = LossWeight(weight=1)
    r1 = LossWeight(weight=10, every=3)
    weights = {"generator": {"adversarial": one}, "discriminator": {"adversarial": one, "r1": r1}}
    map = StyleGenerator(5, 1, SIZE, LAYERS, 6, 48, units=7, depth=2, **options)
    judge = ProganDiscriminator(1, SIZE, LAYERS, 6, 48, blurs=True)
    return StyleGame(map, judge, weights, Latent(5), phases=PHASES, layers=LAYERS, mixing=mixing)


class Mixes:
    """What the generator gets: (z, y, second z, mixed)."""

    def __init__(self, game):
        self.found = []
        networks(game)[0].register_forward_pre_hook(lambda network, inputs: self.found.append(inputs))


def test_styles_are_mixed_from_a_random_layer_on():
    game = build_styled()
    seen = Mixes(game)
    for step in (0, 15):                                            # two layers, then six
        game.begin(step)
        game._make_fakes(3000, CPU, None)
        latent, _, other, mixed = seen.found[-1]
        assert mixed.shape == (3000, 2 * (game.find_phase(step).level + 1))
        assert not torch.equal(latent, other)
        assert not mixed[:, 0].any()
        assert (mixed[:, 1:].int().diff(dim=1) >= 0).all()          # once the second, to the end
        assert mixed.any(dim=1).float().mean().item() == pytest.approx(0.9, abs=0.03)
        begins = (~mixed).sum(dim=1)[mixed.any(dim=1)]
        assert set(begins.tolist()) == set(range(1, mixed.shape[1]))


def test_without_mixing_there_is_one_vector():
    game = build_styled(mixing=0.0)
    seen = Mixes(game)
    game._make_fakes(4, CPU, None)
    assert len(seen.found[0]) == 2


@pytest.mark.parametrize("step", [0, 2, 15])
def test_a_step_of_a_game_of_styles(step):
    """R1 comes in every third step and is three times as heavy; each player's losses reach it alone."""
    game = build_styled()
    game.begin(step)
    turns = list(game.play(make_batch(), step))
    penalised = ["r1"] if step % 3 == 0 else []
    assert [sorted(losses) for _, losses in turns] == [["adversarial", *penalised], ["adversarial"]]
    assert game.weights["discriminator"]["r1"].at(step) == (30 if step % 3 == 0 else 0)
    for player, losses in turns:
        game.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        for name, module in game.players.items():
            assert any(p.grad is not None for p in module.parameters()) == (name == player)


def test_truncation_of_styles():
    game, z = build_styled(), torch.randn(3, 5)
    assert game.truncates == "w"
    game._make_fakes(4, CPU, None)                                  # the mean of w is another one than 0
    game.eval()
    assert torch.equal(game.generate(z, truncation=1.0), game.generate(z))
    alike = game.generate(z, truncation=0.0)
    torch.testing.assert_close(alike[0], alike[2], atol=1e-4, rtol=1e-4)
    game.begin(0)
    assert game.generate(z, truncation=0.5).shape == (3, 1, *SIZE)
    game.check_truncation(0.0)
    bare = build_styled(mixing=0.0, styles=False, constant=False)
    bare.check_truncation(None)
    with pytest.raises(UserError, match=r"truncation=0\.5: the model has no styles"):
        bare.check_truncation(0.5)
