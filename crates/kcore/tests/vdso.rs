//! The vDSO, loaded into this process behind a time page of our own.

use ramet_abi::time::{self, TimePage};
use ramet_kcore::clock::{WallClock, read as read_page};
use ramet_kcore::exec::elf::{Role, parse};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

#[path = "../../kernel/build_vdso.rs"]
mod build_vdso;

const PAGE: usize = 4096;
/// Nanoseconds of a second, times 2^32.
const SECOND: u128 = 1_000_000_000 << 32;

type ClockGettime = unsafe extern "C" fn(i32, *mut libc::timespec) -> i32;
type GetTimeOfDay = unsafe extern "C" fn(*mut libc::timeval, *mut [i32; 2]) -> i32;
type Time = unsafe extern "C" fn(*mut i64) -> i64;
type GetCpu = unsafe extern "C" fn(*mut u32, *mut u32, *mut u8) -> i32;

/// What the page holds.
#[derive(Clone, Copy)]
struct Anchor {
    tsc: u64,
    multiplier: u64,
    /// By the page's numbers; ns times 2^32.
    clocks: [u128; time::CLOCKS],
}

struct Loaded {
    page: &'static TimePage,
    image: usize,
    bytes: Vec<u8>,
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

impl Loaded {
    fn new() -> Loaded {
        let out = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&out).unwrap();
        let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel");
        let bytes = std::fs::read(build_vdso::build_vdso(&kernel, &out)).unwrap();
        assert!(bytes.len() <= PAGE);
        // SAFETY: a fresh anonymous mapping of two pages; the image fits into the second one, the time page is
        // plain data that is valid when zero, and the mapping is never removed.
        unsafe {
            let both = libc::mmap(
                std::ptr::null_mut(),
                2 * PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(both, libc::MAP_FAILED);
            let image = both.cast::<u8>().add(PAGE);
            image.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            assert_eq!(libc::mprotect(image.cast(), PAGE, libc::PROT_READ | libc::PROT_EXEC), 0);
            let loaded = Loaded { page: &*both.cast::<TimePage>(), image: image as usize, bytes };
            loaded.set(&anchor());
            loaded
        }
    }

    /// As the VMM does it.
    fn set(&self, anchor: &Anchor) {
        let page = self.page;
        page.sequence.fetch_add(1, Ordering::AcqRel);
        std::sync::atomic::fence(Ordering::SeqCst);
        page.tsc.store(anchor.tsc, Ordering::Relaxed);
        page.multiplier.store(anchor.multiplier, Ordering::Relaxed);
        for (base, time) in page.clocks.iter().zip(anchor.clocks) {
            base.seconds.store((time / SECOND) as u64, Ordering::Relaxed);
            base.fraction.store((time % SECOND) as u64, Ordering::Relaxed);
        }
        page.sequence.fetch_add(1, Ordering::Release);
    }

    /// The address of a dynamic symbol, found as a C library finds it: through the hash table's symbol count.
    fn symbol(&self, name: &str) -> usize {
        let b = &self.bytes;
        let dynamic =
            (0..).map(|i| 64 + 56 * i).find(|&h| half(b, h) == 2).map(|h| word(b, h + 8) as usize).unwrap();
        let entry = |tag: u64| {
            (0..)
                .map(|i| dynamic + 16 * i)
                .take_while(|&at| word(b, at) != 0)
                .find(|&at| word(b, at) == tag)
                .map(|at| word(b, at + 8) as usize)
        };
        for relocation in [7, 17, 23, 0x16] {
            assert_eq!(entry(relocation), None, "the vDSO has relocations");
        }
        let (hash, strings, symbols) = (entry(4).unwrap(), entry(5).unwrap(), entry(6).unwrap());
        assert!(entry(0x6fff_fef5).is_some() && entry(0x6fff_fffc).is_some());
        for i in 0..half(b, hash + 4) as usize {
            let symbol = symbols + 24 * i;
            let at = strings + half(b, symbol) as usize;
            let end = at + b[at..].iter().position(|&c| c == 0).unwrap();
            if &b[at..end] == name.as_bytes() {
                return self.image + word(b, symbol + 8) as usize;
            }
        }
        panic!("{name} is missing");
    }

