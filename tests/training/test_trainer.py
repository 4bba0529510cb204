"""The loop: when it logs, saves, looks and stops."""

import json
import math
from dataclasses import dataclass, field

import pytest
import torch
from safetensors.torch import load_file

from translate.checkpoints.store import find_checkpoint, load_state
from translate.errors import UserError
from translate.training import trainer as module
from translate.training.player import Player
from translate.training.trainer import Watch, train


@dataclass
class Looks:
    """What a watch saw; `metrics` are given out in turn."""

    metrics: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    weights: list[torch.Tensor] = field(default_factory=list)

    def watch(self):
        return Watch(sample=self._sample, evaluate=self._evaluate, metric="evaluation/mcd")

    def _sample(self, translator, step, log):
        torch.rand(5)
        self.samples.append(step)

    def _evaluate(self, translator):
        assert not translator.training
        torch.rand(5)
        self.weights.append(next(translator.parameters()).clone())
        return {"evaluation/mcd": self.metrics[len(self.weights) - 1], "evaluation/other": 1.0}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def log_lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_checkpoints_and_a_log(tmp_path, make_run):
    run = make_run("train.steps=5", "train.keep=2")
    checkpoint = train(*run.arguments(tmp_path / "run"))
    assert checkpoint == (tmp_path / "run" / "step_00000005").resolve()
    assert names(tmp_path / "run") == ["latest", "log.jsonl", "step_00000004", "step_00000005", "tensorboard"]
    lines = log_lines(tmp_path / "run")
    assert [line["step"] for line in lines] == [2, 4, 5]                    # the last step is always told
    assert set(lines[0]) == {
        "step", "steps_per_second", "monitor/change",
        "generator/adversarial", "generator/second_adversarial", "generator/cycle", "generator/identity",
        "discriminator/adversarial", "discriminator/second_adversarial",
    }  # fmt: skip


def test_the_same_seed_trains_the_same(tmp_path, make_run, differing):
    one, two, other = (make_run("train.steps=3", f"train.seed={seed}") for seed in (0, 0, 1))
    checkpoints = [train(*run.arguments(tmp_path / name)) for run, name in zip((one, two, other), "abc", strict=True)]
    assert differing(*checkpoints[:2]) == []
    assert differing(checkpoints[0], checkpoints[2]) != []


def evaluations(folder):
    return {line["step"]: line["evaluation/mcd"] for line in log_lines(folder) if "evaluation/mcd" in line}


def test_the_metric_chooses_the_best(tmp_path, make_run):
    run = make_run("train.steps=5", "train.save_every=100", "train.evaluate_every=1", "train.keep=1")
    looks = Looks(metrics=[4.0, 3.0, 1.0, math.nan, 2.0, 0.5])
    train(*run.arguments(tmp_path / "run"), looks.watch())
    assert (tmp_path / "run" / "best").resolve().name == "step_00000005"
    assert load_state(tmp_path / "run" / "latest")["best"] == 0.5
    logged = [line for line in log_lines(tmp_path / "run") if "evaluation/mcd" in line]
    assert [line["evaluation/mcd"] for line in logged[:3]] == [4.0, 3.0, 1.0]
    assert all(line["evaluation/other"] == 1.0 and line["evaluation/seconds"] >= 0 for line in logged)


def test_a_metric_that_is_not_a_number_is_never_the_best(tmp_path, make_run):
    run = make_run("train.steps=3", "train.save_every=100", "train.evaluate_every=1")
    train(*run.arguments(tmp_path / "run"), Looks(metrics=[5.0, 2.0, math.nan, 3.0]).watch())
    assert (tmp_path / "run" / "best").resolve().name == "step_00000001"
    assert load_state(tmp_path / "run" / "latest")["best"] == 2.0


def test_the_untrained_start_may_be_the_best(tmp_path, make_run):
    run = make_run("train.steps=4", "train.save_every=100", "train.evaluate_every=2", "train.keep=1")
    looks, start = Looks(metrics=[1.0, 2.0, 3.0]), next(run.translator.parameters()).clone()
    train(*run.arguments(tmp_path / "run"), looks.watch())
    assert evaluations(tmp_path / "run") == {0: 1.0, 2: 2.0, 4: 3.0}
    assert torch.equal(looks.weights[0], start)
    assert names(tmp_path / "run") == ["best", "latest", "log.jsonl", "step_00000000", "step_00000004", "tensorboard"]
    assert find_checkpoint(tmp_path / "run").name == "step_00000000"
    first = next(iter(dict(run.translator.named_parameters())))
    assert torch.equal(load_file(tmp_path / "run/best/weights.safetensors")[first], start)


