#!/usr/bin/env python3
"""A VMM without a VM: keeps to docs/spec/control.md, and runs the program as a process of the host.

For the tests of the Python side alone. Inside, `$RAMET_DEVICE` stands for /dev/ramet: writing `ready` there is noted. A
clone is the same program started anew with its document in `$RAMET_DOCUMENT`.
"""

import array
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path


def start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Vmm:
    def __init__(self, config: dict) -> None:
        self.config = config
        self.directory = Path(config["directory"])
        self.clone = config.pop("_clone", None)
        self.state = "running"
        self.generation = self.clone["generation"] if self.clone else 0
        self.ready = threading.Event()
        self.over = threading.Event()
        self.killed = False
        self.child: subprocess.Popen[bytes] | None = None
        self.started = threading.Event()
        self.pending: list[int] = []
        self.status_pipe = int(os.environ.pop("FAKE_STATUS_PIPE", "-1"))

    def run(self) -> int:
        config = self.config
        pid = os.getpid()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.directory / "control.sock"))
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()
        device = self.directory / "device"
        os.mkfifo(device)
        threading.Thread(target=self.watch_device, args=(device,), daemon=True).start()
        self.write(
            "vmm.json",
            {
                "pid": pid,
                "start_time": start_time(pid),
                "role": "vm",
                "parent": self.clone and self.clone["parent"],
                "generation": self.generation,
                "created": time.time(),
            },
        )
        environment = dict(item.split("=", 1) for item in config["env"])
        environment["RAMET_DEVICE"] = str(device)
        if self.clone:
            environment["RAMET_DOCUMENT"] = json.dumps(self.clone["document"])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, self.hand_on)
        command = config["args"]
        if self.clone and self.clone["document"].get("paused"):
            command = ["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *command]
            self.state = "paused"
        try:
            self.child = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=die_with_parent)
        except FileNotFoundError:
            return self.end(127, "failed", message=f"{config['args'][0]}: not found")
        except PermissionError:
            return self.end(126, "failed", message=f"{config['args'][0]}: not executable")
        self.started.set()
        for number in self.pending:
            self.child.send_signal(number)
        try:
            status = self.child.wait(config.get("timeout"))
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.end(124, "timeout")
        if self.state == "frozen":
            self.over.wait()
        if self.killed:
            return self.end(137, "killed", 9)
        if status < 0:
            return self.end(128 - status, "signal", -status)
        return self.end(status, "exited")

    def hand_on(self, number: int, _frame: object) -> None:
        if self.started.is_set():
            self.child.send_signal(number)
        else:
            self.pending.append(number)

    def end(self, status: int, reason: str, number: int | None = None, message: str | None = None) -> int:
        self.started.set()
        document = {"status": status, "reason": reason, "signal": number, "ended": time.time()}
        if message:
            document["message"] = message
            print(f"ramet-vmm: {message}", file=sys.stderr)
        self.write("exit.json", document)
        if self.status_pipe >= 0:
            os.write(self.status_pipe, json.dumps(document).encode() + b"\n")
        (self.directory / "control.sock").unlink()
        self.ended = document
        self.over.set()
        time.sleep(0.01)  # lets `wait` answer
        return status

    def write(self, name: str, document: dict) -> None:
        path = self.directory / name
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(document))
        temporary.rename(path)

    def watch_device(self, device: Path) -> None:
        while True:
            with open(device) as file:
                if "ready" in file.read():
                    self.ready.set()

    def serve(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        buffer, descriptors = b"", array.array("i")
        with connection, contextlib.suppress(OSError):
            while True:
                while b"\n" not in buffer:
                    data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(64))
                    for _level, _kind, rights in ancillary:
                        descriptors.frombytes(rights[: len(rights) - len(rights) % 4])
                    if not data:
                        return
                    buffer += data
                line, _, buffer = buffer.partition(b"\n")
                request = json.loads(line)
                self.started.wait(5)
                try:
                    answer = {"ok": True, **(getattr(self, "do_" + request["op"])(request, descriptors) or {})}
                except Exception as error:
                    answer = {"ok": False, "error": str(error), "errno": None}
                for descriptor in descriptors:
                    os.close(descriptor)
                descriptors = array.array("i")
                connection.sendall(json.dumps(answer).encode() + b"\n")
                if request["op"] == "kill":
                    self.killed = True
                    self.over.set()
                    if self.child and self.child.poll() is None:
                        self.child.kill()

    def do_info(self, _request, _descriptors):
        return {
            "id": self.config["id"],
            "name": self.config["name"],
            "pid": os.getpid(),
            "state": self.state,
            "generation": self.generation,
            "parent": self.clone and self.clone["parent"],
            "ready": self.ready.is_set(),
            "uptime": 1.0,
            "first_instruction_tsc": 1,
            "program_start_tsc": int(self.child is not None),
            "memory": {"limit": self.config["memory"], "present": 0},
            "syscalls": {"sites": 0, "traps": 0, "calls": {}, "not_served": {}},
        }

    def do_signal(self, request, _descriptors):
        self.child.send_signal(request["signal"])

    def do_kill(self, _request, _descriptors):
        pass

    def do_pause(self, _request, _descriptors):
        self.child.send_signal(signal.SIGSTOP)
        self.state = "paused"

    def do_resume(self, _request, _descriptors):
        if self.state == "frozen":
            raise ValueError("the VM is frozen")
        self.child.send_signal(signal.SIGCONT)
        self.state = "running"

    def do_resize(self, _request, _descriptors):
        pass

    def do_wait_ready(self, request, _descriptors):
        limit = None if request["timeout"] is None else time.monotonic() + request["timeout"]
        while not self.ready.wait(0.01):
            if self.over.is_set():
                raise ValueError("the VM ended before it was ready")
            if limit is not None and time.monotonic() > limit:
                raise ValueError("the program did not say that it is ready")

    def do_freeze(self, _request, _descriptors):
        self.state = "frozen"
        self.child.send_signal(signal.SIGKILL)

    def do_wait(self, _request, _descriptors):
        self.over.wait()
        return self.ended

    def do_clone(self, request, descriptors):
        clone = request["clone"]
        if clone["input"] == "refuse":
            raise ValueError("refused as asked")
        config = {**self.config, "id": clone["id"], "name": clone["name"], "directory": clone["directory"]}
        config["timeout"] = clone.get("timeout")
        document = {key: clone[key] for key in ("id", "name", "args", "env", "input", "paused")}
        document["generation"] = self.generation + 1
        config["_clone"] = {"parent": self.config["id"], "generation": self.generation + 1, "document": document}
        path = Path(clone["directory"]) / "config.json"
        path.write_text(json.dumps(config))
        environment = dict(os.environ)
        pass_descriptors = []
        if len(descriptors) > 3:
            environment["FAKE_STATUS_PIPE"] = str(descriptors[3])
            pass_descriptors.append(descriptors[3])
        child = subprocess.Popen(
            [sys.executable, __file__, "run", path],
            stdin=descriptors[0],
            stdout=descriptors[1],
            stderr=descriptors[2],
            env=environment,
            pass_fds=pass_descriptors,
            start_new_session=True,
        )
        threading.Thread(target=child.wait, daemon=True).start()
        return {"pid": child.pid, "generation": self.generation + 1, "requested_tsc": 1, "forked_tsc": 2}


def main() -> int:
    if sys.argv[1:2] == ["doctor"]:
        print(json.dumps({"kvm": True, "error": None, "kind": "software", "api_version": 12, "exit_seconds": 2e-5,
                          "capabilities": {}, "advice": []}))  # fmt: skip
        return 0
    if sys.argv[1:2] == ["run"]:
        return Vmm(json.loads(Path(sys.argv[2]).read_text())).run()
    print("ramet-vmm: what?", file=sys.stderr)
    return 2


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
