use super::*;
use std::cell::Cell;
use std::convert::Infallible;
use std::thread::sleep;
use std::time::Duration;

fn page() -> TimePage {
    // SAFETY: TimePage consists of integers, for which zeros are valid.
    unsafe { std::mem::zeroed() }
}

fn host() -> Result<u64, Infallible> {
    Ok(host_tsc())
}

/// What a guest computes from the page.
fn shown_by(page: &TimePage, clock: usize, tsc: u64) -> u64 {
    let ticks = tsc.wrapping_sub(page.tsc.load(Relaxed));
    let base = &page.clocks[clock];
    let fraction = base.fraction.load(Relaxed);
    assert!(fraction >> 32 < SECOND);
    let ns = (u128::from(ticks) * u128::from(page.multiplier.load(Relaxed)) + u128::from(fraction)) >> 32;
    base.seconds.load(Relaxed) * SECOND + ns as u64
}

fn shown(page: &TimePage, tsc: u64) -> u64 {
    shown_by(page, time::MONOTONIC, tsc)
}

#[test]
fn the_page_shows_each_of_the_hosts_clocks() {
    let page = page();
    let Ok(clock) = Clock::new(3_000_000_000, host);
    clock.publish(&page);
    for (base, id) in [
        (time::MONOTONIC, libc::CLOCK_MONOTONIC),
        (time::REALTIME, libc::CLOCK_REALTIME),
        (time::BOOTTIME, libc::CLOCK_BOOTTIME),
    ] {
        let (before, shown) = (now(id), shown_by(&page, base, page.tsc.load(Relaxed)));
        // The anchor is older than `before`, by what this test has been kept waiting.
        assert!(shown <= before + 1_000_000 && before - shown < 5 * SECOND, "{id}: {shown} at {before}");
    }
}

#[test]
fn never_goes_backwards_and_stays_close() {
    let page = page();
    // A frequency that is wrong by 0.1 %: the worst that a calibration of the kernel could be.
    let (t0, m0) = anchor();
    sleep(Duration::from_millis(50));
    let (t1, m1) = anchor();
    let hz = (u128::from(t1 - t0) * 1_001_000_000 / u128::from(m1 - m0)) as u64;
    let Ok(mut clock) = Clock::new(hz, host);
    assert!(!clock.is_own());
    let mut last = 0;
    for _ in 0..5 {
        clock.update(&page);
        for _ in 0..1000 {
            let shown = clock.shown_at(host_tsc());
            assert!(shown >= last);
            last = shown;
        }
        sleep(Duration::from_millis(10));
    }
    let off = monotonic() as i64 - clock.shown_at(host_tsc()) as i64;
    assert!(off.abs() < 1_000_000, "off by {off} ns");
    assert_eq!(page.sequence.load(Relaxed) % 2, 0);
}

/// A counter as KVM makes it on a host whose own is unstable, in simulated time: it stands still outside the guest and catches up
/// at entries (or does not, with `lossy`), and starts anywhere.
struct Unstable {
    /// ns.
    now: u64,
    base: u64,
    counter: u64,
    lossy: bool,
}

/// Ticks per ns, times 1000: a little more than the nominal 3.
const RATE: u64 = 3001;

impl Unstable {
    fn run(&mut self, ns: u64) {
        if !self.lossy {
            self.counter = self.counter.max(self.base + self.now * 3);
        }
        self.counter += ns * RATE / 1000;
        self.now += ns;
    }
}

/// A guest that runs and exits, at random; returns the clock's worst error in the second half, ns.
fn simulate(lossy: bool) -> i64 {
    const START: u64 = 1 << 40;
    let page = page();
    let mut machine = Unstable { now: 0, base: 77_000, counter: 77_000, lossy };
    let Ok(mut clock) = Clock::new(3_000_000_000, || Ok::<_, Infallible>(machine.counter));
    assert!(clock.is_own());
    // Simulated time for the real one that the constructor has read.
    (clock.first, clock.monotonic) = ((machine.counter, START), START);
    clock.own = Some(Readings::none(START));
    clock.publish(&page);
    let (mut last, mut worst, mut seed) = (0, 0i64, 12345u64);
    for step in 0..4000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        for part in 0..3 {
            machine.run(if part == 0 { 0 } else { random % 2_000_000 });
            let time = shown(&page, machine.counter);
            assert!(time >= last, "backwards by {} ns at step {step}", last - time);
            last = time;
            if step > 2000 && part > 0 {
                worst = worst.max((START + machine.now).abs_diff(time) as i64);
            }
        }
        // The exit, and time outside.
        let delay = if random % 7 == 0 { random % 3_000_000 } else { 20_000 };
        machine.now += delay;
        clock.observe(&page, machine.counter, START + machine.now);
        machine.now += random % 500_000;
    }
    worst
}

#[test]
fn a_counter_that_stands_still_and_catches_up_tells_the_time() {
    let worst = simulate(false);
    assert!(worst < 2_000_000, "off by {worst} ns");
}

#[test]
fn a_counter_that_loses_ticks_tells_the_time_roughly() {
    let worst = simulate(true);
    assert!(worst < 150_000_000, "off by {worst} ns");
}

#[test]
fn a_host_that_loses_its_counter_and_a_clone_go_on_without_a_jump_back() {
    let page = page();
    let Ok(mut clock) = Clock::new(3_000_000_000, host);
    clock.publish(&page);
    let counter = Cell::new(host_tsc() + 300_000_000);
    let before = shown(&page, counter.get());
    let Ok(()) = clock.refresh(&page, || Ok::<_, Infallible>(counter.get()));
    assert!(clock.is_own() && shown(&page, counter.get()) >= before);
    // A clone, whose counter starts at zero.
    counter.set(counter.get() + 30_000_000);
    let before = shown(&page, counter.get());
    let Ok(()) = clock.stop(|| Ok::<_, Infallible>(counter.get()));
    let Ok(()) = clock.restart(&page, || Ok::<_, Infallible>(5));
    assert!(
        clock.is_own() && shown(&page, 5) >= before && shown(&page, 3_000_000_005) > before + 900_000_000
    );
    // And one on a host where the counter is good again.
    let before = shown(&page, 100);
    let Ok(()) = clock.stop(|| Ok::<_, Infallible>(100));
    let Ok(()) = clock.restart(&page, host);
    assert!(!clock.is_own() && shown(&page, host_tsc()) >= before);
}
