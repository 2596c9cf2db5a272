"""VMs through the Python API, with the fake VMM: streams, ends, control, clones, what is left behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import ramet
from ramet import registry

READY = """
if [ -z "$RAMET_DOCUMENT" ]; then echo ready > "$RAMET_DEVICE"; sleep 100; fi
printf '%s' "$RAMET_DOCUMENT"
"""


def left() -> list[str]:
    return [entry.name for entry in registry.entries()]


def test_output_status_and_nothing_left(fake_image: str) -> None:
    with ramet.run(fake_image, ["sh", "-c", "echo out; echo err >&2; exit 3"]) as vm:
        result = vm.communicate()
    assert (result.stdout, result.stderr, result.status, result.reason) == (b"out\n", b"err\n", 3, "exited")
    assert str(result.stdout) == "out\n"
    assert left() == []


def test_input(fake_image: str) -> None:
    text = b"x" * 1_000_000
    with ramet.run(fake_image, ["cat"]) as vm:
        assert vm.communicate(text).stdout == text


def test_defaults_of_the_image(fake_image: str) -> None:
    with ramet.run(fake_image) as vm:
        assert vm.communicate().stdout == b"default\n"
    with ramet.run(fake_image, ["sh", "-c", "echo $FROM_IMAGE $MINE"], env={"MINE": "too"}) as vm:
        assert vm.communicate().stdout == b"yes too\n"
        config = json.loads((vm.directory / "config.json").read_text())
        assert config["memory"] == 64 << 20


def test_signal_kill_and_states(fake_image: str) -> None:
    with ramet.run(fake_image, ["sleep", "100"], name="sleeper") as vm:
        vm.pause()
        assert vm.state == "paused"
        vm.resume()
        assert vm.state == "running"
        assert ramet.VM.find("sleeper").id == vm.id
        assert ramet.VM.find(vm.id[:6]).id == vm.id
        vm.signal(signal.SIGTERM)
        assert vm.wait(10) == 128 + 15
        assert vm.state == "exited"
    with ramet.run(fake_image, ["sleep", "100"]) as vm:
        vm.kill()
        assert vm.wait(10) == 137
        assert vm.state == "killed"


def test_timeouts(fake_image: str) -> None:
    with ramet.run(fake_image, ["sh", "-c", "echo first; sleep 0.6; echo second"]) as vm:
        with pytest.raises(ramet.TimeoutExpired) as caught:
            vm.communicate(timeout=0.3)
        assert vm.name in str(caught.value)
        assert vm.communicate().stdout == b"first\nsecond\n"
    with ramet.run(fake_image, ["sleep", "100"], timeout=0.2) as vm:
        assert vm.communicate().reason == "timeout"


def test_program_that_cannot_run(fake_image: str) -> None:
    with ramet.run(fake_image, ["/does/not/exist"]) as vm, pytest.raises(ramet.VMError, match="not found"):
        vm.communicate()
    assert left() == []


def test_unknown_image_and_bad_arguments(fake_image: str) -> None:
    with pytest.raises(ramet.ImageNotFound):
        ramet.run("no-such-image", ["true"])
    for keywords in ({"volumes": ["nonsense"]}, {"memory": "lots"}, {"name": "no/slash"}, {"env": {"A=B": "c"}}):
        with pytest.raises(ramet.UsageError):
            ramet.run(fake_image, ["true"], **keywords)
    assert left() == []


def test_names_are_unique_and_come_free(fake_image: str) -> None:
    with ramet.run(fake_image, ["sleep", "100"], name="one"):
        with pytest.raises(ramet.VMError, match="taken"):
            ramet.run(fake_image, ["true"], name="one")
        assert left() == ["one"]
    with ramet.run(fake_image, ["true"], name="one") as vm:
        assert vm.wait(10) == 0


def test_vmm_killed_from_outside(fake_image: str) -> None:
    with ramet.run(fake_image, ["sleep", "100"], name="victim") as vm:
        vm.signal(0)
        program = vm.info()["pid"]
        os.kill(vm.pid or 0, signal.SIGKILL)
        result = vm.communicate()
        assert (result.status, result.reason) == (137, "killed")
        assert program
        with pytest.raises(ramet.VMError, match="not running"):
            vm.pause()
    assert left() == []


def test_unnamed_goes_with_its_object(fake_image: str) -> None:
    vm = ramet.run(fake_image, ["sleep", "100"])
    pid = vm.info()["pid"]
    del vm
    gc.collect()
    assert left() == []
    assert registry.process.start_time(pid) is None


def test_goes_when_python_ends(fake_image: str) -> None:
    """Without a name: no process and no directory of it stays, however Python comes to its end."""
    for ending, status in (("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)):
        program = f"import ramet; vm = ramet.run({fake_image!r}, ['sleep', '100']); print(vm.info()['pid'])\n{ending}"
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done.stderr
        assert registry.process.start_time(int(done.stdout)) is None
        assert left() == []


def test_detached(fake_image: str) -> None:
    vm = ramet.run(fake_image, ["sh", "-c", "echo logged"], detach=True)
    assert vm.wait(10) == 0
    assert vm.logs() == b"logged\n"
    identifier = vm.id
    del vm
    gc.collect()
    ramet.VM.find(identifier).remove()
    assert left() == []


def test_freeze_and_clone(fake_image: str) -> None:
    with ramet.freeze(fake_image, ["sh", "-c", READY], name="warm") as template:
        assert template.state == "frozen"
        assert ramet.Template.find("warm").id == template.id
        assert [item.name for item in ramet.Template.list()] == ["warm"]
        with template.clone(input=b"hello", args=["a"], env={"K": "v"}) as vm:
            document = json.loads(vm.communicate(timeout=20).stdout)
        assert document["input"] == "hello"
        assert document["args"] == ["a"]
        assert document["env"] == {"K": "v"}
        assert document["generation"] == 1
        vms = template.clone(5)
        results = ramet.gather(vms, timeout=30)
        documents = [json.loads(result.stdout) for result in results if isinstance(result, ramet.Result)]
        assert len({document["id"] for document in documents}) == 5
        del vm, vms
    gc.collect()
    assert left() == []
    assert ramet.Template.list() == []


def test_clone_errors_are_results(fake_image: str) -> None:
    with ramet.freeze(fake_image, ["sh", "-c", READY]) as template:
        with pytest.raises(ramet.CloneError, match="refused as asked"):
            template.clone(input="refuse")
        results = template.clone(2, input="refuse")
        assert all(isinstance(result, ramet.CloneError) for result in results)
        with pytest.raises(ramet.UsageError, match="base64"):
            template.clone(input=b"\xff")
        assert len(left()) == 1


def test_clone_of_a_running_vm(fake_image: str) -> None:
    script = 'test -n "$RAMET_DOCUMENT" && echo clone && exit 0; read line; echo parent $line'
    with ramet.run(fake_image, ["sh", "-c", script]) as vm:
        with vm.clone() as copy:
            assert copy.communicate(timeout=20).stdout == b"clone\n"
        assert vm.communicate(b"goes on\n").stdout == b"parent goes on\n"


def test_paused_clone(fake_image: str) -> None:
    with ramet.freeze(fake_image, ["sh", "-c", READY]) as template, template.clone(paused=True) as vm:
        for _ in range(200):
            if vm.state == "paused":
                break
            time.sleep(0.02)
        assert vm.state == "paused"
        vm.resume()
        assert vm.communicate(timeout=20).ok


def test_freeze_of_a_program_that_ends(fake_image: str) -> None:
    with pytest.raises(ramet.VMError, match="out of luck"):
        ramet.freeze(fake_image, ["sh", "-c", "echo out of luck; exit 4"], name="never")
    assert left() == []
    assert ramet.Template.list() == []


def test_stale_directory_is_cleaned(fake_image: str) -> None:
    vm = ramet.run(fake_image, ["sleep", "100"], name="stale")
    vm.info()
    # As after a crash of the host: the directory is there, the process is not.
    os.kill(vm.pid or 0, signal.SIGKILL)
    vm.wait(10)
    assert (vm.directory / "control.sock").exists()
    ramet.VM.find("stale").remove()
    assert left() == []


def test_errors_name_the_vm(fake_image: str) -> None:
    with ramet.run(fake_image, ["sleep", "100"], name="named") as vm, pytest.raises(ramet.VMError) as caught:
        vm.remove()
    assert "named" in str(caught.value)
    with pytest.raises(ramet.VMNotFound, match="ramet ps -a"):
        ramet.VM.find("nobody")