def test_the_last_step_is_evaluated(tmp_path, make_run):
    run = make_run("train.steps=5", "train.evaluate_every=3")
    train(*run.arguments(tmp_path / "run"), Looks(metrics=[3.0, 2.0, 1.0]).watch())
    assert list(evaluations(tmp_path / "run")) == [0, 3, 5]
    assert (tmp_path / "run" / "best").resolve().name == "step_00000005"


def test_without_evaluations_no_step_is_best(tmp_path, make_run):
    run = make_run("train.steps=4")
    train(*run.arguments(tmp_path / "run"), Looks().watch())
    assert names(tmp_path / "run") == ["latest", "log.jsonl", "step_00000002", "step_00000004", "tensorboard"]


PATIENT = ("train.save_every=100", "train.evaluate_every=2", "train.log_every=100", "train.decay_from=1")


def test_patience_ends_the_training(tmp_path, make_run, capsys):
    def go(patience, *metrics):
        run = make_run("train.steps=20", f"train.patience={patience}", *PATIENT)
        return train(*run.arguments(tmp_path / "run"), Looks(metrics=list(metrics)).watch())

    last = go(2, 5.0, 6.0, 4.0, 4.5, 4.0)                           # steps 0, 2, 4, 6, 8; as good is no better
    assert last.name == "step_00000008"
    assert find_checkpoint(tmp_path / "run").name == "step_00000004"
    assert "training ends after step 8: 2 evaluations were no better (train.patience)" in capsys.readouterr().err
    assert "generator/cycle" in [*log_lines(tmp_path / "run")[-1]]
    assert go(2) == last                                            # nothing is left to do
    assert go(3, 9.0).name == "step_00000010"


def test_patience_leaves_what_a_run_of_so_many_steps_has(tmp_path, make_run, differing):
    """Also what the game gathers at the end."""
    for folder, options in {"ended": ["train.steps=20", "train.patience=1"], "short": ["train.steps=4"]}.items():
        run = make_run(*options, *PATIENT)
        run.translator.register_buffer("seen", torch.zeros(()))
        run.translator.finish = lambda batches, run=run: run.translator.seen.add_(next(batches)["source"].abs().sum())
        train(*run.arguments(tmp_path / folder), Looks(metrics=[5.0, 4.0, 4.5]).watch())
    assert differing(tmp_path / "ended/latest", tmp_path / "short/latest") == []


def test_looking_changes_nothing(tmp_path, make_run, differing):
    """Pictures draw random numbers; a run without them must train the same."""
    options = ("train.steps=4", "players.generator.average=0.9", "network.pool=2", "train.batch_size=2")
    plain = train(*make_run(*options).arguments(tmp_path / "plain"))
    looks = Looks(metrics=[4.0, 5.0, 6.0, 7.0, 8.0])
    watched = train(
        *make_run(*options, "train.sample_every=1", "train.evaluate_every=1").arguments(tmp_path / "watched"),
        looks.watch(),
    )
    assert looks.samples == [1, 2, 3, 4]
    assert sorted(differing(plain, watched)) == ["state.pt/best", "state.pt/metric", "state.pt/waited"]


def test_looks_see_the_averaged_weights(tmp_path, make_run):
    run = make_run("train.steps=3", "train.evaluate_every=3", "players.generator.average=0.9")
    looks = Looks(metrics=[2.0, 1.0])
    checkpoint = train(*run.arguments(tmp_path / "run"), looks.watch())
    from translate.checkpoints.store import load_averages

    first = next(iter(dict(run.translator.named_parameters())))
    assert torch.equal(looks.weights[-1], load_averages(checkpoint)[first])
    assert not torch.equal(looks.weights[-1], next(run.translator.parameters()))


def test_averages_are_swapped_in_only_to_look(tmp_path, make_run, monkeypatch):
    """Swapping copies every weight; doing so at every step would cost as much as the optimiser."""
    calls, real = [], module.averaged
    monkeypatch.setattr(module, "averaged", lambda *arguments: calls.append(1) or real(*arguments))
    run = make_run("train.steps=6", "train.evaluate_every=3", "players.generator.average=0.9")
    train(*run.arguments(tmp_path / "run"), Looks(metrics=[1.0, 2.0, 3.0]).watch())
    assert len(calls) == 4                                          # three times to evaluate, once to finish


