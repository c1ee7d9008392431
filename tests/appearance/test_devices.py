import platform
import subprocess
import sys

import pytest

from remots.appearance.devices import keep_memory

FAULTS = """
import resource
import numpy as np
from remots.appearance.devices import keep_memory

def pages_cleared():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.empty(64 * 2**20, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = pages_cleared()
assert keep_memory()
pages_cleared()
print(before, pages_cleared())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back at once")
def test_memory_that_is_kept_is_not_cleared_anew_by_the_system():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert after < before / 100


@pytest.mark.parametrize(
    ("name", "value"), [("MALLOC_MMAP_MAX_", "65536"), ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1048576")]
)
def test_malloc_set_by_hand_is_left_as_it_is(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not keep_memory()


def test_no_other_c_library_is_touched(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_memory()
