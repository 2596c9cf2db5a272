"""The VMs of this user, without a daemon: one directory for each, and the kernel's own list of processes.

``$XDG_RUNTIME_DIR/ramet/``

* ``vms/ID/`` is the VM's directory (``docs/spec/control.md``), with the registry's own ``record.json``;
* ``names/NAME`` is a symbolic link to ``../vms/ID``: making it *is* the check that a name is unique;
* ``templates/NAME`` likewise, for VMs that were frozen under that name;
* ``lock`` guards nothing but the replacement of stale names;
* ``removed`` and ``registry.db`` (under ``$XDG_DATA_HOME/ramet``) remember VMs that were removed: :mod:`.history`.

Every step leaves a state that ``ramet rm`` can clean: the directory is made before the name that points to it, and
goes after it. A process that is killed in between leaves a directory without a name, or a name without a directory.
"""

from ramet.registry.entry import Ended, Entry, Status
from ramet.registry.vms import create, discard, entries, find, find_any, remove, started, sweep

__all__ = [
    "Ended",
    "Entry",
    "Status",
    "create",
    "discard",
    "entries",
    "find",
    "find_any",
    "remove",
    "started",
    "sweep",
]
