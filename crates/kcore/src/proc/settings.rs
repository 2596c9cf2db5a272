//! /proc/sys (sysctl(8)).

use super::source::Source;
use super::table::Kind::{Directory, File, Fixed, Setting};
use super::table::{Entry, entry};
use crate::errno::{Errno, Result};
use crate::ipc::inotify;
use alloc::format;
use alloc::vec::Vec;

fn line(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(b'\n');
    bytes
}

fn number(value: usize) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

fn set_host_name(source: &dyn Source, bytes: &[u8]) -> Result<()> {
    let name = bytes.split(|&b| b == b'\n' || b == 0).next().unwrap_or(&[]);
    if name.len() > 64 { Err(Errno::EINVAL) } else { source.set_host_name(name) }
}

pub(super) static SYS: [Entry; 4] = [
    entry("fs", Directory(&FS)),
    entry("kernel", Directory(&KERNEL)),
    entry("net", Directory(&NET)),
    entry("vm", Directory(&VM)),
];

static FS: [Entry; 11] = [
    entry("aio-max-nr", Fixed("65536\n")),
    entry("epoll", Directory(&EPOLL)),
    entry("file-max", Fixed("9223372036854775807\n")),
    entry("file-nr", Fixed("0\t0\t9223372036854775807\n")),
    entry("inotify", Directory(&INOTIFY)),
    entry("nr_open", Fixed("1048576\n")),
    entry("pipe-max-size", Fixed("1048576\n")),
    entry("protected_hardlinks", Fixed("0\n")),
    entry("protected_symlinks", Fixed("0\n")),
    entry("suid_dumpable", Fixed("0\n")),
    entry("overflowuid", Fixed("65534\n")),
];
static INOTIFY: [Entry; 3] = [
    entry("max_queued_events", File(|_| number(inotify::QUEUE_MAX))),
    entry("max_user_instances", File(|_| number(inotify::INSTANCES_MAX))),
    entry("max_user_watches", File(|_| number(inotify::WATCHES_MAX))),
];
static EPOLL: [Entry; 1] = [entry("max_user_watches", Fixed("1048576\n"))];

static KERNEL: [Entry; 24] = [
    entry("cap_last_cap", Fixed("40\n")),
    entry("core_pattern", Fixed("core\n")),
    entry("core_uses_pid", Fixed("0\n")),
    entry("domainname", Fixed("(none)\n")),
    entry("hostname", Setting(|s| line(s.host_name()), set_host_name)),
    entry("kptr_restrict", Fixed("1\n")),
    entry("msgmax", Fixed("8192\n")),
    entry("msgmnb", Fixed("16384\n")),
    entry("msgmni", Fixed("32000\n")),
    entry("ngroups_max", Fixed("65536\n")),
    entry("osrelease", File(|s| line(s.release()))),
    entry("ostype", Fixed("Linux\n")),
    entry("overflowgid", Fixed("65534\n")),
    entry("overflowuid", Fixed("65534\n")),
    entry("perf_event_paranoid", Fixed("4\n")),
    entry("pid_max", Fixed("4194304\n")),
    entry("random", Directory(&RANDOM)),
    entry("randomize_va_space", Fixed("2\n")),
    entry("sem", Fixed("32000\t1024000000\t500\t32000\n")),
    entry("shmall", Fixed("18446744073692774399\n")),
    entry("shmmax", Fixed("18446744073692774399\n")),
    entry("shmmni", Fixed("4096\n")),
    entry("threads-max", Fixed("16384\n")),
    entry("version", File(|s| line(s.version()))),
];
static RANDOM: [Entry; 5] = [
    entry("boot_id", File(|s| line(s.uuid(true).to_vec()))),
    entry("entropy_avail", Fixed("256\n")),
    entry("poolsize", Fixed("256\n")),
    entry("urandom_min_reseed_secs", Fixed("60\n")),
    entry("uuid", File(|s| line(s.uuid(false).to_vec()))),
];

static NET: [Entry; 2] = [entry("core", Directory(&NET_CORE)), entry("ipv4", Directory(&NET_IPV4))];
static NET_CORE: [Entry; 3] = [
    entry("rmem_max", Fixed("212992\n")),
    entry("somaxconn", Fixed("4096\n")),
    entry("wmem_max", Fixed("212992\n")),
];
static NET_IPV4: [Entry; 2] =
    [entry("ip_local_port_range", Fixed("32768\t60999\n")), entry("tcp_max_syn_backlog", Fixed("4096\n"))];

static VM: [Entry; 9] = [
    entry("max_map_count", Fixed("65530\n")),
    entry("min_free_kbytes", Fixed("0\n")),
    entry("mmap_min_addr", File(|_| format!("{}\n", crate::exec::layout::MMAP_MIN).into_bytes())),
    entry("nr_hugepages", Fixed("0\n")),
    entry("overcommit_memory", Fixed("1\n")),
    entry("overcommit_ratio", Fixed("50\n")),
    entry("page-cluster", Fixed("0\n")),
    entry("swappiness", Fixed("0\n")),
    entry("vfs_cache_pressure", Fixed("100\n")),
];
