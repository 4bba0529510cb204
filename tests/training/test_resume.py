"""N steps, and N more in new objects, are 2N steps at once: bit for bit."""

import json
import shutil
from contextlib import suppress

import pytest
import torch
import yaml

from translate.checkpoints import store as checkpoint_module
from translate.errors import UserError
from translate.training.trainer import Watch, train

HALF = 5
OPTIONS = (
    f"train.steps={2 * HALF}", f"train.save_every={HALF}", "train.log_every=1", "train.batch_size=2",
    "train.decay_from=0.3", "network.pool=3", "players.generator.average=0.9", "players.discriminator.clip=0.5",
    f"players.generator.losses.identity={{weight: 5, until: {HALF + 2}}}",
)  # fmt: skip


class Cut(Exception):
    pass


def cut_at(run, step):
    """Let the run end with an exception before its step `step` (0 is the first)."""
    real = run.translator.training_step

    def steps(batch, now):
        if now == step:
            raise Cut
        yield from real(batch, now)

    run.translator.training_step = steps
    return run


def losses(folder):
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "steps_per_second"} for row in rows]


@pytest.mark.parametrize("options", [
    OPTIONS,
    (*OPTIONS, "train.precision=bfloat16"),
    (*OPTIONS, "players.generator.optimizer=rmsprop", "players.generator.losses.cycle={weight: 10, every: 3}"),
    (*OPTIONS, "model=cyclegan_vc", "network={channels: 2, blocks: 1, pool: 3}", "train.crop=20"),
    (*OPTIONS, "network.discriminators=1", "network.adversarial=hinge"),
], ids=["vc2", "bfloat16", "rmsprop", "vc", "one discriminator"])  # fmt: skip
@pytest.mark.parametrize("cuts", [[HALF], [2, HALF + 3]])
def test_resuming_is_exact(tmp_path, make_run, differing, options, cuts):
    torch.use_deterministic_algorithms(True)
    try:
        whole = train(*make_run(*options).arguments(tmp_path / "whole"))
        for step in cuts:
            with suppress(Cut):
                train(*cut_at(make_run(*options), step).arguments(tmp_path / "parts"))
        torch.rand(17)                                                      # the new process has drawn other numbers
        last = train(*make_run(*options).arguments(tmp_path / "parts"))
    finally:
        torch.use_deterministic_algorithms(False)
    assert last.name == whole.name
    assert differing(whole, last) == []
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


EVALUATED = (*OPTIONS, "train.save_every=3", "train.evaluate_every=2", "train.patience=3")
SCORES = {0: 5.0, 2: 6.0, 4: 4.0, 6: 4.5, 8: 4.2, 10: 4.1}


@pytest.mark.parametrize("cuts", [[0], [1, 3], [5], [5, 7, 9]])
def test_evaluations_travel_in_the_checkpoint(tmp_path, make_run, differing, cuts):
    """Best value, patience and their steps, with checkpoints between the evaluations; `step` counts for the script."""

    def go(folder, cut=None):
        run = make_run(*EVALUATED)
        steps = []

        def evaluate(translator):
            torch.rand(3)
            step = steps[-1] + 1 if steps else 0
            return {"evaluation/score": SCORES[step]}

        real = run.translator.training_step

        def step_on(batch, now):
            if now == cut:
                raise Cut
            steps.append(now)
            yield from real(batch, now)

        run.translator.training_step = step_on
        with suppress(Cut):
            return train(*run.arguments(folder), Watch(evaluate=evaluate, metric="evaluation/score"))

    whole = go(tmp_path / "whole")
    assert whole.name == "step_00000010"
    for cut in cuts:
        go(tmp_path / "parts", cut)
    last = go(tmp_path / "parts")
    assert differing(whole, last) == []
    for name in ("best", "latest"):
        assert (tmp_path / "parts" / name).resolve().name == (tmp_path / "whole" / name).resolve().name
    kept = [
        [{key: value for key, value in row.items() if key != "evaluation/seconds"} for row in losses(tmp_path / name)]
        for name in ("whole", "parts")
    ]
    assert kept[0] == kept[1]
    assert torch.load(last / "state.pt", weights_only=True)["waited"] == 3


def watch_of(metric, *values):
    left = iter(values)
    return Watch(evaluate=lambda translator: {metric: next(left)}, metric=metric)


