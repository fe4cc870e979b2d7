"""``preheat convert``, ``audit`` and ``resume-check`` on the command line."""

import json

import pytest
import torch

import preheat
from preheat.cli.main import run
from support.logged import write_csv

DEEPSPEED = {"scheduler": {"type": "WarmupDecayLR", "params": {"warmup_num_steps": 10, "warmup_type": "linear"}}}
PLAN = preheat.get_schedule("linear", warmup=10, total=100)


def called(capsys, *words):
    """Exit code, output and errors of a command, run in this process."""
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    return ended.value.code or 0, *capsys.readouterr()


@pytest.fixture
def config(tmp_path):
    """A DeepSpeed file that leaves its total and its rate to the trainer."""
    path = tmp_path / "ds.json"
    path.write_text(json.dumps(DEEPSPEED))
    return path


def test_a_file_is_converted_and_its_error_stated(capsys, config):
    """To words, and to a vocabulary that starts one update earlier."""
    code, out, said = called(capsys, "convert", config, "--updates", 100, "--lr", 1e-3)
    assert code == 0
    assert out == "transformers: shift(warmup 10 > linear 90 from 1 to 0, updates=-1)\n"
    assert "read as deepspeed" in said
    code, out, said = called(capsys, "convert", config, "--to", "transformers", "--updates", 100, "--lr", 1e-3)
    assert code == 0
    assert json.loads(out)["lr_scheduler_type"] == "linear"
    assert "nearest: off by " in said
    strict = called(capsys, "convert", config, "--to", "transformers", "--updates", 100, "--lr", 1e-3, "--strict")
    assert strict[0] == 1


def test_files_are_written_once_and_json_has_everything(capsys, config, tmp_path):
    """--save refuses an existing file; --json has schedule, config and error."""
    target = tmp_path / "out.json"
    words = ("convert", config, "--to", "keras", "--updates", 100, "--lr", 1e-3, "--save", target)
    assert called(capsys, *words)[0] == 0
    assert "class_name" in json.loads(target.read_text())
    code, _, said = called(capsys, *words)
    assert code == 1
    assert "save must be a new file" in said
    code, out, _ = called(capsys, "convert", config, "--to", "torch", "--updates", 100, "--lr", 1e-3, "--json")
    assert {"from", "schedule", "text", "exact", "error", "error_at"} <= {*json.loads(out)}


def test_conversions_that_cannot_be_are_refused(capsys, config):
    """Nothing known, no total, no rate, an unknown dialect: exit 2, one line."""
    for words, message in (
        (("convert", '{"a": 1}'), "config must be of a dialect known here"),
        (("convert", config), "Give total= (--updates)"),
        (("convert", config, "--updates", 99, "--to", "kears"), "Did you mean 'keras'"),
        (("convert", "no-such-file.yaml"), "config must be a file that exists"),
    ):
        code, out, said = called(capsys, *words)
        assert (code, out) == (2, "")
        assert message in said, said
        assert said.count("\n") == 1


def test_what_a_file_leaves_to_its_trainer_is_given_by_flags(capsys, tmp_path):
    """DeepSpeed's "auto": the climb, the total and the rate."""
    path = tmp_path / "auto.json"
    params = dict.fromkeys(("warmup_num_steps", "total_num_steps", "warmup_max_lr", "warmup_min_lr"), "auto")
    path.write_text(json.dumps({"scheduler": {"type": "WarmupDecayLR", "params": {**params, "warmup_type": "linear"}}}))
    code, out, said = called(capsys, "convert", path, "--updates", 100, "--warmup", 20, "--lr", 2e-3)
    assert code == 0, said
    assert "warmup 20 > linear 80" in out
    assert "peak 0.002" in said


def test_audit_exits_with_the_verdict(capsys, tmp_path):
    """0 as planned, 1 not; a picture, JSON, another framework's file as the plan; a name without a total."""
    rows = [(update, 1e-3 * PLAN(update)) for update in range(100)]
    right = write_csv(tmp_path / "right.csv", ["update", "lr"], rows)
    wrong = write_csv(tmp_path / "wrong.csv", ["update", "lr"], [(k, 1e-3 * PLAN(k // 10)) for k in range(100)])
    plan = ("--against", "linear", "--warmup", 10, "--updates", 100, "--lr", 1e-3)
    code, out, _ = called(capsys, "audit", right, *plan)
    assert code == 0
    assert "as planned" in out
    picture = tmp_path / "audit.png"
    code, out, _ = called(capsys, "audit", wrong, *plan, "--save", picture)
    assert code == 1
    assert "once every 10 updates" in out
    assert "• log" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    arguments = tmp_path / "args.json"
    arguments.write_text(json.dumps({"learning_rate": 1e-3, "warmup_steps": 10, "max_steps": 100}))
    code, out, _ = called(capsys, "audit", wrong, "--against", arguments, "--json")
    assert code == 1
    assert json.loads(out)["findings"][0]["kind"] == "slow-clock"
    preheat.save_schedule(PLAN, tmp_path / "plan.toml")
    assert called(capsys, "audit", right, "--against", tmp_path / "plan.toml")[0] == 0
    code, _, said = called(capsys, "audit", right, "--against", "linear")
    assert code == 2
    assert "updates must be given for 'linear'" in said
    code, out, _ = called(capsys, "audit", right)
    assert code == 0
    assert out.startswith("lr: transformers: warmup 10 > linear 90 to 0\n  peak 0.001, every logged rate agrees")
    assert json.loads(called(capsys, "audit", right, "--json")[1])["lr"]["spec"] == str(PLAN)


def test_check_resume_exits_with_the_forecast(capsys, tmp_path):
    """0 if it goes on as asked, 1 if not; beside ``check SCHEDULE``, which stays."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    torch.save({"scheduler": scheduler.state_dict()}, tmp_path / "a.pt")
    words = ("resume-check", tmp_path / "a.pt", "--with")
    assert called(capsys, *words, "transformers: cosine 100")[0] == 0
    code, out, _ = called(capsys, *words, "transformers: cosine 200")
    assert code == 1
    assert "its lengths and base rates win over the new ones" in out
    assert "preheat, bridge 100" in out
    assert json.loads(called(capsys, *words, "cosine", "--updates", 50, "--warmup", 5, "--json")[1])["position"] == 0
    assert "CHECKPOINT" in called(capsys, "resume-check", "--help")[1]
    assert called(capsys, "check", "warmup 10% > cosine", "--updates", 100)[0] == 0
