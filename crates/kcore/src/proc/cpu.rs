//! /proc/cpuinfo, from CPUID (SDM vol. 2, CPUID; names as Linux's `cpufeatures.h`).

use super::text::{Text, put};
use alloc::vec::Vec;

/// Registers of one CPUID leaf: EAX, EBX, ECX, EDX.
pub type Leaf = [u32; 4];

/// What cpuinfo shows.
#[derive(Clone, Default, Debug)]
pub struct CpuFacts {
    vendor: [u8; 12],
    name: Vec<u8>,
    family: u32,
    model: u32,
    stepping: u32,
    level: u32,
    cache_kib: u32,
    clflush: u32,
    physical_bits: u32,
    virtual_bits: u32,
    words: [u32; 10],
    constant_tsc: bool,
    tsc_hz: u64,
}

impl CpuFacts {
    /// Reads CPUID through `cpuid(leaf, subleaf)`. `tsc_hz`: time stamp counter ticks a second.
    pub fn read(cpuid: impl Fn(u32, u32) -> Leaf, tsc_hz: u64) -> CpuFacts {
        let [level, b, c, d] = cpuid(0, 0);
        let mut vendor = [0; 12];
        for (part, word) in vendor.chunks_exact_mut(4).zip([b, d, c]) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        let [extended, ..] = cpuid(0x8000_0000, 0);
        let basic = |leaf, subleaf| if leaf <= level { cpuid(leaf, subleaf) } else { [0; 4] };
        let more = |leaf| if leaf <= extended && extended >> 31 != 0 { cpuid(leaf, 0) } else { [0; 4] };

        let [signature, misc, c1, d1] = basic(1, 0);
        let (base_family, base_model) = (signature >> 8 & 15, signature >> 4 & 15);
        let family = base_family + if base_family == 15 { signature >> 20 & 0xff } else { 0 };
        let model = base_model + if family >= 6 { (signature >> 16 & 15) << 4 } else { 0 };
        let [seven, seven_more] = [basic(7, 0), basic(7, 1)];
        let [e1, e8] = [more(0x8000_0001), more(0x8000_0008)];
        let mut name = Vec::new();
        for leaf in 0x8000_0002..=0x8000_0004u32 {
            more(leaf).iter().for_each(|word| name.extend_from_slice(&word.to_le_bytes()));
        }
        name.retain(|&b| b != 0);
        let name = name.trim_ascii().to_vec();
        CpuFacts {
            vendor,
            name,
            family,
            model,
            stepping: signature & 15,
            level,
            cache_kib: cache(&basic).unwrap_or(more(0x8000_0006)[2] >> 16),
            clflush: (misc >> 8 & 0xff) * 8,
            physical_bits: if e8[0] == 0 { 36 } else { e8[0] & 0xff },
            virtual_bits: if e8[0] == 0 { 48 } else { e8[0] >> 8 & 0xff },
            words: [
                d1,
                e1[3],
                c1,
                e1[2],
                seven[1],
                basic(13, 1)[0],
                seven_more[0],
                e8[1],
                seven[2],
                seven[3],
            ],
            constant_tsc: more(0x8000_0007)[3] >> 8 & 1 != 0,
            tsc_hz,
        }
    }

    fn flags(&self, text: &mut Text) {
        for (word, names) in self.words.iter().zip(FLAGS) {
            for (bit, name) in names.split(' ').enumerate() {
                if name != "-" && word >> bit & 1 != 0 {
                    put!(text, " {name}");
                }
            }
        }
        if self.constant_tsc {
            put!(text, " constant_tsc nonstop_tsc");
        }
        put!(text, " nopl cpuid");
    }

    pub(super) fn cpuinfo(&self) -> Vec<u8> {
        let mut text = Text::new();
        put!(text, "processor\t: 0\nvendor_id\t: ");
        text.bytes(&self.vendor);
        put!(text, "\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: ", self.family, self.model);
        text.bytes(if self.name.is_empty() { b"unknown" } else { &self.name });
        put!(text, "\nstepping\t: {}\n", self.stepping);
        put!(text, "cpu MHz\t\t: {}.{:03}\n", self.tsc_hz / 1_000_000, self.tsc_hz / 1000 % 1000);
        put!(text, "cache size\t: {} KB\n", self.cache_kib);
        put!(text, "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: 0\n");
        put!(text, "initial apicid\t: 0\nfpu\t\t: yes\nfpu_exception\t: yes\n");
        put!(text, "cpuid level\t: {}\nwp\t\t: yes\nflags\t\t:", self.level);
        self.flags(&mut text);
        let bogomips = self.tsc_hz * 2 / 10_000;
        put!(text, "\nbugs\t\t:\nbogomips\t: {}.{:02}\n", bogomips / 100, bogomips % 100);
        put!(text, "clflush size\t: {0}\ncache_alignment\t: {0}\n", self.clflush.max(64));
        put!(
            text,
            "address sizes\t: {} bits physical, {} bits virtual\npower management:\n\n",
            self.physical_bits,
            self.virtual_bits
        );
        text.0
    }
}

/// KiB of the last-level cache (leaf 4), if the CPU tells.
fn cache(basic: &impl Fn(u32, u32) -> Leaf) -> Option<u32> {
    let mut found = None;
    for subleaf in 0..8 {
        let [a, b, c, _] = basic(4, subleaf);
        if a & 31 == 0 {
            break;
        }
        let ways = u64::from(b >> 22) + 1;
        let partitions = u64::from(b >> 12 & 0x3ff) + 1;
        let line = u64::from(b & 0xfff) + 1;
        found = Some((ways * partitions * line * (u64::from(c) + 1) / 1024) as u32);
    }
    found
}

/// Names of the bits of `words`, from bit 0; `-`: not shown.
const FLAGS: [&str; 10] = [
    "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 \
     ss ht tm ia64 pbe",
    "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow",
    "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 \
     x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor",
    "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 \
     tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc perfctr_llc mwaitx",
    "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq rdseed adx \
     smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl",
    "xsaveopt xsavec xgetbv1 xsaves",
    "- - - - avx_vnni avx512_bf16",
    "clzero irperf xsaveerptr - rdpru - - - - wbnoinvd",
    "- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme \
     avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - movdiri movdir64b enqcmd",
    "- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - serialize - tsxldtrk - pconfig \
     arch_lbr ibt - amx_bf16 avx512_fp16 amx_tile amx_int8 - - flush_l1d arch_capabilities",
];
