//! The part of sysfs that programs look at: processors, huge pages, an empty control group tree.

use super::table::Kind::{Directory, Fixed};
use super::table::{Entry, entry};

pub(super) static ROOT: Entry = Entry { name: "", mode: 0o555, kind: Directory(&TOP) };

static TOP: [Entry; 7] = [
    entry("block", Directory(&[])),
    entry("bus", Directory(&[])),
    entry("class", Directory(&CLASS)),
    entry("devices", Directory(&DEVICES)),
    entry("fs", Directory(&FS)),
    entry("kernel", Directory(&KERNEL)),
    entry("module", Directory(&[])),
];
static CLASS: [Entry; 2] = [entry("block", Directory(&[])), entry("net", Directory(&[]))];
static FS: [Entry; 1] = [entry("cgroup", Directory(&[]))];
static DEVICES: [Entry; 1] = [entry("system", Directory(&SYSTEM))];
static SYSTEM: [Entry; 2] = [entry("cpu", Directory(&CPU)), entry("node", Directory(&NODE))];
static CPU: [Entry; 7] = [
    entry("cpu0", Directory(&CPU0)),
    entry("isolated", Fixed("\n")),
    entry("kernel_max", Fixed("0\n")),
    entry("offline", Fixed("\n")),
    entry("online", Fixed("0\n")),
    entry("possible", Fixed("0\n")),
    entry("present", Fixed("0\n")),
];
static CPU0: [Entry; 1] = [entry("topology", Directory(&TOPOLOGY))];
static TOPOLOGY: [Entry; 8] = [
    entry("core_cpus", Fixed("1\n")),
    entry("core_cpus_list", Fixed("0\n")),
    entry("core_id", Fixed("0\n")),
    entry("core_siblings", Fixed("1\n")),
    entry("core_siblings_list", Fixed("0\n")),
    entry("physical_package_id", Fixed("0\n")),
    entry("thread_siblings", Fixed("1\n")),
    entry("thread_siblings_list", Fixed("0\n")),
];
static NODE: [Entry; 5] = [
    entry("has_cpu", Fixed("0\n")),
    entry("has_memory", Fixed("0\n")),
    entry("node0", Directory(&NODE0)),
    entry("online", Fixed("0\n")),
    entry("possible", Fixed("0\n")),
];
static NODE0: [Entry; 3] =
    [entry("cpulist", Fixed("0\n")), entry("cpumap", Fixed("1\n")), entry("distance", Fixed("10\n"))];
static KERNEL: [Entry; 1] = [entry("mm", Directory(&MM))];
static MM: [Entry; 2] =
    [entry("hugepages", Directory(&[])), entry("transparent_hugepage", Directory(&TRANSPARENT))];
static TRANSPARENT: [Entry; 4] = [
    entry("defrag", Fixed("always defer defer+madvise [madvise] never\n")),
    entry("enabled", Fixed("[always] madvise never\n")),
    entry("hpage_pmd_size", Fixed("2097152\n")),
    entry("shmem_enabled", Fixed("always within_size advise [never] deny force\n")),
];
