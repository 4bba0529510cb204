"""`train.graph` without a GPU: a recorder of the CPU's operations stands in for CUDA's, all else is the real thing."""

import logging
from dataclasses import dataclass, field

import pytest
import torch
from test_counts import build_tiny
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from translate.config import LossWeight, PlayerConfig, TrainConfig
from translate.games.cycle import CycleGame
from translate.games.paired import PairedGame
from translate.games.star import StarGame
from translate.losses.judgement import Judgement
from translate.models import NAMES
from translate.training import graph as module
from translate.training.graph import GraphStep, make_step
from translate.training.player import Player
from translate.training.schedule import rate_factor
from translate.training.step import Step
from translate.training.trainer import Watch, train

WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::_unique2", "aten::masked_select"}


class Tape(TorchDispatchMode):
    """Notes operations while they run, to run them again on the same tensors without the Python around them."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name, kwargs = function._schema.name, kwargs or {}
        if name in WAITS:
            raise RuntimeError(f"operation not permitted while recording: {name}")
        noted = _note((args, kwargs))                                       # their shapes may be changed later
        result = function(*args, **kwargs)
        # Views and what is written in place share memory with the operation's arguments.
        fresh = not any(output.alias_info for output in function._schema.returns)
        self.operations.append((function, *noted, _note(result) if fresh else None))
        return result

    @torch.no_grad()
    def replay(self):
        for function, args, kwargs, result in self.operations:
            again = function(*args, **kwargs)
            if result is not None:
                for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                    if isinstance(old, Tensor):
                        old.copy_(new)


def _note(values):
    """The same memory, as it is seen now."""
    return tree_map(lambda value: value.detach() if isinstance(value, Tensor) else value, values)


@dataclass
class TapeRecorder:
    """What `CudaRecorder` does, on the CPU; counts what was asked of it."""

    device: torch.device = None
    forgotten: int = 0
    recorded: int = 0
    replayed: list[int] = field(default_factory=list)
    fails: bool = False

    def warm_up(self, function):
        for _ in range(2):
            function()

    def forget(self):
        self.forgotten += 1

    def record(self, function):
        if self.fails:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture\nCompile with DSA")
        tape, number = Tape(), self.recorded
        self.recorded += 1
        with tape:
            result = function()

        def replay():
            self.replayed.append(number)
            tape.replay()

        return replay, result


@pytest.fixture
def recorders(monkeypatch):
    """The recorders that steps on the CPU were given."""
    made = []
    monkeypatch.setitem(module.RECORDERS, "cpu", lambda device: made.append(TapeRecorder(device)) or made[-1])
    return made


# --- steps of small games ---------------------------------------------------------------------------------


class Map(nn.Module):
    """Mixes channels and neighbours; told a code where there is one; with noise where it is `noisy`."""

    def __init__(self, codes=0, noisy=False, batch=False):
        super().__init__()
        self.layer, self.noisy = nn.Conv1d(3 + codes, 3, 3, padding=1), noisy
        self.norm = nn.BatchNorm1d(3) if batch else nn.Identity()

    def forward(self, x, code=None):
        told = [] if code is None else [code[:, :, None].expand(-1, -1, x.shape[2])]
        x = torch.cat([x, *told], dim=1)
        return self.norm(self.layer(x)) + (0.1 * torch.randn(len(x), 3, x.shape[2]) if self.noisy else 0)


class Judge(nn.Module):
    def __init__(self, inputs=3, classes=0):
        super().__init__()
        self.hidden, self.head = nn.Conv1d(inputs, 4, 3, padding=1), nn.Conv1d(4, 1, 3)
        self.classes = nn.Linear(4, classes) if classes else None

    def forward(self, x, *condition):
        hidden = torch.tanh(self.hidden(torch.cat([x, *condition], dim=1)))
        classes = self.classes(hidden.mean(2)) if self.classes else None
        return Judgement(logits=[self.head(hidden)], classes=classes)


def weigh(**players):
    return {
        player: {k: w if isinstance(w, LossWeight) else LossWeight(weight=w) for k, w in losses.items()}
        for player, losses in players.items()
    }


def make_cycle(pool=0):
    generator = {"adversarial": 1.0, "cycle": 10.0, "identity": LossWeight(weight=5.0, until=7)}
    weights = weigh(generator=generator, discriminator={"adversarial": 1.0})
    return CycleGame(("a", "b"), lambda: Map(noisy=True), Judge, weights, pool=pool)


def make_star():
    game = {"adversarial": 1.0, "classification": 1.0}
    weights = weigh(
        generator=game | {"cycle": 10.0, "identity": LossWeight(weight=5.0, until=12)},
        discriminator=game | {"gradient_penalty": 10.0},
    )
    return StarGame(["a", "b"], Map(2), Judge(classes=2), weights, exclusive=True, discriminator_steps=3)


def make_paired():
    weights = weigh(generator={"adversarial": 1.0, "l1": 10.0}, discriminator={"adversarial": 0.5})
    return PairedGame(("a", "b"), {"map": Map(batch=True)}, Judge(6), weights)


SETTINGS = {"losses": {}, "learning_rate": 1e-3}
def make_lazy():
    lazy = LossWeight(weight=10.0, every=4)
    weights = weigh(generator={"adversarial": 1.0, "l1": lazy}, discriminator={"adversarial": 0.5})
    return PairedGame(("a", "b"), {"map": Map()}, Judge(6), weights)


GAMES = {
    # with the patterns that 20 steps of them have
    "cycle": (make_cycle, {}, 2),                                           # with identity, without
    "star": (make_star, {}, 4),                                             # with and without each, two turns
    "paired": (make_paired, {"clip": 0.5, "average": 0.99}, 1),
    "lazy": (make_lazy, {}, 2),                                             # with the lazy loss, without
}


def make_batch(kind):
    batch = {"source": torch.randn(4, 3, 16), "target": torch.randn(4, 3, 16)}
    if kind == "star":
        domain = nn.functional.one_hot(torch.tensor([0, 1, 1, 0]), 2).float()
        return {"source": batch["source"], "domain": domain, "mask": torch.ones(4, 2)}
    return batch


def autocast(enabled=False):
    return lambda: torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def make_player_steps(make, settings, recorded):
    torch.manual_seed(0)
    translator = make().train()
    config = PlayerConfig(**(SETTINGS | settings))
    players = {name: Player(name, networks, config) for name, networks in translator.players.items()}
    step = make_step(TrainConfig(graph=recorded), translator, players, autocast())
    return translator, players, step


def play(kind, recorded, steps=20):
    """Losses of every step, and all that learned."""
    make, settings, _ = GAMES[kind]
    translator, players, step = make_player_steps(make, settings, recorded)
    torch.manual_seed(1)
    heard = []
    for number in range(steps):
        batch = make_batch(kind)                                            # draws between the steps, as samplers may
        found = step(batch, number, rate_factor(number, steps, 0.3))
        heard.append({f"{group}/{name}": value for group, values in found for name, value in values.items()})
    learned = {f"average/{name}": value for p in players.values() for name, value in p.average.items()}
    for name, player in players.items():
        for index, values in player.state()["state"].items():
            learned |= {f"adam/{name}/{index}/{key}": value for key, value in values.items()}
    return heard, translator.state_dict() | learned | {"random": torch.get_rng_state()}


@pytest.mark.parametrize("kind", GAMES)
def test_recorded_steps_equal_played_ones_to_the_bit(recorders, kind):
    """Losses, weights, averages, optimisers and random numbers; every pattern is recorded once."""
    expected, weights = play(kind, recorded=False)
    assert recorders == []
    found, recorded = play(kind, recorded=True)
    for step, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs), step
    assert recorded.keys() == weights.keys()
    assert [name for name in weights if not torch.equal(weights[name], recorded[name])] == []
    (recorder,) = recorders
    assert recorder.recorded == GAMES[kind][2] == len(set(recorder.replayed))
    assert len(recorder.replayed) == 20


@pytest.mark.slow
@pytest.mark.parametrize("model", [name for name in NAMES if name != "wgan"])  # RMSprop reads its rate on the processor
def test_every_model_can_be_recorded(recorders, caplog, model):
    """Without a pool of fakes, and pix2pixHD without styles, whose objects are counted by the processor."""
    results = []
    for recorded in (False, True):
        config, translator = build_tiny(model, **({"network": {"pool": 0}} if model == "cyclegan" else {}))
        players = {name: Player(name, p, config.players[name]) for name, p in translator.players.items()}
        step = make_step(TrainConfig(graph=recorded), translator, players, autocast())
        torch.manual_seed(1)
        heard = [step(config.example_batch(2), number, 1.0) for number in range(6)]
        losses = [value for found in heard for _, values in found for value in values.values()]
        results.append([*losses, *translator.state_dict().values()])
    assert all(map(torch.equal, *results))
    assert caplog.records == []
    waits = getattr(translator, "discriminator_steps", 1) > 1
    assert recorders[0].recorded == 1 + waits                               # with the generator's turn, without


def test_another_shape_is_another_recording(recorders):
    *_, step = make_player_steps(make_paired, {}, True)
    for length in (16, 20, 16, 20):
        step({"source": torch.randn(4, 3, length), "target": torch.randn(4, 3, length)}, 0, 1.0)
    assert recorders[0].replayed == [0, 1, 0, 1]


def test_a_replay_reads_the_batch_and_the_rate_anew(recorders):
    """The stand-in tells what was frozen into a recording from what is read."""
    translator, _, step = make_player_steps(make_paired, {}, True)
    batches = [{"source": torch.full((4, 3, 16), v), "target": torch.zeros(4, 3, 16)} for v in (0.5, 2.0)]
    first, second = (dict(step(batch, 0, 0.0))["generator"]["l1"] for batch in batches)
    assert not torch.equal(first, second)
    before = [p.clone() for p in translator.parameters()]
    step(batches[0], 0, 0.0)                                                # at rate 0 nothing moves
    assert all(torch.equal(p, q) for p, q in zip(translator.parameters(), before, strict=True))
    step(batches[0], 0, 1.0)
    assert not all(torch.equal(p, q) for p, q in zip(translator.parameters(), before, strict=True))


# --- what cannot be recorded ------------------------------------------------------------------------------


class Asking(Map):
    """Looks at a value on the host, as a model of one's own may."""

    def forward(self, x, code=None):
        return super().forward(x) * (2.0 if x.mean().item() > 0 else 1.0)


