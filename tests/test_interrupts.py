"""Ctrl-C and SIGTERM at any instant, to real commands: one line, exit 130, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import ROOT, small_study

LINE = "interrupted; what is done is kept"
COMMANDS = {
    "help": ["--help"],
    "plan": ["plan", "study.yaml", "--scale", "tiny"],
    "report": ["report", "--check", "--reports", str(ROOT / "reports")],
    "data": ["data", "photos"],
    "baselines": ["baselines"],
    "why": ["why", "max_pool, seed 0", "study.yaml", "--scale", "tiny"],
    "verify": ["verify", "--runs", "."],
    "studies": ["studies"],
    "probe": ["plan", "study.yaml", "--scale", "tiny", "--probe"],
    "profile": ["profile", "gray", "--no-sweep", "--packing", "", "--seconds", "1"],
    "search": ["search", "learning_rates", "--scale", "tiny", "--workers", "2"],
    "run": ["run", "study.yaml", "--scale", "tiny", "--workers", "1"],
    "run, two workers": ["run", "study.yaml", "--scale", "tiny", "--workers", "2"],
}


def _start(folder: Path, *arguments: str, ignores: bool = False) -> subprocess.Popen[str]:
    """The command in a process group of its own, from the instant on at which its own code has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN if ignores else signal.SIG_DFL),
    )
    while process.poll() is None and not _hears(process.pid, signal.SIGTERM):
        time.sleep(0.001)
    return process


def _hears(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.split("SigCgt:")[1].split()[0], 16) >> (number - 1) & 1)


def _stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Exit code and stderr, after the signal went to the whole group, as Ctrl-C does."""
    if process.poll() is None:
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
@pytest.mark.parametrize("arguments", [["--help"], ["run", "pooling"], ["nonsense"]], ids=lambda words: words[0])
def test_from_the_first_import_on(tmp_path: Path, arguments: list[str], number: signal.Signals) -> None:
    assert _stopped(_start(tmp_path, *arguments), number) == (130, f"{LINE}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", COMMANDS)
def test_at_many_instants_of_two_seconds(tmp_path: Path, name: str) -> None:
    ends = set()
    for instant in range(12):
        folder = tmp_path / str(instant)
        folder.mkdir()
        small_study(folder, seeds=2)
        process = _start(folder, *COMMANDS[name])
        time.sleep(2 * instant / 12)
        code, said = _stopped(process, signal.SIGINT)
        assert (code, said) == (0, "") or (code == 130 and said.startswith("interrupted; ")), (instant, code, said)
        assert said.count("\n") == (code == 130)
        assert [path for path in folder.rglob("*") if path.suffix in (".tmp", ".part") or ".tmp" in path.name] == []
        ends.add(code)
    assert 130 in ends


def test_what_is_told_to_ignore_ctrl_c_does(tmp_path: Path) -> None:
    assert _stopped(_start(tmp_path, "--help", ignores=True), signal.SIGINT) == (0, "")


def _python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    begin = "import os, signal, sys; from bench.interrupts import at_work, listen; listen()\n"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return subprocess.run(
        [sys.executable, "-c", begin + code],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who runs the tests may have it ignored
    )


@pytest.mark.parametrize(
    "code",
    [
        "import swallows",
        "with at_work(): import swallows",
        "class Late:\n    def __del__(self): raise KeyboardInterrupt\nwith at_work(): Late()",
    ],
    ids=["in an import", "in an import of a command", "in a destructor"],
)
def test_an_interruption_is_never_swallowed(tmp_path: Path, code: str) -> None:
    (tmp_path / "swallows.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    sum(range(100))\nexcept:\n    pass\n"
    )
    done = _python(f"print('begun')\n{code}\nprint('went on')", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "begun\n", f"{LINE}\n")


def test_a_command_at_work_can_put_things_away(tmp_path: Path) -> None:
    code = "with at_work():\n    try: os.kill(os.getpid(), signal.SIGTERM); sum(range(100))\n    finally: print('away')"
    done = _python(code, tmp_path)
    assert (done.stdout, done.stderr.splitlines()[-1]) == ("away\n", "KeyboardInterrupt")


def test_after_the_end_nothing_changes(tmp_path: Path) -> None:
    code = (
        "from bench.interrupts import over; over(3); os.kill(os.getpid(), signal.SIGINT); sum(range(100)); sys.exit(1)"
    )
    done = _python(f"print('all')\n{code}", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "all\n", "")


def test_the_entry_imports_next_to_nothing() -> None:
    code = (  # an editable install loads some before any code of ours
        "import sys; before = set(sys.modules); import gan_bench, bench.interrupts\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"typer", "rich", "yaml", "pydantic", "numpy", "torch", "pathlib"} & set(done.stdout.split())
