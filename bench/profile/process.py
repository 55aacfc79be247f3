"""A case in a process of its own, so that no case is affected by memory, caches or settings of another."""

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
from bench.profile.cases import Case, ProfileSettings
from bench.runs.executors import die_with_parent

if TYPE_CHECKING:
    import torch

LATENCY_SECONDS = 5.0
MAX_LATENCY_SAMPLES = 1000
SPLIT_SECONDS = 3.0
GRACE = 5.0  # seconds for a process to end by itself


class OutOfMemory(Exception):
    """The case does not fit into the memory of the device."""


class CaseFailed(Exception):
    """The case could not be measured; the message says why."""


class NotPresent(CaseFailed):
    """The case needs weights or a package that are not on this machine."""


class CaseProcess:
    """A case in a process of its own, which answers one request at a time."""

    def __init__(self, case: Case, settings: ProfileSettings) -> None:
        self.case, self.idle = case, True
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, case, settings), daemon=True)
        with sigint_blocked():  # only the parent reacts to SIGINT
            self.process.start()
        theirs.close()

    def ask(self, request: str, *arguments: Any) -> Any:
        """The answer of the `_CaseServer` method of that name. Raises OutOfMemory, CaseFailed."""
        self.send(request, *arguments)
        return self.receive()

    def send(self, request: str, *arguments: Any) -> None:
        """Send a request, and do not wait for the answer. Raises CaseFailed."""
        self.idle = False
        try:
            self.pipe.send((request, arguments))
        except OSError:
            raise CaseFailed(self._exit_reason()) from None

    def receive(self) -> Any:
        """Wait for the answer. Raises OutOfMemory, CaseFailed."""
        try:
            kind, answer = self.pipe.recv()
        except (EOFError, OSError):
            raise CaseFailed(self._exit_reason()) from None
        self.idle = True
        if kind == "out of memory":
            raise OutOfMemory(answer)
        if kind == "not present":
            raise NotPresent(answer)
        if kind == "failed":
            raise CaseFailed(answer)
        return answer

    def _exit_reason(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        return "its process was killed (out of memory?)" if code == -9 else f"its process ended (exit {code})"

    def close(self) -> None:
        """End the process, at once if it is still busy."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join(GRACE if self.idle else 0)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, case: Case, settings: ProfileSettings) -> None:
    """The main function of the process: answer requests until there is a None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=die_with_parent, daemon=True).start()
    import torch

    server: _CaseServer | None = None
    while (message := pipe.recv()) is not None:
        request, arguments = message
        try:
            server = server or _CaseServer(case, settings)
            pipe.send(("done", getattr(server, request)(*arguments)))
        except torch.OutOfMemoryError as error:
            pipe.send(("out of memory", str(error).splitlines()[0]))
        except MethodUnavailable as error:
            pipe.send(("not present", str(error)))
        except InputError as error:
            pipe.send(("failed", str(error)))
        except Exception as error:
            pipe.send(("failed", f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"))


class _CaseServer:
    """The requests that a case answers, a method each; answers are plain values."""

    def __init__(self, case: Case, settings: ProfileSettings) -> None:
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

        result = warm_up(self.loaded.call, self.clock, self.settings.warm_up_seconds, self.settings.patience)
        self.seconds_per_call = result.seconds_per_call
        return asdict(result)

    def window(self) -> tuple[int, int, float]:
        """Calls, images and seconds of one window."""
        from bench.profile.clock import calls_per_round

        s = self.settings
        calls = calls_per_round(self.seconds_per_call, s.rounds, s.least_calls, s.least_seconds, s.most_seconds)
        return calls, calls * self.loaded.images, self.clock(self.loaded.call, calls)

    def latency(self) -> dict[str, Any]:
        """Percentiles of single calls, each synchronised."""
        import torch

        from bench.profile.clock import percentiles

        samples: list[float] = []
        deadline = time.monotonic() + min(LATENCY_SECONDS, self.settings.most_seconds)
        while len(samples) < MAX_LATENCY_SAMPLES and (time.monotonic() < deadline or len(samples) < 3):
            started = time.perf_counter()
            self.loaded.call()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            samples.append(time.perf_counter() - started)
        return percentiles(samples)

    def split(self) -> dict[str, float]:
        """Part -> seconds of one training step; `data` is the drawing of its batch between two updates."""
        from bench.data.batches import BatchesAhead
        from bench.profile.breakdown import split_step
        from bench.profile.loops import at_batch

        seconds = min(SPLIT_SECONDS, self.settings.most_seconds)
        calls = max(1, min(50, round(seconds / max(self.seconds_per_call, 1e-9))))
        draw = BatchesAhead(at_batch(self.case.config, self.case.batch_size), self.device)
        draw(0)
        # Batches are made in groups of draw.count; only whole groups share their cost evenly.
        steps = range(draw.count, (1 + -(-calls // draw.count)) * draw.count)
        drawing = 0.0
        for step in steps:
            drawing += self.clock(lambda step=step: draw(step), 1) / len(steps)  # type: ignore[misc]
            self.loaded.call()
        return {"data": drawing, **split_step(self.loaded.method, self.loaded.call, calls, self.device)}

    def memory(self) -> dict[str, int | None]:
        """Peak bytes of one call with one batch: `allocated` by tensors, `reserved` by CUDA's allocator (with the whole
        ring; None on the CPU), and `resident` in RAM, of the process."""
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
        """Parameters, MACs and FLOPs of one image, and FLOPs, bytes and images of one call."""
        from bench.data.batches import one_image, training_batch
        from bench.measure.cost import count_cost
        from bench.profile.roofline import count_demand

        optimizers = self.loaded.method.optimizers.values() if self.case.work == "training" else ()
        demand = count_demand(self.loaded.call, optimizers)
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
        from bench.profile.roofline import RATE_SECONDS, measure_rates

        return asdict(measure_rates(self.device, precision, min(RATE_SECONDS, self.settings.most_seconds)))

    def machine(self) -> dict[str, str | int]:
        """The device and the versions of the software."""
        from bench.runs.provenance import describe

        return describe(self.device)
