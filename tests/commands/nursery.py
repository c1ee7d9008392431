"""A process that has imported all that the verbs need, and forks a child for each call: interrupted at will, cheaply.

Run as a program it reads a JSON object a line (`words`; `delay` or `at_rename`, and `signal`) and answers with a line.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


class Nursery:
    """The side of the test: use it in a ``with`` block."""

    def __enter__(self):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_error):
        self._process.communicate()

    def call(self, words, **when):
        """Run a verb in a child; gives its exit code (negative: the signal that ended it) and the seconds it took."""
        self._process.stdin.write(json.dumps({"words": [str(word) for word in words], **when}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["exit"], answer["seconds"]


def _serve():
    from remots.cli import main

    for line in sys.stdin:
        job = json.loads(line)
        reading, writing = os.pipe()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run(main, job, writing)
        os.close(writing)
        if "delay" in job:
            time.sleep(job["delay"])
            os.kill(child, job["signal"])
            started = time.monotonic()
        with os.fdopen(reading) as modules:
            _import_all(modules.read().split())
        _, status = os.waitpid(child, 0)
        answer = {"exit": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _run(main, job, writing):
    """Run in the child, which never returns."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(silence, descriptor)
    if "at_rename" in job:
        _die_at(job["at_rename"])
    code = 1
    try:
        code = main(job["words"])
    except SystemExit as stop:
        code = stop.code
    finally:
        if "delay" not in job:
            os.write(writing, "\n".join(sys.modules).encode())
        os._exit(code)


def _die_at(number):
    """Kill this process right before its n-th renaming of a file."""
    seen = []

    def hook(event, _arguments):
        if event == "os.rename":
            seen.append(event)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _import_all(names):
    """Import here what a child had to import, so that the next one need not."""
    for name in names:
        if name not in sys.modules and not name.startswith("__"):
            try:
                importlib.import_module(name)
            except Exception as error:  # a part of a package that is no module
                sys.stderr.write(f"{name}: {error}\n")


if __name__ == "__main__":
    _serve()
