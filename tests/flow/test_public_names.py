"""What ``import wardmote`` gives, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import wardmote

POOL = "ARROW_DEFAULT_MEMORY_POOL"


def test_every_public_name_is_there_and_no_other() -> None:
    assert sorted(wardmote._HOME) == sorted(wardmote.__all__)
    for name in wardmote.__all__:
        assert getattr(wardmote, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        wardmote.nonsense  # noqa: B018  # the look-up itself is what is tested


def test_the_import_alone_loads_nothing_heavy() -> None:
    code = "import sys, wardmote; print(*{name.partition('.')[0] for name in sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "pandas", "pyarrow", "pydantic", "typer", "rich"} & set(out.split())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the pool is chosen on Linux alone")
@pytest.mark.parametrize(("told", "used"), [("", "system"), ("mimalloc", "mimalloc")])
def test_the_command_line_takes_memory_of_the_system_unless_told_otherwise(told: str, used: str) -> None:
    code = (
        "from wardmote.__main__ import use_memory_of_the_system as use\n"
        "use()\n"
        "import pyarrow\n"
        "print(pyarrow.default_memory_pool().backend_name)"
    )
    others = {name: value for name, value in os.environ.items() if name != POOL}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**others, **({POOL: told} if told else {})},
    )
    assert done.stdout.strip() == used


def test_an_interrupt_during_the_first_imports_is_told() -> None:
    code = (
        "import builtins, runpy\n"
        "real = builtins.__import__\n"
        "def interrupted(name, *rest, **more):\n"
        "    if name == 'typer':\n"
        "        raise KeyboardInterrupt\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = interrupted\n"
        "runpy.run_module('wardmote', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "run"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Stopped before anything began.\n")