def test_another_metric_chooses_anew(tmp_path, make_run, caplog):
    options = ("train.save_every=1", "train.evaluate_every=1")
    caplog.set_level("INFO", logger="translate")
    run = tmp_path / "run"
    train(*make_run("train.steps=2", *options).arguments(run), watch_of("evaluation/mcd", 3.0, 2.0, 1.0))
    train(*make_run("train.steps=3", *options).arguments(run), watch_of("evaluation/score", 50.0))
    assert "the metric changes from evaluation/mcd to evaluation/score; the best step is chosen anew" in caplog.text
    assert (run / "best").resolve().name == "step_00000003"
    train(*make_run("train.steps=4", *options).arguments(run), watch_of("evaluation/score", 60.0))
    assert (run / "best").resolve().name == "step_00000003"
    train(*make_run("train.steps=5", "train.save_every=1").arguments(run), watch_of("evaluation/score"))
    state = torch.load(run / "latest" / "state.pt", weights_only=True)
    assert (state["metric"], state["best"], state["waited"]) == ("evaluation/score", 50.0, 1)   # kept, not evaluated


def test_a_checkpoint_that_does_not_name_its_metric_has_the_first_one(tmp_path, make_run, caplog):
    caplog.set_level("INFO", logger="translate")
    options, run = ("train.save_every=1", "train.evaluate_every=1"), tmp_path / "run"
    train(*make_run("train.steps=1", *options).arguments(run), watch_of("evaluation/mcd", 3.0, 2.0))
    state = torch.load(run / "latest" / "state.pt", weights_only=True)
    del state["metric"], state["waited"]
    torch.save(state, run / "latest" / "state.pt")
    train(*make_run("train.steps=2", *options).arguments(run), watch_of("evaluation/mcd", 2.5))
    assert (run / "best").resolve().name == "step_00000001"
    assert "metric changes" not in caplog.text


def test_a_run_that_died_before_its_first_checkpoint_begins_again(tmp_path, make_run):
    """What it had logged of the untrained start is not there twice."""
    options = ("train.steps=1", "train.evaluate_every=1")
    train(*make_run(*options).arguments(tmp_path / "run"), watch_of("evaluation/mcd", 3.0, 2.0))
    for path in ("latest", "best"):
        (tmp_path / "run" / path).unlink()
    for step in ("step_00000000", "step_00000001"):
        shutil.rmtree(tmp_path / "run" / step)
    train(*make_run(*options).arguments(tmp_path / "run"), watch_of("evaluation/mcd", 3.0, 2.0))
    assert [row["step"] for row in losses(tmp_path / "run")] == [0, 1, 1]


def test_a_checkpoint_that_is_older_than_a_setting_is_taken_up(tmp_path, make_run, differing):
    """Its run had what is the default now: Adam, one micro-batch."""
    whole = train(*make_run(*OPTIONS).arguments(tmp_path / "whole"))
    with suppress(Cut):
        train(*cut_at(make_run(*OPTIONS), HALF).arguments(tmp_path / "parts"))
    path = tmp_path / "parts" / "latest" / "config.yaml"
    values = yaml.safe_load(path.read_text())
    del values["train"]["accumulate"]
    for player in values["players"].values():
        del player["optimizer"]
    path.write_text(yaml.safe_dump(values))
    assert differing(whole, train(*make_run(*OPTIONS).arguments(tmp_path / "parts"))) == []


def test_the_comparison_can_fail(tmp_path, make_run, differing):
    whole = train(*make_run(*OPTIONS).arguments(tmp_path / "whole"))
    run = make_run(*OPTIONS)
    run.sampler.next()
    other = train(*run.arguments(tmp_path / "other"))
    groups = {name.split("/")[0] for name in differing(whole, other)}
    assert groups >= {"weights.safetensors", "average.safetensors", "state.pt"}