    fn clock_gettime(&self) -> ClockGettime {
        // SAFETY: the symbol is this function, in executable memory that stays.
        unsafe { std::mem::transmute(self.symbol("__vdso_clock_gettime")) }
    }
}

fn tsc() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

fn host(clock: i32) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn anchor() -> Anchor {
    let (tsc_then, then) = (tsc(), host(1));
    std::thread::sleep(std::time::Duration::from_millis(50));
    let (tsc_now, now) = (tsc(), host(1));
    Anchor {
        tsc: tsc_now,
        multiplier: ((u128::from(now - then) << 32) / u128::from(tsc_now - tsc_then)) as u64,
        clocks: [now, now + host(0) - host(1), now + host(7) - host(1)].map(|ns| u128::from(ns) << 32),
    }
}

fn read(function: ClockGettime, clock: i32) -> Result<u64, i32> {
    let mut time = libc::timespec { tv_sec: -1, tv_nsec: -1 };
    // SAFETY: `function` is clock_gettime and `time` outlives the call.
    match unsafe { function(clock, &mut time) } {
        0 => {
            assert!((0..1_000_000_000).contains(&time.tv_nsec));
            Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
        }
        error => Err(error),
    }
}

#[test]
fn is_an_image_that_the_loader_takes() {
    let loaded = Loaded::new();
    let elf = parse(&loaded.bytes[..], Role::Interpreter).unwrap();
    assert!(elf.position_independent && elf.segments.len() == 1 && elf.span() == PAGE as u64);
    let protection = elf.segments[0].protection;
    assert!(protection.read && protection.execute && !protection.write);
}

#[test]
fn agrees_with_the_hosts_clocks() {
    let loaded = Loaded::new();
    let function = loaded.clock_gettime();
    const SLACK: u64 = 5_000_000;
    for (clock, host_clock) in [(0, 0), (1, 1), (4, 1), (5, 0), (6, 1), (7, 7), (11, 0), (2, 2), (3, 3)] {
        let before = host(host_clock);
        let time = read(function, clock).unwrap();
        let after = host(host_clock);
        assert!(
            before - SLACK.min(before) <= time && time <= after + SLACK,
            "{clock}: {before} {time} {after}"
        );
    }
    for bad in [10, 12, 31, 32, 33, 64, i32::MAX] {
        assert_eq!(read(function, bad), Err(-libc::EINVAL), "{bad}");
    }
    let expected = read_page(loaded.page, WallClock::Monotonic, tsc);
    assert!(read(function, 1).unwrap() - expected < SLACK);
}

#[test]
fn carries_into_the_seconds() {
    let loaded = Loaded::new();
    let function = loaded.clock_gettime();
    let start = anchor();
    for (ns, waited) in [(999_999_999u128, 0u64), (0, 0), (999_999_999, 3), (500_000_000, 4000)] {
        // A clock that stands still: `waited` seconds after its anchor.
        let then = tsc();
        let multiplier = if waited == 0 { 0 } else { start.multiplier };
        let time = (7 * 1_000_000_000 + ns) << 32;
        loaded.set(&Anchor { tsc: then, multiplier, clocks: [time; time::CLOCKS] });
        if waited != 0 {
            let ticks = (u128::from(waited) * SECOND / u128::from(multiplier)) as u64;
            loaded.page.tsc.store(then - ticks, Ordering::Relaxed);
        }
        for clock in [0, 1, 7] {
            let shown = read(function, clock).unwrap();
            let least = (7 + waited) * 1_000_000_000 + ns as u64;
            let off = shown as i64 - least as i64;
            assert!((-1000..5_000_000_000).contains(&off) && (waited != 0 || off == 0), "{clock}: {off}");
            let kernels = read_page(loaded.page, WallClock::Monotonic, tsc);
            assert!(waited != 0 || kernels == shown);
        }
    }
}

#[test]
fn the_other_functions() {
    let loaded = Loaded::new();
    // SAFETY: the symbols are these functions, in executable memory that stays; the pointers are valid or null.
    unsafe {
        let getres: ClockGettime = std::mem::transmute(loaded.symbol("__vdso_clock_getres"));
        assert_eq!((read(getres, 1), read(getres, 6), read(getres, 99)), (Ok(1), Ok(4_000_000), Err(-22)));
        assert_eq!(getres(0, std::ptr::null_mut()), 0);
        let gettimeofday: GetTimeOfDay = std::mem::transmute(loaded.symbol("gettimeofday"));
        let (mut value, mut zone) = (libc::timeval { tv_sec: 0, tv_usec: 0 }, [1, 1]);
        assert_eq!(gettimeofday(&mut value, &mut zone), 0);
        assert_eq!(gettimeofday(std::ptr::null_mut(), std::ptr::null_mut()), 0);
        assert!(zone == [0, 0] && (0..1_000_000).contains(&value.tv_usec));
        let time: Time = std::mem::transmute(loaded.symbol("__vdso_time"));
        let mut seconds = 0;
        assert_eq!(time(&mut seconds), seconds);
        assert!((seconds - value.tv_sec) as u64 <= 1);
        assert!((seconds - libc::time(std::ptr::null_mut())).abs() <= 1);
        let getcpu: GetCpu = std::mem::transmute(loaded.symbol("__vdso_getcpu"));
        let (mut cpu, mut node) = (9, 9);
        assert_eq!((getcpu(&mut cpu, &mut node, std::ptr::null_mut()), cpu, node), (0, 0, 0));
    }
}

#[test]
fn never_runs_backwards_under_a_writer() {
    let loaded = Loaded::new();
    let function = loaded.clock_gettime();
    let first = anchor();
    loaded.set(&first);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The same line through other points, so that a torn anchor would show. The fraction is exact: no rounding.
            while !stop.load(Ordering::Relaxed) {
                let now = tsc();
                let passed = u128::from(now - first.tsc) * u128::from(first.multiplier);
                loaded.set(&Anchor { tsc: now, clocks: first.clocks.map(|time| time + passed), ..first });
                std::thread::yield_now();
            }
        });
        let mut last = read(function, 1).unwrap();
        for _ in 0..300_000 {
            let time = read(function, 1).unwrap();
            assert!(time >= last, "{time} after {last}");
            last = time;
        }
        stop.store(true, Ordering::Relaxed);
    });
}
