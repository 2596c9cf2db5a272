"""What must work on every kind of KVM: run by `test_svm_smoke` on emulated hardware KVM, and by hand anywhere.

smoke.py IMAGE        boots Python, freezes it, makes five clones, crashes a program; one line for each
"""

from __future__ import annotations

import json
import sys
import time
from typing import NoReturn

from states import explained

import ramet

LIMIT = 240.0  # seconds for one step: emulated processors are slow
EXPLAINED = 120.0  # seconds after which a step that is not done has to say what it waits for

WARM = """
import json, os
import ramet_guest
me = ramet_guest.ready()
print(json.dumps({"square": int(me.input) ** 2, "random": os.urandom(16).hex(), "id": me.id}))
"""

CRASH = "import ctypes; ctypes.string_at(0)"


def fail(message: str) -> NoReturn:
    print(f"smoke: {message}", flush=True)
    sys.exit(1)


def ended(vm: ramet.VM) -> ramet.Result:
    with explained(f"{vm.name} has not ended", EXPLAINED):
        return vm.communicate(timeout=LIMIT)


def said(vm: ramet.VM) -> bytes:
    result = ended(vm)
    if result.status != 0:
        fail(f"{vm.name} ended with {result.status} ({result.reason}): {result.stderr}")
    return bytes(result.stdout)


def main(image: str) -> None:
    start = time.monotonic()

    def report(what: str) -> None:
        print(f"smoke: {time.monotonic() - start:6.1f} s  {what}", flush=True)

    with ramet.run(image, ["python3", "-c", "print(6 * 7)"]) as vm:
        output = said(vm)
        if output != b"42\n":
            fail(f"python printed {output!r}")
    report("python booted and computed")

    with explained("nothing is frozen", EXPLAINED):
        template = ramet.freeze(image, ["python3", "-c", WARM], timeout=LIMIT)
    with template:
        report("frozen")
        answers = []
        for number in range(5):
            with explained(f"clone {number} was not made", EXPLAINED):
                clone = template.clone(input=str(number))
            with clone:
                answers.append(json.loads(said(clone)))
        if [answer["square"] for answer in answers] != [0, 1, 4, 9, 16]:
            fail(f"the clones answered {answers}")
        if len({answer["random"] for answer in answers}) != 5 or len({answer["id"] for answer in answers}) != 5:
            fail("two clones are the same")
        report("five clones answered, each with its own randomness")

    with ramet.run(image, ["python3", "-c", CRASH]) as vm:
        result = ended(vm)
        if (result.status, result.reason) != (139, "signal"):
            fail(f"a null pointer ended with {result.status} ({result.reason}): {result.stderr}")
    report("a crash is a crash of the guest")

    with ramet.run(image, ["python3", "-c", "print('still here')"]) as vm:
        if said(vm) != b"still here\n":
            fail("nothing runs after the crash")
    report("and the host goes on")


if __name__ == "__main__":
    main(sys.argv[1])
