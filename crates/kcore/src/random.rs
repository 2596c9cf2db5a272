//! The random number generator: ChaCha20 with fast key erasure (D. J. Bernstein, "Fast-key-erasure random-number
//! generators", 2017): every request replaces the key first, so that a later look at memory tells nothing about bytes
//! given out before.
//!
//! A clone starts with its parent's key. It must never give out its parent's bytes, so that every request compares the
//! identity's generation, before and after, and takes in fresh bytes from the host when it has changed.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Where fresh randomness comes from: the identity page.
pub trait Identity {
    /// Changes whenever this VM becomes another one.
    fn generation(&self) -> u64;
    /// Bytes from the host's getrandom(2), different in every VM.
    fn seed(&self) -> [u8; 64];
}

/// The generator of one VM.
#[derive(Default)]
pub struct Generator {
    key: [u8; 32],
    /// Generation that `key` belongs to; none: not seeded yet.
    generation: Option<u64>,
}

impl Generator {
    /// Not seeded; the first request does it.
    pub const fn new() -> Generator {
        Generator { key: [0; 32], generation: None }
    }

    /// Fills `out` with random bytes.
    pub fn fill<I: Identity + ?Sized>(&mut self, identity: &I, out: &mut [u8]) {
        loop {
            let generation = identity.generation();
            if self.generation != Some(generation) {
                let seed = identity.seed();
                self.absorb(&seed);
            }
            // The VM may become another one between any two instructions: nothing counts until the generation is seen unchanged.
            let mut stream = ChaCha20Rng::from_seed(self.key);
            stream.fill_bytes(&mut self.key);
            stream.fill_bytes(out);
            if identity.generation() == generation {
                self.generation = Some(generation);
                return;
            }
            self.generation = None;
        }
    }

    /// A random word.
    pub fn word<I: Identity + ?Sized>(&mut self, identity: &I) -> u64 {
        let mut bytes = [0; 8];
        self.fill(identity, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Mixes bytes in that anybody may have chosen (a write to /dev/urandom). They can only add to what is there.
    pub fn absorb(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(self.key.len()) {
            for (key, byte) in self.key.iter_mut().zip(part) {
                *key ^= byte;
            }
            ChaCha20Rng::from_seed(self.key).fill_bytes(&mut self.key);
        }
    }

    /// A random (version 4) UUID in its text form, for /proc/sys/kernel/random.
    pub fn uuid<I: Identity + ?Sized>(&mut self, identity: &I) -> [u8; 36] {
        let mut bytes = [0u8; 16];
        self.fill(identity, &mut bytes);
        uuid_text(bytes)
    }
}

/// Text of a version 4 UUID made of 16 random bytes (RFC 9562, 5.4).
pub fn uuid_text(mut bytes: [u8; 16]) -> [u8; 36] {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        for nibble in [byte >> 4, byte & 15] {
            text[at] = b"0123456789abcdef"[usize::from(nibble)];
            at += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    struct Fake {
        generation: Cell<u64>,
        /// Become another VM at this call of `generation`.
        change_at: Cell<u32>,
        salt: u8,
    }
    impl Fake {
        fn new(generation: u64, salt: u8) -> Fake {
            Fake { generation: Cell::new(generation), change_at: Cell::new(u32::MAX), salt }
        }
    }
    impl Identity for Fake {
        fn generation(&self) -> u64 {
            let left = self.change_at.get();
            if left == 0 {
                self.generation.set(self.generation.get() + 1);
            }
            self.change_at.set(left.wrapping_sub(1));
            self.generation.get()
        }
        fn seed(&self) -> [u8; 64] {
            [self.salt ^ self.generation.get() as u8; 64]
        }
    }

    fn copy(of: &Generator) -> Generator {
        Generator { key: of.key, generation: of.generation }
    }

    /// RFC 8439, A.1, test vector 1: the stream of the zero key.
    #[test]
    fn the_stream_is_chacha20() {
        let mut bytes = [0; 16];
        ChaCha20Rng::from_seed([0; 32]).fill_bytes(&mut bytes);
        assert_eq!(bytes, *b"\x76\xb8\xe0\xad\xa0\xf1\x3d\x90\x40\x5d\x6a\xe5\x53\x86\xbd\x28");
    }

    #[test]
    fn a_clone_never_repeats_its_parent_or_sibling() {
        let parent_id = Fake::new(0, 1);
        let mut parent = Generator::new();
        parent.word(&parent_id);
        let (mut first, mut second) = (copy(&parent), copy(&parent));
        let (first_id, second_id) = (Fake::new(1, 2), Fake::new(1, 3));
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            assert!(seen.insert(parent.word(&parent_id)));
            assert!(seen.insert(first.word(&first_id)));
            assert!(seen.insert(second.word(&second_id)));
        }
    }

    #[test]
    fn a_clone_in_the_middle_of_a_request_makes_new_bytes() {
        let mut parent = Generator::new();
        parent.word(&Fake::new(0, 1));
        let mut child = copy(&parent);
        let expected = parent.word(&Fake::new(0, 1));
        let identity = Fake::new(0, 1);
        identity.change_at.set(1); // after the bytes were made
        assert_ne!(child.word(&identity), expected);
        assert_eq!(child.generation, Some(1));
    }

    #[test]
    fn erases_its_key_and_counts_bits() {
        let identity = Fake::new(0, 9);
        let mut generator = Generator::new();
        let mut bytes = [0u8; 100_000];
        generator.fill(&identity, &mut bytes);
        let key = generator.key;
        assert!(!bytes.windows(32).any(|w| w == key));
        let ones: u32 = bytes.iter().map(|b| b.count_ones()).sum();
        assert!((395_000..405_000).contains(&ones), "{ones}");
        generator.absorb(b"");
        assert_eq!(generator.key, key);
        generator.absorb(b"x");
        assert_ne!(generator.key, key);
    }

    #[test]
    fn uuids_have_their_form() {
        let text = uuid_text([0xff; 16]);
        assert_eq!(core::str::from_utf8(&text), Ok("ffffffff-ffff-4fff-bfff-ffffffffffff"));
    }
}