class Replacing(Map):
    """Has a new tensor for a buffer at each step: a recording would go on reading the old one."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x, code=None):
        self.seen = self.seen + 1
        return super().forward(x) * (1 + 1 / self.seen)


def make_replacing():
    return PairedGame(("a", "b"), {"map": Replacing()}, None, weigh(generator={"l1": 1.0}))


def make_asking():
    return PairedGame(("a", "b"), {"map": Asking()}, None, weigh(generator={"l1": 1.0}))


def fall_back(make, caplog, fails=False):
    """20 steps that cannot be recorded; the lines of the log, and whether they are those of plain steps."""
    results = []
    for recorded in (False, True):
        translator, players, step = make_player_steps(make, {"average": 0.9}, recorded)
        if recorded and isinstance(step, GraphStep):
            step.recorder.fails = fails
        torch.manual_seed(1)
        heard = [step(make_batch("paired"), number, 1.0) for number in range(5)]
        averages = [value for p in players.values() for value in p.average.values()]
        states = [v for p in players.values() for s in p.state()["state"].values() for v in s.values()]
        losses = [value for found in heard for _, values in found for value in values.values()]
        rates = [type(player.optimizer.param_groups[0]["lr"]) for player in players.values()]
        results.append([*losses, *translator.state_dict().values(), *averages, *states, *translator.memory().values()])
        assert set(rates) == {float}
    same = len(results[0]) == len(results[1]) and all(map(torch.equal, *results))
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return lines, same


@pytest.mark.parametrize(("make", "fails", "words"), [
    (lambda: make_cycle(pool=3), False, "which fakes the discriminators meet again; set network.pool=0"),
    (make_asking, False, "operation not permitted while recording: aten::_local_scalar_dense"),
    (make_replacing, False, "puts another tensor in the place of `players.generator.map.seen`"),
    (make_paired, True, "CUDA error: operation failed due to a previous error during capture"),
])  # fmt: skip
def test_what_cannot_be_recorded_is_played(recorders, caplog, make, fails, words):
    lines, same = fall_back(make, caplog, fails)
    assert len(recorders) == 1
    assert recorders[0].replayed == []
    assert same                                                             # the attempt left no trace
    assert len(lines) == 1
    assert lines[0].startswith("train.graph: steps are not recorded (")
    assert words in lines[0]
    assert "\n" not in lines[0]


def test_too_many_patterns(recorders, caplog, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    *_, step = make_player_steps(make_paired, {}, True)
    for length in range(10, 16):
        step({"source": torch.randn(4, 3, length), "target": torch.randn(4, 3, length)}, 0, 1.0)
    assert recorders[0].replayed == [0, 1]
    assert len(caplog.records) == 1
    assert "more than 2 kinds of steps" in caplog.text


@pytest.mark.parametrize(("obstacle", "words"), [
    ("device", "the device is cpu, and CUDA graphs need a GPU"),
    ("processes", "several processes average their gradients"),
    ("anomaly", "torch's search for anomalies looks at every operation"),
    ("optimiser", "torch's RMSprop reads its learning rate on the processor"),
])  # fmt: skip
def test_where_nothing_is_recorded(request, monkeypatch, caplog, obstacle, words):
    if obstacle != "device":
        request.getfixturevalue("recorders")
    if obstacle == "processes":
        monkeypatch.setattr(module.distributed, "processes", lambda: 2)
    with torch.autograd.set_detect_anomaly(obstacle == "anomaly", check_nan=False):
        *_, step = make_player_steps(make_paired, {"optimizer": "rmsprop"} if obstacle == "optimiser" else {}, True)
    assert type(step) is Step
    assert [record.getMessage() for record in caplog.records] == [f"train.graph: steps are not recorded ({words})"]


# --- the loop ---------------------------------------------------------------------------------------------

OPTIONS = (
    "train.steps=6", "train.batch_size=2", "players.generator.average=0.9", "players.generator.clip=1",
    'players.generator.losses.identity={"weight": 5, "until": 3}',
)  # fmt: skip


def test_runs_with_and_without_are_the_same_and_take_one_another_up(tmp_path, make_run, recorders, differing):
    """Checkpoints agree to the bit, except for the key itself; looking at the averages in between is no harm."""
    plain = train(*make_run(*OPTIONS).arguments(tmp_path / "plain"))
    looks = []
    watch = Watch(sample=lambda translator, step, log: looks.append(step))
    options = (*OPTIONS, "train.graph=true", "train.sample_every=1")
    recorded = train(*make_run(*options).arguments(tmp_path / "recorded"), watch)
    assert len(looks) == 6
    assert recorders[0].recorded == 2
    assert differing(plain, recorded) == []
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("plain", "recorded")]
    assert [line.split('"steps_per_second"')[0] for line in logs[0].splitlines()] == [
        line.split('"steps_per_second"')[0] for line in logs[1].splitlines()
    ]
    for first, then in (("plain", "true"), ("recorded", "false")):
        folder = tmp_path / f"{first}, resumed"
        folder.mkdir()
        (tmp_path / first / "step_00000002").rename(folder / "step_00000002")
        (folder / "latest").symlink_to("step_00000002")
        resumed = train(*make_run(*OPTIONS, f"train.graph={then}").arguments(folder))
        assert differing(plain, resumed) == []
    assert len(recorders) == 2


# --- precision --------------------------------------------------------------------------------------------


def fit(seed, precision, recorded, device="cpu"):
    """The error of a small regression after training, on data of its own."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv1d(4, 16, 3, padding=1), nn.Tanh(), nn.Conv1d(16, 4, 3, padding=1)).to(device)
    weights = weigh(generator={"l2": 1.0})
    translator = PairedGame(("a", "b"), {"map": network}, None, weights).to(device)
    settings = PlayerConfig(**SETTINGS | {"learning_rate": 5e-3})
    players = {"generator": Player("generator", translator.players["generator"], settings)}
    rough = precision == "bfloat16"
    options, context = TrainConfig(graph=recorded), lambda: torch.autocast(device, torch.bfloat16, enabled=rough)
    step = make_step(options, translator, players, context)

    def draw(count):
        x = torch.randn(count, 4, 32, device=device)
        return {"source": x, "target": torch.sin(x) + 0.5 * x.roll(1, dims=2)}

    for number in range(150):
        step(draw(8), number, rate_factor(number, 150, 0.5))
    held_out = draw(64)
    with torch.no_grad():
        return (translator.translate(held_out["source"], "a", "b") - held_out["target"]).square().mean().item()


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
def test_bfloat16_and_recorded_steps_learn_as_well_as_float32(recorders, caplog, device):
    """The means differ by less than seeds do; an untrained network has an error of about 0.7."""
    exact = torch.tensor([fit(seed, "float32", False, device) for seed in range(3)])
    rough = torch.tensor([fit(seed, "bfloat16", True, device) for seed in range(3)])
    assert [recorder.recorded for recorder in recorders] == ([1, 1, 1] if device == "cpu" else [])
    assert caplog.records == []
    assert exact.max() < 0.1
    assert not torch.equal(rough, exact)
    assert (rough.mean() - exact.mean()).abs() < exact.std()
