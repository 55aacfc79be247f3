"""The authors' weights: translated from their files, refused when wrong, unavailable when missing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from baselines import zhang2016, zhang2017
from baselines.availability import MethodUnavailable
from baselines.cards import CARDS, Weights
from baselines.published import Published, bring
from baselines.weights import base_of, weights_path
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.measure.catalogue import _weights

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def _theirs() -> dict[str, Tensor]:
    """The published names with random values; the published file has no counters of batches."""
    back = {ours: theirs for theirs, ours in zhang2017.PUBLISHED.items()}
    torch.manual_seed(0)
    named = {}
    for name, value in zhang2017.Colorizer().state_dict().items():
        if not name.endswith("num_batches_tracked"):
            start = max((s for s in back if name.startswith(s)), key=len)
            named[back[start] + name.removeprefix(start)] = value
    return named


def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object) -> Path:
    """A file with this content, and a card with its sha256."""
    path = tmp_path / "theirs.pth"
    torch.save(content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = CARDS["zhang2017"]
    assert card.weights is not None
    monkeypatch.setitem(CARDS, "zhang2017", replace(card, weights=Weights("", "theirs.pth", digest[:8])))
    return path


@pytest.mark.slow
def test_a_published_file_is_brought_and_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = _theirs()
    assert bring("zhang2017", _file(tmp_path, monkeypatch, theirs)) == weights_path("zhang2017")
    kept = load_file(weights_path("zhang2017"))
    assert torch.equal(kept["conv1.0.weight"], theirs["model1.0.weight"])
    config = RunConfig.model_validate({"method": "zhang2017_published"})
    method = Published(config, 1, 2, CPU)
    assert method.optimizers == {}
    assert sum(p.numel() for p in method.networks["generator"].parameters()) == 34_187_027
    light = torch.linspace(-1, 1, 64 * 64).reshape(1, 1, 64, 64)
    network = zhang2017.Colorizer()
    network.load_state_dict(kept)
    with torch.inference_mode():
        expected = network.eval()(light)
    predicted = method.predict(Batch(light, torch.zeros(1, 2, 64, 64)))
    torch.testing.assert_close(predicted, expected, rtol=0, atol=1e-5)  # another memory format rounds otherwise
    with pytest.raises(TypeError, match="is not trained"):
        method.update(Batch(light, light), None)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_first_wrong_name_or_shape_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = _theirs()
    short = {name: value for name, value in theirs.items() if name != "model2.0.weight"}
    with pytest.raises(InputError, match=r"theirs.pth: model2.0.weight is missing"):
        bring("zhang2017", _file(tmp_path, monkeypatch, short))
    narrow = theirs | {"model1.0.weight": torch.zeros(64, 3, 3, 3)}
    with pytest.raises(InputError, match=r"model1.0.weight has the shape \(64, 3, 3, 3\), the network's is \(64, 4,"):
        bring("zhang2017", _file(tmp_path, monkeypatch, narrow))
    with pytest.raises(InputError, match="stranger"):
        bring("zhang2017", _file(tmp_path, monkeypatch, theirs | {"stranger": torch.zeros(1)}))
    with pytest.raises(InputError, match="no names with tensors"):
        bring("zhang2017", _file(tmp_path, monkeypatch, {"model1.0.weight": 3}))
    assert not weights_path("zhang2017").exists()


@pytest.mark.parametrize("name", ["model8.6.weight", "model_out.weight"])
def test_a_missing_scaled_or_fixed_tensor_is_reported(tmp_path: Path, name: str) -> None:
    network = zhang2016.Colorizer().state_dict()
    back = {ours: theirs for theirs, ours in zhang2016.PUBLISHED.items()}
    start = {ours: max((s for s in back if ours.startswith(s)), key=len) for ours in network}
    theirs = {back[start[ours]] + ours.removeprefix(start[ours]): value for ours, value in network.items()}
    del theirs[name]
    torch.save(theirs, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=rf"sha256 begins with .*; it is another file or damaged: {name} is missing"):
        bring("zhang2016", tmp_path / "theirs.pth")


@pytest.mark.parametrize("content", [b"hello\n" * 50, b"}q", b"\x80\x02.", b""])
def test_bytes_that_are_not_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "theirs.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"sha256 begins with .* damaged: not a file of weights"):
        bring("zhang2016", tmp_path / "theirs.pth")


def test_damaged_weights_are_reported(tmp_path: Path) -> None:
    path = weights_path("zhang2016")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 3000)
    with pytest.raises(InputError, match=r"zhang2016.safetensors is damaged .*bring it again with `bench baselines"):
        Published(RunConfig.model_validate({"method": "zhang2016_published"}), 1, 2, CPU)
    assert _weights("zhang2016") == "damaged"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_a_file_that_would_execute_something_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="not a file of weights"):
        bring("zhang2017", _file(tmp_path, monkeypatch, {"model1.0.weight": Evil()}))
    assert capsys.readouterr().out == ""


def test_another_file_is_refused_by_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(b"x")
    with pytest.raises(
        InputError, match=r"other.pth: its sha256 begins with 2d711642, but the sha256 of siggraph17-df00044c.pth"
    ):
        bring("zhang2017", tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"nothing.pth: cannot be read"):
        bring("zhang2017", tmp_path / "nothing.pth")


def test_without_weights_the_reason_names_the_command() -> None:
    with pytest.raises(
        MethodUnavailable, match="weights not present; bring them with `bench baselines weights zhang2016`"
    ):
        Published(RunConfig.model_validate({"method": "zhang2016_published"}), 1, 2, CPU)


def test_only_methods_with_weights_to_load_have_a_published_twin() -> None:
    assert base_of("zhang2016_published") == "zhang2016"
    assert (base_of("zhang2016"), base_of("nazeri2018_published"), base_of("gray_published")) == (None, None, None)
