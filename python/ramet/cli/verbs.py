"""The verbs, in the order of ``ramet -h``."""

from __future__ import annotations

__all__ = ["VERBS", "Verb"]


class Verb:
    """Where a verb is done.

    ``runs_program``: its failures have the statuses of `ramet run` (125). ``splits``: what follows `--` is not its own.
    """

    __slots__ = ("configure", "help", "module", "run", "runs_program", "splits")

    def __init__(
        self, module: str, help: str, *, name: str = "", runs_program: bool = False, splits: bool = False
    ) -> None:
        self.module = module
        self.help = help
        self.configure = f"configure_{name}" if name else "configure"
        self.run = f"run_{name}" if name else "run"
        self.runs_program = runs_program
        self.splits = splits


VERBS = {
    "build": Verb("build", "Build an image from Debian packages, directories, OCI images and pip packages."),
    "images": Verb("images", "List the images.", name="images"),
    "rmi": Verb("images", "Remove images.", name="rmi"),
    "inspect": Verb("inspect", "Show everything known about an image, a VM or a template, as JSON."),
    "run": Verb("run", "Run a program of an image in a new VM.", runs_program=True),
    "exec": Verb("exec", "Run one more program in a running VM.", runs_program=True),
    "ps": Verb("ps", "List the VMs."),
    "logs": Verb("logs", "Show the output of a detached VM."),
    "wait": Verb("wait", "Wait until a VM ends; exit with its status."),
    "kill": Verb("control", "Send a signal to the program of a VM, or end the VM.", name="kill"),
    "pause": Verb("control", "Stop the CPU of a VM.", name="pause"),
    "resume": Verb("control", "Let a paused VM go on.", name="resume"),
    "rm": Verb("rm", "Remove VMs that have ended."),
    "freeze": Verb("freeze", "Freeze a VM into a template."),
    "template": Verb("template", "List or remove templates."),
    "clone": Verb("clone", "Make independent copies of a VM or a template.", splits=True),
    "reset": Verb("reset", "Take a clone back to the state in which it began.", splits=True),
    "tree": Verb("tree", "Show templates, their clones and the processes of each VM, with their memory."),
    "top": Verb("top", "Show VMs live: processor time, memory of their own and shared, lineage.", name="top"),
    "stats": Verb("top", "Show once what VMs use.", name="stats"),
    "doctor": Verb("doctor", "Say whether this host can run Ramet, how fast, and what to do."),
    "bench": Verb("bench", "Measure Ramet beside native processes."),
}
