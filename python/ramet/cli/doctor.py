"""``ramet doctor``."""

from __future__ import annotations

from ramet.cli.output import add_json, print_json, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["configure", "run"]

_KINDS = {
    "vmx": "hardware (Intel VT-x)",
    "svm": "hardware (AMD-V)",
    "software": "software (no VT-x or AMD-V: programs run at full speed, every exit costs tens of microseconds)",
}


def configure(parser: object) -> None:
    """Adds the options."""
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints what it found; status 1 if VMs do not run here."""
    from ramet.doctor import examine

    document = examine()
    if options.json:
        print_json(document)
        return 0 if document["ok"] else 1
    host, kvm = document["host"], document["kvm"]
    print(f"host     Linux {host['kernel']}, {host['cpu']}, {host['cores']} CPUs, {size(host['memory'])}")
    if kvm.get("kvm"):
        print(f"KVM      {_KINDS.get(kvm.get('kind'), kvm.get('kind'))}")
        if kvm.get("exit_seconds"):
            print(f"exit     {kvm['exit_seconds'] * 1e6:.1f} µs to the VMM and back")
    else:
        print(f"KVM      unusable: {kvm.get('error')}")
    print(f"VMM      {document['vmm'] or 'missing'}")
    print(f"kernel   {document['kernel'] or 'missing'}")
    for name, path in document["tools"].items():
        print(f"{name:<10} {path or 'missing'}")
    if document["state"]:
        print(f"state    {document['state']['data']}, {document['state']['run']}")
    print("\nThis host runs Ramet." if document["ok"] else "\nThis host does not run Ramet yet.")
    for item in document["advice"]:
        print(f"- {item}")
    return 0 if document["ok"] else 1