def test_a_finished_run_stays_as_it_is(tmp_path, make_run):
    first = train(*make_run(*OPTIONS).arguments(tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    log = (tmp_path / "run" / "log.jsonl").read_bytes()
    assert train(*make_run(*OPTIONS).arguments(tmp_path / "run")) == first
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == log


@pytest.fixture
def finished(tmp_path, make_run):
    train(*make_run("train.steps=2").arguments(tmp_path / "run"))
    return tmp_path / "run"


@pytest.mark.parametrize(("override", "words"), [
    ("players.generator.learning_rate=1e-3", "players.generator.learning_rate=0.0002, not 0.001"),
    ("network.pool=5", "network.pool=0, not 5"),
    ("players.generator.losses.identity=3", "players.generator.losses.identity"),
    ("players.generator.average=0.9", "players.generator.average=None, not 0.9"),
    ("data.domains=[high, low]", "data.domains=['low', 'high'], not ['high', 'low']"),
])  # fmt: skip
def test_another_configuration_is_refused(finished, make_run, override, words):
    with pytest.raises(UserError) as error:
        train(*make_run("train.steps=2", override).arguments(finished))
    assert words in str(error.value)
    assert str(finished) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("override", [f"train.{key}" for key in (
    "log_every=9", "save_every=9", "keep=9", "sample_every=9", "evaluate_every=9", "evaluate_sentences=9", "metric=mcd",
    "patience=9",
)])  # fmt: skip
def test_what_decides_no_weight_may_change(finished, make_run, override):
    assert train(*make_run("train.steps=2", override).arguments(finished)).name == "step_00000002"


def test_a_run_can_be_made_longer(finished, make_run, caplog):
    with caplog.at_level("INFO", logger="translate"):
        last = train(*make_run("train.steps=4").arguments(finished))
    assert last.name == "step_00000004"
    assert "train.steps changes from 2 to 4" in caplog.text


def test_other_features_are_refused(finished, make_run):
    run = make_run("train.steps=2")
    run.statistics["high/mean"] = run.statistics["low/mean"]
    with pytest.raises(UserError, match="trained on other data of the domain `high`"):
        train(*run.arguments(finished))


def test_a_missing_checkpoint_is_told_and_nothing_is_lost(finished, make_run):
    (finished / "step_00000002").rename(finished / "elsewhere")
    log = (finished / "log.jsonl").read_text()
    with pytest.raises(UserError, match=r"latest: points at step_00000002, which is missing"):
        train(*make_run("train.steps=2").arguments(finished))
    assert (finished / "log.jsonl").read_text() == log


@pytest.mark.parametrize("file", ["config.yaml", "weights.safetensors", "statistics.safetensors", "state.pt"])
def test_a_damaged_checkpoint_is_told_in_one_line(finished, make_run, file):
    path = finished / "step_00000002" / file
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError) as error:
        train(*make_run("train.steps=2").arguments(finished))
    assert str(finished) in str(error.value)
    assert "\n" not in str(error.value)


def test_keys_that_a_later_version_added_have_their_defaults(finished, make_run):
    path = finished / "step_00000002" / "config.yaml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "pool" not in line and "r1" not in line))
    assert train(*make_run("train.steps=2").arguments(finished)).name == "step_00000002"
    with pytest.raises(UserError, match=r"network\.pool=0, not 5"):
        train(*make_run("train.steps=2", "network.pool=5").arguments(finished))


def test_a_run_whose_networks_had_no_key_yet_is_not_continued_with_others(tmp_path, make_run):
    options = ("train.steps=2", "model=cyclegan_vc", "network={channels: 2, blocks: 1, padded: true}")
    path = train(*make_run(*options).arguments(tmp_path)) / "config.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "padded" not in line))
    with pytest.raises(UserError, match=r"was trained with network\.padded=True, not False"):
        train(*make_run(*options[:2], "network={channels: 2, blocks: 1}", "train.crop=17").arguments(tmp_path))
    assert train(*make_run(*options).arguments(tmp_path)).name == "step_00000002"


def test_another_model_is_refused(finished, make_run):
    run = make_run("train.steps=2", "model=cyclegan_vc", "train.crop=20")
    with pytest.raises(UserError, match="was trained with model=cyclegan_vc2, not cyclegan_vc;"):
        train(*run.arguments(finished))


def test_a_run_cut_between_writing_and_linking_goes_on(tmp_path, make_run, differing, monkeypatch):
    """Killed after the folder appeared and before `latest` pointed at it: the steps are done again."""
    options = ("train.steps=4", "train.save_every=2", "train.log_every=1")
    whole = train(*make_run(*options).arguments(tmp_path / "whole"))
    real, calls = checkpoint_module.point, []

    def killed(link, name):
        calls.append(name)
        if len(calls) == 2:
            raise Cut
        real(link, name)

    monkeypatch.setattr(checkpoint_module, "point", killed)
    with pytest.raises(Cut):
        train(*make_run(*options).arguments(tmp_path / "cut"))
    monkeypatch.undo()
    assert (tmp_path / "cut" / "step_00000004").exists()
    assert (tmp_path / "cut" / "latest").resolve().name == "step_00000002"
    assert differing(whole, train(*make_run(*options).arguments(tmp_path / "cut"))) == []


def test_saving_reads_the_newest_state(tmp_path, make_run):
    """A checkpoint is a copy: later steps do not reach into it."""
    run = make_run("train.steps=4", "train.save_every=2", "train.keep=5")
    train(*run.arguments(tmp_path / "run"))
    state = torch.load(tmp_path / "run" / "step_00000002" / "state.pt", weights_only=True)
    assert state["step"] == 2
    assert state["optimizers"]["generator"]["state"][0]["step"].item() == 2
