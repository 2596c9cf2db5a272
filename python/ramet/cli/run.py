"""``ramet run``.

Without ``-d``, ``-t`` and ``--rm`` this process *becomes* the VMM (``execv``): nothing of Python stays beside the VM,
and signals, job control and the exit status need nobody in between. With ``-t`` and ``--rm`` it stays as the parent,
to restore the terminal and to remove the VM's directory.
"""

from __future__ import annotations

import os
import signal
import sys

from ramet import registry
from ramet.cli.options import environment, program, seconds
from ramet.errors import HostError, UsageError, VMError
from ramet.launch import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ramet.registry import Entry

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    add("--rm", action="store_true", help="remove the VM when it has ended")
    add("-i", "--interactive", action="store_true", help="with -d: keep standard input (else it is always connected)")
    add("-t", "--tty", action="store_true", help="give the program a terminal")
    add("-d", "--detach", action="store_true", help="print the VM's id and leave it running; output goes to its log")
    add("--name", metavar="NAME", help="a unique name for the VM")
    add("-m", "--memory", metavar="SIZE", help="limit of its RAM, as 256M or 1G (default: the image's, else 512M)")
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="set a variable (repeatable)")
    add("-w", "--workdir", metavar="DIR", help="working directory of the program")
    add("-u", "--user", metavar="USER", help="uid[:gid] or a name of the image")
    add(
        "-v",
        "--volume",
        metavar="HOST:GUEST[:ro]",
        action="append",
        default=[],
        help="a directory or a file of the host (repeatable)",
    )
    add("--hostname", metavar="NAME", help="the host name that the program sees")
    add("--timeout", metavar="SECONDS", type=seconds, help="end the VM after this time, with status 124")
    add("--max-clones", metavar="N", type=int, help="most processes that the program may have beside itself")
    add(
        "--session-memory",
        metavar="SIZE",
        help="limit of the RAM of all its processes' VMs together (default: twice the host's memory)",
    )
    add("--strace", action="store_true", help="trace system calls to standard error")
    add("--no-patch", action="store_true", help="let every system call trap instead of patching its site")
    add("image", metavar="IMAGE", help="name or digest (`ramet images`)")
    add("command", metavar="CMD [ARG...]", nargs=_REMAINDER, help="what to run (default: the image's command)")


_REMAINDER = "..."  # argparse.REMAINDER


def run(options: Namespace) -> int:
    """Runs the VM; returns the exit status, or does not return."""
    if options.detach and options.tty:
        raise UsageError("a detached VM has no terminal", hint="leave out -t or -d")
    entry, command = prepare(
        options.image,
        program(options.command),
        env=environment(options.env),
        cwd=options.workdir,
        user=options.user,
        memory=options.memory,
        volumes=options.volume,
        name=options.name,
        hostname=options.hostname,
        timeout=options.timeout,
        max_clones=options.max_clones,
        session_memory=options.session_memory,
        tty=options.tty,
        strace=options.strace,
        patch_syscalls=not options.no_patch,
        detached=options.detach,
        remove=options.rm,
    )
    if options.detach:
        return _detached(entry, command, keep_input=options.interactive, remove=options.rm)
    if options.tty or options.rm:
        from ramet.cli.foreground import supervise

        try:
            return supervise(command, tty=options.tty)
        finally:
            if options.rm:
                registry.discard(entry)
    return _become(entry, command)


def _become(entry: Entry, command: list[str]) -> int:
    # Python ignores SIGPIPE and SIGXFSZ, and ignored signals stay ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(command[0], command)
    except OSError as error:
        registry.discard(entry)
        raise HostError(f"cannot start the VMM {command[0]}: {error.strerror}", hint="see `ramet doctor`") from error


def _detached(entry: Entry, command: list[str], *, keep_input: bool, remove: bool) -> int:
    from ramet.cli.background import start

    try:
        start(entry, command, keep_input=keep_input, remove=remove)
    except VMError as error:
        registry.remove(entry, force=True)
        print(f"ramet: {error}", file=sys.stderr)
        return getattr(error, "status", 125)
    except BaseException:
        registry.discard(entry)
        raise
    try:
        print(entry.id, flush=True)
    except OSError as error:
        # Nobody knows of it: it is not left behind.
        registry.remove(entry, force=True)
        raise HostError(
            f"VM {entry.id} was ended: its id could not be written to standard output: {error.strerror}",
            hint="give it a --name, and standard output a place to go",
        ) from error
    return 0
