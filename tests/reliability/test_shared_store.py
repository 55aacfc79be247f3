"""Two accounts on one store: what one of them may not read or write is left as it is, and nothing of it is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import ROOT, small_study

TINY = ("--scale", "tiny", "--workers", "1", "train.steps=4", "train.pretrain_steps=1", "data.val_images=2")
AXES = {"generator.downsample": ["strided_conv", "max_pool"]}


@dataclass(frozen=True)
class Accounts:
    """An owner and a colleague who share a group, and a folder that both may enter."""

    home: Path
    python: Path
    owner: str
    colleague: str

    def bench(self, account: str, *arguments: str | Path, umask: int = 0o002) -> subprocess.CompletedProcess[str]:
        """`bench ...` as that account, in the common folder."""
        own = self.home / account
        path = os.pathsep.join([str(self.home / "code"), *site.getsitepackages()])
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "COLUMNS": "200"}
        environment |= {"HOME": str(own), "BENCH_CACHE": str(own / "cache"), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [self.python, "-m", "bench", *map(str, arguments)],
            cwd=self.home,
            env=environment,
            user=account,
            group=self.owner,
            extra_groups=[],
            umask=umask,
            capture_output=True,
            text=True,
        )

    def run(self, account: str, *metrics: str, umask: int = 0o002) -> subprocess.CompletedProcess[str]:
        """`bench run` of the study with these metrics, a report for each account."""
        asked = f"metrics=[{','.join(metrics)}]"
        reports = self.home / account / "reports"
        return self.bench(account, "run", "study.yaml", *TINY, asked, "--reports", reports, umask=umask)

    def reset(self) -> None:
        """The store and the reports as the owner left them."""
        for path in (self.home / "runs", self.home / self.colleague / "reports"):
            shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["cp", "-a", self.home / "finished", self.home / "runs"], check=True)

    @property
    def runs(self) -> list[Path]:
        """Folders of runs, by the config's name."""
        return sorted((self.home / "runs").iterdir())

    def content(self, folder: Path) -> dict[str, str]:
        """File name -> SHA-256 of everything in a run's folder."""
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _python_for_all(home: Path) -> Path:
    """A Python that every account may start: this one's files linked into `home`, since root's own lie in its home."""
    base = Path(sys.base_prefix)
    skipped = shutil.ignore_patterns("site-packages", "test")
    shutil.copytree(base / "bin", home / "python/bin", copy_function=_link, symlinks=True)
    shutil.copytree(base / "lib", home / "python/lib", copy_function=_link, symlinks=True, ignore=skipped)
    return home / "python/bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def made() -> Iterator[Accounts]:
    """With a study of two runs that the owner has finished."""
    if os.geteuid() != 0 or not shutil.which("useradd"):
        pytest.skip("accounts are made with useradd, by root")
    owner, colleague = (f"bench-{os.getpid()}-{letter}" for letter in "ab")
    home = Path(tempfile.mkdtemp(prefix="bench-shared-"))
    try:
        subprocess.run(["useradd", "--no-create-home", "--user-group", owner], check=True)
        subprocess.run(["useradd", "--no-create-home", "--no-user-group", "--gid", owner, colleague], check=True)
        home.chmod(0o755)
        for room in ("bench", "baselines", "ablations"):
            shutil.copytree(ROOT / room, home / "code" / room)
        shutil.copy(ROOT / "gan_bench.py", home / "code")
        for account in (owner, colleague):
            (home / account).mkdir()
            shutil.chown(home / account, account)
        (home / "runs").mkdir()
        shutil.chown(home / "runs", owner, owner)
        (home / "runs").chmod(0o2775)
        small_study(home, axes=AXES, metrics=["psnr"])
        found = Accounts(home, _python_for_all(home), owner, colleague)
        done = found.run(owner, "psnr")
        assert done.returncode == 0, done.stderr
        (home / "runs").rename(home / "finished")
        yield found
    finally:
        for account in (colleague, owner):
            subprocess.run(["userdel", account], check=False, capture_output=True)
        shutil.rmtree(home)


