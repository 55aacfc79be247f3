"""A worker in this process, on a journal: the outcomes of proposals, and the runs in the store."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from optuna.study import Study
from rich.console import Console
from searches import WriteSearch

from bench.config import RunConfig
from bench.report.search.results import Trial
from bench.runs.run import Machine, Watch, execute
from bench.search.load import load_search
from bench.search.optuna_study import open_study
from bench.search.results import collect_search
from bench.search.search import Search
from bench.search.storage import default_storage
from bench.search.trials import MAX_DEATHS, give_up, outcomes, queue_again, retried
from bench.search.worker import Worker, WorkerSettings
from bench.search.workers import run_workers
from bench.store.run_store import RunStore
from bench.study.study import Run

WIDTH = {"generator.width": {"low": 2, "high": 8}}


def make(path: Path, should_stop: Any = lambda: False, **settings: Any) -> Search:
    """Load a search and make its trials."""
    search = load_search(path, "tiny")
    root = runs(search)
    fields = {"url": default_storage(search, root), "root": root, "machine": Machine(), "grace": 60.0} | settings
    Worker(search, WorkerSettings(**fields), lambda *_: None, should_stop).work()
    return search


def runs(search: Search) -> Path:
    return search.path.parent / f"runs of {search.name}"


def study_of(search: Search) -> Study:
    return open_study(search, default_storage(search, runs(search)))[0]


def trials(search: Search) -> list[Trial]:
    return collect_search(search, study_of(search), RunStore(runs(search))).trials


def test_a_trial_is_a_run_like_any_other(write_search: WriteSearch) -> None:
    search = make(write_search(trials=1))
    (trial,) = trials(search)
    assert (trial.outcome, trial.number, len(trial.runs)) == ("complete", 0, 1)
    store = RunStore(runs(search))
    assert store.state(trial.runs[0]) == "done"
    config = store.read(trial.runs[0], "run")["config"]
    assert config["train"]["learning_rate"] == trial.changes["train.learning_rate"]
    assert config["data"]["score_on"] == "validation"
    scores = [float(row["value"]) for row in store.read_rows(trial.runs[0], "scores/psnr.v1") or []]
    assert trial.values == [pytest.approx(sum(scores) / len(scores))]
    curve = [float(row["value"]) for row in store.read_rows(trial.runs[0], "curve") or [] if row["name"] == "val_psnr"]
    assert trial.curve == [(number, pytest.approx(score)) for number, score in enumerate(curve, 1)]
    assert 0 < trial.work_seconds <= trial.seconds


def test_one_worker_repeats_a_search_and_an_interruption_changes_nothing(write_search: WriteSearch) -> None:
    whole = trials(make(write_search("whole", trials=4, sampler="tpe")))
    calls = 0

    def soon() -> bool:
        nonlocal calls
        calls += 1
        return calls > 14  # in the second trial

    halved = write_search("halved", trials=4, sampler="tpe")
    with pytest.raises(KeyboardInterrupt):
        make(halved, should_stop=soon)
    parts = trials(make(halved))
    assert [trial.outcome for trial in parts].count("lost") == 1
    ended = [trial for trial in parts if trial.outcome != "lost"]
    assert [(t.params, t.values) for t in ended] == [(t.params, t.values) for t in whole]


def test_a_trial_that_breaks_a_constraint_is_not_trained_and_does_not_count(write_search: WriteSearch) -> None:
    space = WIDTH | {"train.learning_rate": {"low": 1e-4, "high": 1e-2}}
    path = write_search(space=space, constraints={"parameters_generator": "<= 6000"}, sampler="random", trials=3)
    search = make(path)
    all_trials = trials(search)
    broken = [trial for trial in all_trials if trial.outcome == "infeasible"]
    assert len([trial for trial in all_trials if trial.outcome == "complete"]) == 3
    assert broken
    for trial in all_trials:
        assert (trial.costs["parameters_generator"] > 6000) == (trial in broken)
    assert all(trial.runs == [] and "parameters_generator <= 6,000, here" in trial.reason for trial in broken)
    assert len(list(runs(search).glob("*/run.json"))) == 3
    study = study_of(search)
    for trial in broken:
        assert study.trials[trial.number].constraints["parameters_generator <= 6,000"] > 0
    assert study.best_trial.constraints["parameters_generator <= 6,000"] <= 0


def test_values_that_make_no_valid_config_are_an_outcome(write_search: WriteSearch) -> None:
    space = {"tiling.grid": [1, 4], "generator.depth": [3, 5]}
    all_trials = trials(make(write_search(space=space, sampler="grid", trials=4)))
    assert sorted(trial.outcome for trial in all_trials) == ["complete"] * 3 + ["invalid"]
    assert "cannot be halved" in next(trial.reason for trial in all_trials if trial.outcome == "invalid")


def test_a_grid_ends_when_every_point_was_tried_once(write_search: WriteSearch) -> None:
    space = {
        "loss.adversarial": ["bce", "l2"],
        "block": {"a": {"generator.width": [3]}, "b": {"generator.depth": [1, 2]}},
    }
    all_trials = trials(make(write_search(space=space, sampler="grid", trials=100)))
    assert len(all_trials) == len({tuple(sorted(trial.changes.items())) for trial in all_trials}) == 6


def test_a_pruned_run_is_kept_and_a_study_can_resume_it(write_search: WriteSearch) -> None:
    space = {"train.learning_rate": {"low": 1e-7, "high": 1e-2, "log": True}}
    search = make(write_search(space=space, sampler="random", trials=10))
    pruned = [trial for trial in trials(search) if trial.outcome == "pruned"]
    assert pruned
    store = RunStore(runs(search))
    run = pruned[0].runs[0]
    assert len(pruned[0].curve) < search.default.train.validations
    assert pruned[0].reason.startswith("seed 0: pruned at step")
    assert store.state(run) == "pruned"
    fields = store.read(run, "run")["config"]
    config = RunConfig.model_validate(fields | {"train": fields["train"] | {"validations": 5}})
    assert execute(Run(run, "", config), ("psnr",), store, Machine(), Watch()) == "done"
    assert store.read(run, "training")["steps"] == 10
    begun = [int(row["step"]) for row in store.read_rows(run, "curve") or [] if row["name"] == "val_psnr"]
    assert begun == [2, 4, 6, 8, 10]  # none twice: it went on from its checkpoint


def test_the_same_config_is_trained_once(write_search: WriteSearch) -> None:
    space = {"loss.adversarial": ["bce"], "copies": {"a": {}, "b": {}}}
    search = make(write_search(space=space, sampler="grid", pruner="none"))
    one, two = trials(search)
    assert (one.values, one.runs) == (two.values, two.runs)
    assert two.work_seconds < one.work_seconds


def test_a_diverged_training_is_an_outcome_and_the_search_goes_on(write_search: WriteSearch) -> None:
    space = {"train.learning_rate": [1e-3, 1e30]}
    all_trials = trials(make(write_search(space=space, sampler="grid", trials=2)))
    assert sorted(trial.outcome for trial in all_trials) == ["complete", "diverged"]


def test_wilcoxon_compares_images_after_each_seed(write_search: WriteSearch) -> None:
    space = {"train.learning_rate": [1e-3, 1e-7], "copies": {str(i): {} for i in range(2)}}
    search = make(write_search(space=space, sampler="grid", pruner="wilcoxon", seeds=2, trials=4))
    study = study_of(search)
    images = len(RunStore(runs(search)).read_rows(trials(search)[0].runs[0], "scores/psnr.v1") or [])
    outcome_of = outcomes(study.trials)
    for trial in study.trials:
        seeds = 2 if outcome_of[trial.number] == "complete" else 1
        assert list(trial.intermediate_values) == list(range(seeds * images))


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "random"])
def test_every_sampler_with_two_objectives_and_a_constraint(write_search: WriteSearch, sampler: str) -> None:
    changes = {"objectives": ["psnr", "macs"], "constraints": {"parameters": "<= 60000"}, "space": WIDTH}
    all_trials = trials(make(write_search(sampler=sampler, trials=2, **changes)))
    complete = [trial for trial in all_trials if trial.outcome == "complete"]
    assert len(complete) == 2
    for trial in complete:
        assert trial.values is not None
        assert trial.values[1] == trial.costs["macs"]


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_every_pruner_by_curve_sees_each_point_once(write_search: WriteSearch, pruner: str) -> None:
    search = make(write_search(pruner=pruner, trials=2, seeds=2))
    frozen = study_of(search).trials
    for trial in frozen:
        assert list(trial.intermediate_values) == list(range(1, len(trial.intermediate_values) + 1))
        assert len(trial.intermediate_values) == 10 or outcomes(frozen)[trial.number] == "pruned"  # 5 points, 2 seeds


def test_speeds_and_times_can_be_objectives_and_bounds(write_search: WriteSearch) -> None:
    bounds = {"images_per_second": ">= 0.001", "training_peak_bytes": "<= 1e12"}
    path = write_search(objectives=["psnr", "training_seconds"], constraints=bounds, trials=1)
    (trial,) = trials(make(path))
    assert trial.values is not None
    assert trial.values[1] == trial.costs["training_seconds"] > 0
    assert trial.costs["training_peak_bytes"] > 1e5


def test_no_trial_begins_after_the_deadline(write_search: WriteSearch) -> None:
    assert trials(make(write_search(), deadline=0.0)) == []


def test_one_of_many_processes_gives_a_trial_up(write_search: WriteSearch) -> None:
    search = load_search(write_search(), "tiny")
    url = default_storage(search, runs(search))
    study, _ = open_study(search, url)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.report(0.5, 1)
    done: list[bool] = []

    def try_it() -> None:
        other, _ = open_study(search, url)
        done.append(give_up(other, other.get_trials()[0]))

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    assert outcomes(study.trials) == {0: "lost"}
    queue_again(study, 0)
    lost, waiting = study.get_trials()
    assert outcomes(study.trials) == {0: "lost", 1: "running"}
    assert (waiting.params, waiting.intermediate_values, retried(waiting)) == (lost.params, {1: 0.5}, [0])


def test_a_trial_on_which_many_workers_died_fails_until_the_next_command(
    write_search: WriteSearch,
) -> None:
    search = load_search(write_search(trials=1), "tiny")
    study = study_of(search)
    study.ask()
    for number in range(MAX_DEATHS):
        give_up(study, study.trials[number])
        queue_again(study, number)
        study.ask()
    give_up(study, study.trials[MAX_DEATHS])
    assert list(outcomes(study.trials).values()) == ["lost"] * MAX_DEATHS + ["failed"]
    settings = WorkerSettings(default_storage(search, runs(search)), runs(search), Machine(), 60.0)
    Worker(search, settings, lambda *_: None, lambda: False).work()
    assert "complete" not in outcomes(study.trials).values()
    run_workers(search, settings, 1, Console(quiet=True))
    assert list(outcomes(study.trials).values()) == ["lost"] * (MAX_DEATHS + 1) + ["complete"]


def test_a_worker_whose_trial_was_taken_over_leaves_it_and_goes_on(write_search: WriteSearch) -> None:
    search = load_search(write_search(trials=2), "tiny")
    study, calls = study_of(search), 0

    def tell(_: str, phase: str, share: float) -> None:
        nonlocal calls
        calls += phase == "train"
        if calls == 3:  # it was silent, and another one takes it for dead
            assert give_up(study, study.trials[0])

    settings = WorkerSettings(default_storage(search, runs(search)), runs(search), Machine(), 60.0)
    Worker(search, settings, tell, lambda: False).work()
    assert list(outcomes(study.trials).values()) == ["lost", "complete", "complete"]
    states = [RunStore(runs(search)).state(path.parent.name) for path in runs(search).glob("*/run.json")]
    assert states == ["done", "done"]


def test_a_lock_left_by_a_killed_process_blocks_nobody(
    write_search: WriteSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search = load_search(write_search(), "tiny")
    url = default_storage(search, Path("runs"))
    open_study(search, url)
    Path(f"{url}.lock").symlink_to(url)  # as Optuna's own would be
    assert open_study(search, url)[0].get_trials() == []


def test_a_journal_whose_last_line_was_cut_off_opens(write_search: WriteSearch) -> None:
    search = make(write_search(trials=1))
    journal = Path(default_storage(search, runs(search)))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 9, "tri')
    assert [trial.outcome for trial in trials(search)] == ["complete"]
    assert journal.read_bytes().startswith(whole + b"{")
    assert b'"tri\n' not in journal.read_bytes()


def test_the_trial_of_a_silent_worker_is_taken_over(write_search: WriteSearch) -> None:
    path = write_search(trials=1)
    search = load_search(path, "tiny")
    study_of(search).ask()  # and dies before a word
    lost, ended = trials(make(path, grace=0.3))
    assert (lost.outcome, ended.outcome) == ("lost", "complete")
