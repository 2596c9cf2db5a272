//! `ramet-vmm doctor`: whether this host can run Ramet, and how well.

use crate::boot::{Measured, measure};
use crate::vm::block;
use ramet_kvm::{Host, OpenError};
use serde_json::{Map, Value, json};

/// Capabilities worth knowing, by their numbers in `linux/kvm.h`.
const CAPABILITIES: [(&str, u32); 12] = [
    ("nr_memslots", 10),
    ("ioeventfd", 36),
    ("xsave", 55),
    ("xcrs", 56),
    ("tsc_control", 60),
    ("sync_regs", 74),
    ("readonly_mem", 81),
    ("immediate_exit", 136),
    ("manual_dirty_log_protect2", 168),
    ("xsave2", 208),
    ("memory_fault_info", 232),
    ("pre_fault_memory", 236),
];

/// One JSON document, and whether Ramet can run here.
pub fn examine() -> (Value, bool) {
    block(&[crate::vm::KICK, crate::vm::TIMER]);
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => return (refusal(&error.to_string(), advice_for(&error)), false),
    };
    let measured = match measure(&host) {
        Ok(measured) => measured,
        Err(error) => {
            let advice = "KVM exists but does not run a guest: see the kernel's log (dmesg)".to_owned();
            return (refusal(&error.to_string(), vec![advice]), false);
        }
    };
    let capabilities: Map<String, Value> = CAPABILITIES
        .iter()
        .map(|(name, number)| ((*name).to_owned(), host.capability(*number).into()))
        .collect();
    let document = json!({
        "kvm": true,
        "error": null,
        "kind": kind(&measured),
        "api_version": host.api_version(),
        "exit_seconds": measured.exit.as_secs_f64(),
        "capabilities": capabilities,
        "advice": advice(&measured),
    });
    (document, true)
}

fn refusal(error: &str, advice: Vec<String>) -> Value {
    json!({
        "kvm": false,
        "error": error,
        "kind": null,
        "api_version": null,
        "exit_seconds": null,
        "capabilities": {},
        "advice": advice,
    })
}

/// Measured, except which of the two kinds of hardware: that is the CPU's.
fn kind(measured: &Measured) -> &'static str {
    if measured.is_software() {
        return "software";
    }
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = flags.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    if line.split_ascii_whitespace().any(|f| f == "svm") { "svm" } else { "vmx" }
}

fn advice_for(error: &OpenError) -> Vec<String> {
    let advice = match error {
        OpenError::Missing => {
            "Load the module (modprobe kvm_intel or kvm_amd). In a virtual machine, enable nested virtualization \
             for it; in a container, pass the device in (--device /dev/kvm)."
        }
        OpenError::Permission => {
            "Add the user to the group of /dev/kvm (sudo usermod -aG kvm USER) and log in again."
        }
        OpenError::Lacks(_) => "Use a newer kernel: Linux 5.15 or later is known to work.",
        OpenError::Open(_) | OpenError::Ioctl(_) => "See the kernel's log (dmesg).",
    };
    vec![advice.to_owned()]
}

fn advice(measured: &Measured) -> Vec<String> {
    let mut advice = Vec::new();
    if measured.is_software() {
        advice.push(format!(
            "This is software KVM: programs run at native speed, but an exit costs {:.0} µs (hardware: 1-2 µs).",
            measured.exit.as_secs_f64() * 1e6
        ));
    }
    if !measured.host_tsc {
        advice.push(
            "The host's kernel does not trust the processor's time stamp counter (dmesg says: tsc: Marking TSC unstable): KVM \
             gives each VM a counter of its own, and clocks in VMs follow the host's to about a millisecond. If the host is a \
             virtual machine itself, pass the counter through to it (-cpu host,+invtsc); on hardware see its firmware."
                .to_owned(),
        );
    }
    let huge = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if huge.is_empty() || huge.contains("[never]") {
        advice.push(
            "Transparent huge pages are off: cloning a large VM is many times slower without them. Turn them on: \
             echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
                .to_owned(),
        );
    }
    advice
}
