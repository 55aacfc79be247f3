"""A case in a process of its own, so that no case is measured in what another has left behind."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from baselines.availability import MethodUnavailable
from bench.errors import InputError
from bench.interrupts import sigint_blocked
from bench.machine import Machine
from bench.profile.cases import Case, Settings
from bench.runs.executors import die_with_parent

if TYPE_CHECKING:
    import torch

LATENCY_SECONDS = 5.0
LATENCY_SAMPLES = 1000  # at the most
SPLIT_SECONDS = 3.0
GRACE = 5.0  # seconds that a process gets to clear up after itself


class OutOfMemory(Exception):
    """The case does not fit into the device's memory."""


class SubjectFailed(Exception):
    """The case could not be measured; the message says why."""


class NotPresent(SubjectFailed):
    """The case needs weights or a package that are not on this machine."""


class Subject:
    """A case in a process of its own; what is asked is done there, one thing at a time."""

    def __init__(self, case: Case, settings: Settings) -> None:
        self.case, self.idle = case, True
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, case, settings), daemon=True)
        with sigint_blocked():  # the parent decides
            self.process.start()
        theirs.close()

    def ask(self, what: str, *arguments: Any) -> Any:
        """The answer of `_Served.what`. Raises OutOfMemory, SubjectFailed."""
        self.tell(what, *arguments)
        return self.hear()

    def tell(self, what: str, *arguments: Any) -> None:
        """Ask, and do not wait."""
        self.idle = False
        try:
            self.pipe.send((what, arguments))
        except OSError:
            raise SubjectFailed(self._end()) from None

    def hear(self) -> Any:
        """Wait for the answer."""
        try:
            kind, answer = self.pipe.recv()
        except (EOFError, OSError):
            raise SubjectFailed(self._end()) from None
        self.idle = True
        if kind == "out of memory":
            raise OutOfMemory(answer)
        if kind == "not present":
            raise NotPresent(answer)
        if kind == "failed":
            raise SubjectFailed(answer)
        return answer

    def _end(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        return "its process was killed (out of memory?)" if code == -9 else f"its process ended (exit {code})"

    def close(self) -> None:
        """End the process, whatever it is at."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join(GRACE if self.idle else 0)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, case: Case, settings: Settings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=die_with_parent, daemon=True).start()
    import torch

    served: _Served | None = None
    while (asked := pipe.recv()) is not None:
        what, arguments = asked
        try:
            served = served or _Served(case, settings)
            pipe.send(("done", getattr(served, what)(*arguments)))
        except torch.OutOfMemoryError as error:
            pipe.send(("out of memory", str(error).splitlines()[0]))
        except MethodUnavailable as error:
            pipe.send(("not present", str(error)))
        except InputError as error:
            pipe.send(("failed", str(error)))
        except Exception as error:
            pipe.send(("failed", f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"))


class _Served:
    """What can be asked of a case; every answer is of plain values."""

    def __init__(self, case: Case, settings: Settings) -> None:

        from bench.machine import set_up
        from bench.measure.throughput import clock_of
        from bench.profile.loops import PLAIN_LOOPS, load_case

        self.case, self.settings = case, settings
        machine = Machine(settings.device, settings.threads)
        self.device: torch.device = set_up(machine, keeps_memory=case.loop not in PLAIN_LOOPS)
        self.clock = clock_of(self.device)
        self.loaded = load_case(case, self.device)
        self.seconds_per_call = 0.0

    def warm_up(self) -> dict[str, Any]:
        """Fields of clock.WarmUp."""
        from bench.profile.clock import warm_up

        found = warm_up(self.loaded.call, self.clock, self.settings.warm_up_seconds, self.settings.patience)
        self.seconds_per_call = found.seconds_per_call
        return asdict(found)

    def window(self) -> tuple[int, int, float]:
        """Calls, images and seconds of one round."""
        from bench.profile.clock import calls_a_round

        s = self.settings
        calls = calls_a_round(self.seconds_per_call, s.rounds, s.least_calls, s.least_seconds, s.most_seconds)
        return calls, calls * self.loaded.images, self.clock(self.loaded.call, calls)

    def latency(self) -> dict[str, Any]:
        """Percentiles of single calls, each synchronised."""
        import torch

        from bench.profile.clock import percentiles

        found: list[float] = []
        deadline = time.monotonic() + min(LATENCY_SECONDS, self.settings.most_seconds)
        while len(found) < LATENCY_SAMPLES and (time.monotonic() < deadline or len(found) < 3):
            started = time.perf_counter()
            self.loaded.call()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            found.append(time.perf_counter() - started)
        return percentiles(found)

    def split(self) -> dict[str, float]:
        """Seconds of one training step by part, that of drawing its batch, between two updates, among them."""
        from bench.data.batches import BatchesAhead
        from bench.profile.breakdown import split_step
        from bench.profile.loops import at_batch

        seconds = min(SPLIT_SECONDS, self.settings.most_seconds)
        calls = max(1, min(50, round(seconds / max(self.seconds_per_call, 1e-9))))
        draw = BatchesAhead(at_batch(self.case.config, self.case.batch_size), self.device)
        draw(0)
        steps = range(draw.count, (1 + -(-calls // draw.count)) * draw.count)  # whole groups of what is made at once
        drawing = 0.0
        for step in steps:
            drawing += self.clock(lambda step=step: draw(step), 1) / len(steps)  # type: ignore[misc]
            self.loaded.call()
        return {"data": drawing, **split_step(self.loaded.method, self.loaded.call, calls, self.device)}

    def memory(self) -> dict[str, int | None]:
        """Peak bytes of one call with one batch: allocated (tensors) and reserved (by CUDA's allocator, with the whole
        ring); of the process in RAM."""
        import torch

        from bench.measure.memory import peak_bytes, peak_resident_bytes
        from bench.measure.throughput import live_tensors, spare_bytes

        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.loaded.call()
            torch.cuda.synchronize()
            allocated, reserved = int(torch.cuda.max_memory_allocated()), int(torch.cuda.max_memory_reserved())
        else:
            held = live_tensors(self.loaded.method, self.loaded.ring)
            allocated, reserved = peak_bytes(self.loaded.call, held, self.device), None
        allocated -= spare_bytes(self.loaded.ring)
        return {"allocated": allocated, "reserved": reserved, "resident": peak_resident_bytes()}

    def costs(self) -> dict[str, Any]:
        """Parameters, MACs of one image, and what one call computes and moves."""
        from bench.data.batches import one_image, training_batch
        from bench.measure.cost import count_cost
        from bench.profile.roofline import demand_of

        optimizers = self.loaded.method.optimizers.values() if self.case.work == "training" else ()
        demand = demand_of(self.loaded.call, optimizers)
        cost = count_cost(self.loaded.method, one_image(training_batch(self.case.config, 0, self.device)))
        return {
            "parameters_generator": cost.parameters_generator,
            "parameters_total": cost.parameters_total,
            "macs": cost.macs,
            "flops": cost.flops,
            "call_flops": demand.flops,
            "call_bytes": demand.bytes,
            "images": self.loaded.images,
        }

    def rates(self, precision: str) -> dict[str, float]:
        """Fields of roofline.Rates."""
        from bench.profile.roofline import RATE_SECONDS, machine_rates

        return asdict(machine_rates(self.device, precision, min(RATE_SECONDS, self.settings.most_seconds)))

    def machine(self) -> dict[str, str | int]:
        """Versions and the device."""
        from bench.runs.provenance import describe

        return describe(self.device)
