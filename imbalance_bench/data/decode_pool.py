"""Chunks of files decoded by this process and, where they are many, by workers beside it.

The workers are plain Python processes that import numpy and Pillow and nothing else. multiprocessing would
fork, which threads of the caller forbid, or import the caller's main module again, which runs it twice where
it is not guarded. This process decodes while they start, so that a slow start, or a worker that dies, costs
no more than time.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence

from imbalance_bench.data.decode_chunks import Outcome, Target, fill

FEW_FILES, FEW_BYTES = 500, 2**26
"""With fewer of both, the workers' start would take longer than they save."""

_CHUNK_FILES, _CHUNK_BYTES = 64, 2**22
_AHEAD = 1 if sys.platform == "win32" else 2
"""Chunks that a worker has at hand, so that it never waits for this process. The pipes of Windows are small:
with two, each could wait for the other to read."""
_MOST_WORKERS = 15
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from imbalance_bench.data.decode_chunks import serve; serve()"
)

Chunk = tuple[int, Sequence[str]]


def fill_all(
    target: Target,
    paths: Sequence[str],
    n_bytes: int,
    told: Callable[[int, Sequence[Outcome]], bool],
    *,
    n_workers: int | None = None,
) -> list[Outcome | None]:
    """The outcome of each of `paths`, decoded into rows 0, 1, ... of the target.

    `n_bytes` is their size together. `told` is called from this thread with the number done and the outcomes
    of this process's last chunk; where it answers False the rest is left, its outcomes None. `n_workers`
    None: one less than the CPUs that this process may use. OSError where the rows can't be written.
    """
    size = max(1, min(_CHUNK_FILES, _CHUNK_BYTES // max(1, target.row_bytes)))
    chunks: deque[Chunk] = deque((i, paths[i : i + size]) for i in range(0, len(paths), size))
    if n_workers is None:
        small = len(paths) < FEW_FILES and n_bytes < FEW_BYTES
        n_workers = 0 if small else min(_cpus() - 1, _MOST_WORKERS, len(chunks) - 1)
    outcomes: list[Outcome | None] = [None] * len(paths)
    workers = [_Worker(target, chunks, outcomes) for _ in range(n_workers)]
    try:
        for worker in workers:
            worker.start()
        _work(target, chunks, outcomes, workers, told)
    finally:
        chunks.clear()
        for worker in workers:
            worker.stop()
    return outcomes


def _work(
    target: Target,
    chunks: deque[Chunk],
    outcomes: list[Outcome | None],
    workers: Sequence[_Worker],
    told: Callable[[int, Sequence[Outcome]], bool],
) -> None:
    done = 0
    while True:
        if (chunk := _next(chunks)) is not None:
            first, paths = chunk
            found = fill(target, first, paths)
            outcomes[first : first + len(paths)] = found
            done += len(paths)
        elif any(worker.is_alive() for worker in workers):
            next(worker for worker in workers if worker.is_alive()).join(0.1)
            found = []
        else:
            # A worker that died gives back what it had not answered.
            if not chunks:
                break
            continue
        for worker in workers:
            if worker.error is not None:
                raise worker.error
        if not told(done + sum(worker.done for worker in workers), found):
            break


def _next(chunks: deque[Chunk]) -> Chunk | None:
    try:
        return chunks.popleft()
    except IndexError:
        return None


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker(threading.Thread):
    """Feeds one process: takes chunks from the common queue, puts its outcomes in their places.

    done: the files it is through with. error: why rows could not be written, or None.
    """

    def __init__(self, target: Target, chunks: deque[Chunk], outcomes: list[Outcome | None]) -> None:
        super().__init__(name="imbench-decoding", daemon=True)
        self.done = 0
        self.error: OSError | None = None
        self._target, self._chunks, self._outcomes = target, chunks, outcomes
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and the thread beside it; without a process there is nothing to do."""
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        super().start()

    def run(self) -> None:
        """Until the queue is empty, the process ends, or rows can't be written."""
        pending: deque[Chunk] = deque()
        try:
            if self._process is not None:
                self._feed(self._process, pending)
        except (OSError, EOFError, pickle.UnpicklingError, ValueError):
            pass
        finally:
            self._chunks.extend(pending)

    def stop(self) -> None:
        """End the process, whatever it is doing, and the thread."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self.ident is not None:
            self.join()
        if self._process is not None and self._process.stdin and self._process.stdout:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.stdout.close()

    def _feed(self, process: subprocess.Popen[bytes], pending: deque[Chunk]) -> None:
        questions, answers = process.stdin, process.stdout
        assert questions is not None
        assert answers is not None
        pickle.dump([os.path.abspath(path) for path in sys.path], questions)
        pickle.dump(self._target, questions)
        while True:
            while len(pending) < _AHEAD and (chunk := _next(self._chunks)) is not None:
                pending.append(chunk)
                pickle.dump(chunk, questions)
            questions.flush()
            if not pending:
                return
            answer = pickle.load(answers)
            if isinstance(answer, tuple):
                self.error = OSError(*answer)
                return
            first, paths = pending.popleft()
            self._outcomes[first : first + len(paths)] = answer
            self.done += len(paths)
