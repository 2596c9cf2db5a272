//! How many clones a template makes ahead.

use super::Refusal;
use serde::Deserialize;

/// Most clones that are made ahead of one template: what the numbers of processes and descriptors of a usual host allow.
const MOST: usize = 10_000;

/// `POOL` of `docs/spec/control.md`. Unknown keys are refused.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PoolSettings {
    /// So many are ready when nobody has asked for a while.
    pub target: usize,
    /// So many at most, however many are asked for.
    pub maximum: usize,
    /// Whether they touch what the first clone has used. Of a freeze.
    #[serde(default = "yes")]
    pub working_set: bool,
}

fn yes() -> bool {
    true
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { target: 2, maximum: 64, working_set: true }
    }
}

/// What a template is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreezeSettings {
    /// Clones made ahead.
    pub pool: PoolSettings,
    /// All its clones can be reset.
    pub resettable: bool,
}

impl PoolSettings {
    /// Checks values; the text says what is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.target > self.maximum || self.maximum > MOST {
            return Err(Refusal::new(format!(
                "a pool of {} to {}: the target must not exceed the maximum, and that not {MOST}",
                self.target, self.maximum
            )));
        }
        Ok(())
    }
}