@pytest.fixture
def accounts(made: Accounts) -> Accounts:
    made.reset()
    return made


@pytest.mark.slow
def test_a_colleague_of_the_group_scores_one_more_metric(accounts: Accounts) -> None:
    for folder in accounts.runs:
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()}
        assert set(modes.values()) == {0o664}, modes
    before = [accounts.content(folder) for folder in accounts.runs]
    done = accounts.run(accounts.colleague, "psnr", "ssim")
    assert done.returncode == 0, done.stderr
    for folder, old in zip(accounts.runs, before, strict=True):
        new = accounts.content(folder)
        assert {name for name in old if new[name] != old[name]} == {"SHA256SUMS", "timing.json"}
        assert new.keys() - old.keys() == {"scores/ssim.v1.csv"}


@pytest.mark.slow
def test_what_a_colleague_may_not_read_stays_as_it_is_and_the_rest_goes_on(accounts: Accounts) -> None:
    closed, opened = accounts.runs
    (closed / "weights.safetensors").chmod(0o600)
    before = accounts.content(closed)
    done = accounts.run(accounts.colleague, "psnr", "ssim")
    assert done.returncode == 1
    assert "left as it is" in done.stdout
    assert "weights.safetensors: cannot be read (Permission denied)" in done.stdout
    report = (accounts.home / accounts.colleague / "reports/study/report.md").read_text()
    assert "SSIM is missing: the run has not been scored" in report  # its records can be read, its weights cannot
    assert accounts.content(closed) == before
    assert (opened / "scores/ssim.v1.csv").exists()
    planned = accounts.bench(accounts.colleague, "plan", "study.yaml", *TINY, "metrics=[psnr,ssim]")
    assert "1 unreadable" in planned.stdout
    for arguments in ((), ("--repair",)):
        checked = accounts.bench(accounts.colleague, "verify", *arguments)
        assert checked.returncode == 1
        assert "2 runs checked, 0 damaged, 1 unreadable" in checked.stdout
    assert accounts.content(closed) == before
    assert "2 runs: 2 cached, 0 to do" in accounts.run(accounts.owner, "psnr").stdout


@pytest.mark.slow
def test_checkpoints_and_folders_that_cannot_be_read_are_left_as_they_are(accounts: Accounts) -> None:
    resumable, closed = accounts.runs
    for name in ("outcome.json", "training.json", "weights.safetensors", "SHA256SUMS"):
        (resumable / name).unlink()
    for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors"):
        (resumable / name).write_bytes(b"of the owner")
        shutil.chown(resumable / name, accounts.owner)
        (resumable / name).chmod(0o600)
    closed.chmod(0o700)
    before = [accounts.content(folder) for folder in accounts.runs]
    done = accounts.run(accounts.colleague, "psnr")
    assert done.returncode == 1
    assert "checkpoint.safetensors: cannot be read (Permission denied)" in done.stdout.replace(".previous", "")
    assert f"{closed.name}: cannot be read (Permission denied)" in done.stdout
    checked = accounts.bench(accounts.colleague, "verify")
    assert checked.stdout.count("unreadable (Permission denied)") == 3
    assert "2 runs checked, 0 damaged, 2 unreadable" in checked.stdout
    assert [accounts.content(folder) for folder in accounts.runs] == before


@pytest.mark.slow
def test_what_a_colleague_may_not_write_is_said_to_be_so(accounts: Accounts) -> None:
    subprocess.run(["chmod", "-R", "g-w", *accounts.runs], check=True)
    before = [accounts.content(folder) for folder in accounts.runs]
    done = accounts.run(accounts.colleague, "psnr", "ssim")
    assert done.returncode == 1
    assert done.stdout.count("cannot be written (Permission denied)") == 2
    assert [accounts.content(folder) for folder in accounts.runs] == before