def test_finish_sees_batches_and_leaves_the_run_as_it_was(tmp_path, make_run, differing):
    """A run of 2 steps whose translator gathers batches, made longer to 4, equals one of 4."""
    seen = []
    for steps in (2, 4):
        run = make_run(f"train.steps={steps}", "train.decay_from=1", "players.generator.average=0.9")
        run.translator.finish = lambda batches, run=run: seen.extend(
            (next(batches)["source"], torch.rand(1), run.translator.training) for _ in range(3)
        )
        longer = train(*run.arguments(tmp_path / "longer"))
    run = make_run("train.steps=4", "train.decay_from=1", "players.generator.average=0.9")
    whole = train(*run.arguments(tmp_path / "whole"))
    assert len(seen) == 6
    assert not torch.equal(seen[0][0], seen[1][0])
    assert not any(training for _, _, training in seen)
    assert differing(longer, whole) == []


def spoil(run, at_step, what):
    """Let a loss or a weight become NaN at a step (0 is the first)."""
    real = run.translator.training_step

    def step_and_spoil(batch, step):
        for player, losses in real(batch, step):
            if step == at_step and player == "generator" and what == "loss":
                losses["cycle"] = losses["cycle"] * math.nan
            yield player, losses
        if step == at_step and what == "weight":
            with torch.no_grad():
                run.translator.maps["to_source"].up[2].weight[0, 0, 0, 0] = math.nan

    run.translator.training_step = step_and_spoil


def test_a_broken_loss_ends_the_run_before_it_is_saved(tmp_path, make_run):
    run = make_run("train.steps=10", "train.save_every=2", "train.log_every=5")
    spoil(run, at_step=4, what="loss")
    with pytest.raises(UserError) as error:
        train(*run.arguments(tmp_path / "run"))
    assert "step 5: the loss `generator/cycle` is not finite" in str(error.value)
    assert "step_00000004" in str(error.value)
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000004"


def test_a_broken_weight_is_never_saved(tmp_path, make_run):
    run = make_run("train.steps=10", "train.save_every=2", "train.log_every=100")
    spoil(run, at_step=3, what="weight")
    with pytest.raises(UserError) as error:
        train(*run.arguments(tmp_path / "run"))
    assert "step 4: the weight `players.generator.to_source.up.2.weight` is not finite" in str(error.value)
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000002"


def test_a_full_gpu_is_told_in_one_line(tmp_path, make_run):
    run = make_run()

    def fail(batch, step):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")
        yield

    run.translator.training_step = fail
    with pytest.raises(UserError, match=r"^the memory of the GPU is full: lower train\.batch_size .*") as error:
        train(*run.arguments(tmp_path / "run"))
    assert "\n" not in str(error.value)


def test_the_log_is_closed_when_a_person_stops_the_run(tmp_path, make_run, monkeypatch):
    closed = []
    monkeypatch.setattr(module.Log, "close", lambda log: closed.append(1))
    run = make_run()
    real = run.sampler.next
    batches = iter([real(), real(), real()])

    def stop():
        if (batch := next(batches, None)) is None:
            raise KeyboardInterrupt
        return batch

    run.sampler.next = stop
    with pytest.raises(KeyboardInterrupt):
        train(*run.arguments(tmp_path / "run"))
    assert closed == [1]
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000002"


def test_bfloat16_trains_and_keeps_float32_weights(tmp_path, make_run, read_tensors):
    run = make_run("train.steps=2", "train.precision=bfloat16")
    seen = set()
    run.translator.maps["to_target"].convert.register_forward_hook(lambda m, i, output: seen.add(output.dtype))
    values = read_tensors(train(*run.arguments(tmp_path / "run")))
    assert seen == {torch.bfloat16}
    assert {value.dtype for key, value in values.items() if key.startswith("weights")} == {torch.float32}


def test_the_rate_falls_to_zero(tmp_path, make_run):
    run = make_run("train.steps=4", "train.decay_from=0.5", "players.generator.learning_rate=1e-3")
    state = load_state(train(*run.arguments(tmp_path / "run")))
    assert state["optimizers"]["generator"]["param_groups"][0]["lr"] == pytest.approx(1e-3 * 0.5)


def test_players_must_agree(make_run, tmp_path):
    run = make_run("train.steps=1")
    run.translator.weights = {"generator": run.translator.weights["generator"]}
    with pytest.raises(ValueError, match=r"players differ: networks of \['discriminator', 'generator'\], weights of"):
        train(*run.arguments(tmp_path / "run"))


def test_a_loss_without_weight_is_named(make_run):
    run = make_run("train.steps=1")
    player = Player("generator", run.translator.players["generator"], run.config.players["generator"])
    with pytest.raises(ValueError, match="the loss `recon` has no weight; this player's are adversarial"):
        player.add_gradients({"recon": torch.zeros(())}, run.translator.weights["generator"], 0)
