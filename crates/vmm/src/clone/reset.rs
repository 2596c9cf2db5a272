//! A clone back at its start, and bytes of its memory, as somebody outside asks for them (`docs/spec/control.md`).

use super::Refusal;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// `RESET` of `docs/spec/control.md`. Unknown keys are refused. What is missing stays as it was.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetSpec {
    /// For the program to read.
    #[serde(default)]
    pub args: Option<Vec<String>>,
    /// For the program to read.
    #[serde(default)]
    pub env: Option<BTreeMap<String, String>>,
    /// For the program to read.
    #[serde(default)]
    pub input: Option<String>,
    /// The KVM objects are made anew, too, whatever the guest has done.
    #[serde(default)]
    pub thorough: bool,
}

/// The same, with the descriptors that came with it.
#[derive(Debug)]
pub struct ResetOrder {
    /// What is to be another than before.
    pub spec: ResetSpec,
    /// Other standard streams.
    pub streams: Option<[OwnedFd; 3]>,
}

impl ResetOrder {
    /// With no descriptor, or three.
    pub fn new(spec: ResetSpec, fds: Vec<OwnedFd>) -> Result<Self, Refusal> {
        let count = fds.len();
        let streams = match <[OwnedFd; 3]>::try_from(fds) {
            Ok(streams) => Some(streams),
            Err(_) if count == 0 => None,
            Err(_) => return Err(Refusal::new(format!("a reset takes 3 descriptors or none, {count} came"))),
        };
        Ok(Self { spec, streams })
    }
}

/// Most bytes of one request.
pub const BYTES_MOST: u64 = 64 << 10;

/// Bytes for the program's memory.
#[derive(Clone, Debug)]
pub struct WriteSpec {
    /// The program's address.
    pub address: u64,
    /// What is to be there.
    pub bytes: Vec<u8>,
    /// It is there after a reset, too.
    pub keep: bool,
}

impl WriteSpec {
    /// From the request: two hexadecimal digits for each byte.
    pub fn new(address: u64, digits: &str, keep: bool) -> Result<Self, Refusal> {
        let value = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
        let bytes: Option<Vec<u8>> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(value(*high)? << 4 | value(*low)?),
                _ => None,
            })
            .collect();
        match bytes {
            Some(bytes) if bytes.len() as u64 <= BYTES_MOST => Ok(Self { address, bytes, keep }),
            Some(_) => Err(Refusal::new(format!("at most {BYTES_MOST} bytes at once"))),
            None => Err(Refusal::new("`bytes` is two hexadecimal digits for each byte")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(WriteSpec::new(1, "00ccFf", false).unwrap().bytes, [0, 0xcc, 0xff]);
        assert!(WriteSpec::new(1, "0", false).is_err());
        assert!(WriteSpec::new(1, "zz", false).is_err());
        assert!(WriteSpec::new(1, &"00".repeat(BYTES_MOST as usize + 1), false).is_err());
    }
}
