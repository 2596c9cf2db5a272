//! The load averages: how many threads ran or wanted to, in the last 1, 5 and 15 minutes, with old times counting less and less.
//!
//! Linux counts every five seconds. Here nobody is woken for that: who looks counts what has been used since the last look.

/// Fractional bits of a load (Linux: `FSHIFT`).
const SHIFT: u32 = 11;
const ONE: u64 = 1 << SHIFT;
/// Time between two of Linux's counts, ns.
const STEP: u64 = 5_000_000_000;
/// What is left of a load after a step, for each average (Linux: `EXP_1`, `EXP_5`, `EXP_15`).
const DECAY: [u64; 3] = [1884, 2014, 2037];

/// Averages as of the last look.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    averages: [u64; 3],
    at: u64,
    used: u64,
}

impl Load {
    /// At boot.
    pub const NONE: Load = Load { averages: [0; 3], at: 0, used: 0 };

    /// The averages, times 2048, at time `now` when `used` of processor time has been used in all, both in ns since boot. Less than a step after the
    /// last look they are what they were.
    pub fn look(&mut self, now: u64, used: u64) -> [u64; 3] {
        let steps = now.saturating_sub(self.at) / STEP;
        if steps == 0 {
            return self.averages;
        }
        let passed = now - self.at;
        let active = used.saturating_sub(self.used).min(passed) / (passed >> SHIFT).max(1);
        for (average, decay) in self.averages.iter_mut().zip(DECAY) {
            let left = power(decay, steps);
            // Rounded up while it rises, so that it gets there.
            let up = if active >= *average { ONE - 1 } else { 0 };
            *average = (*average * left + active * (ONE - left) + up) >> SHIFT;
        }
        (self.at, self.used) = (now, used);
        self.averages
    }
}

/// `base` to that power, both with [`SHIFT`] fractional bits.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = ONE;
    while exponent != 0 {
        if exponent & 1 != 0 {
            result = (result * base + ONE / 2) >> SHIFT;
        }
        base = (base * base + ONE / 2) >> SHIFT;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    #[test]
    fn rises_and_falls() {
        let mut load = Load::NONE;
        assert_eq!(load.look(STEP - 1, STEP - 1), [0; 3]);
        let after_a_minute = load.look(MINUTE, MINUTE);
        // 1 - 1/e, 1 - e^(-1/5), 1 - e^(-1/15).
        for (average, wanted) in after_a_minute.into_iter().zip([1295u64, 371, 132]) {
            assert!(average.abs_diff(wanted) < 20, "{after_a_minute:?}");
        }
        assert_eq!(load.look(MINUTE + 1, MINUTE + 1), after_a_minute);
        let busy = load.look(100 * MINUTE, 100 * MINUTE);
        assert!(busy.iter().all(|average| average.abs_diff(ONE) < 30), "{busy:?}");
        let idle = load.look(300 * MINUTE, 100 * MINUTE);
        assert!(idle.iter().all(|average| *average < 30), "{idle:?}");
        // More than there is, and times that run backwards, are nothing to fear.
        load.look(u64::MAX, 0);
        load.look(0, u64::MAX);
    }
}
