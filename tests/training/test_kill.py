"""A run that is killed at random moments and started again ends as the uncut run, bit for bit."""

import json
import random
import signal
import subprocess
import sys
import time

KILLS = 3
STEPS = 40
OPTIONS = (
    f"train.steps={STEPS}", "train.save_every=4", "train.log_every=2", "train.batch_size=2", "train.decay_from=0.3",
    "network.pool=3", "players.generator.average=0.9", "players.generator.losses.identity={weight: 5, until: 20}",
)  # fmt: skip


def losses(folder):
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "steps_per_second"} for row in rows]


def test_a_killed_run_ends_as_the_uncut_one(tmp_path, train_command, environment, differing):
    def start(name):
        command = [sys.executable, "-m", "translate", *train_command(tmp_path / name, *OPTIONS)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def wait_for_log(process, name):
        """Until training has begun; until then nothing can be lost."""
        path, deadline = tmp_path / name / "log.jsonl", time.monotonic() + 60
        known = path.stat().st_mtime_ns if path.exists() else None
        while process.poll() is None and time.monotonic() < deadline:
            if path.exists() and path.stat().st_mtime_ns != known:
                return
            time.sleep(0.01)

    whole = start("whole")
    wait_for_log(whole, "whole")
    began = time.monotonic()
    printed, _ = whole.communicate(timeout=120)
    duration = time.monotonic() - began                                     # of the steps alone
    assert whole.returncode == 0
    assert printed.strip().endswith(f"step_{STEPS:08d}")

    cuts = []
    for _ in range(KILLS):
        process = start("cut")
        wait_for_log(process, "cut")
        time.sleep(random.uniform(0, duration / KILLS))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        latest = tmp_path / "cut" / "latest"
        cuts.append(latest.resolve().name if latest.exists() else "none")
    last = start("cut")
    last.communicate(timeout=120)
    assert last.returncode == 0
    names = differing(tmp_path / "whole" / "latest", tmp_path / "cut" / "latest")
    assert names == [], f"killed with the newest checkpoints {cuts}"
    assert (tmp_path / "cut" / "latest").resolve().name == f"step_{STEPS:08d}"
    assert losses(tmp_path / "whole") == losses(tmp_path / "cut")
    assert not list((tmp_path / "cut").glob(".*"))                          # no draft is left
