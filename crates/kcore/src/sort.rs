//! Sorting in few instructions: the standard library's sorts are kilobytes for each type, and nothing here sorts much or often.

/// Sorts in place by heapsort; equal ones in any order.
pub fn by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let sift = |items: &mut [T], mut at: usize| {
        loop {
            let mut child = 2 * at + 1;
            if child + 1 < items.len() && key(&items[child]) < key(&items[child + 1]) {
                child += 1;
            }
            if child >= items.len() || key(&items[child]) <= key(&items[at]) {
                return;
            }
            items.swap(at, child);
            at = child;
        }
    };
    for start in (0..items.len() / 2).rev() {
        sift(items, start);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift(&mut items[..end], 0);
    }
}

/// Sorts what is short or almost in order, by insertion; equal ones stay in their order.
pub fn few_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && key(&items[at - 1]) > key(&items[at]) {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn agrees_with_the_standard_library() {
        let mut state = 1u64;
        for length in 0..200 {
            let values: Vec<(u64, usize)> = (0..length)
                .map(|place| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    ((state >> 33) % 50, place)
                })
                .collect();
            let mut wanted = values.clone();
            wanted.sort_by_key(|value| value.0);
            let mut few = values.clone();
            few_by_key(&mut few, |value| value.0);
            assert_eq!(few, wanted);
            let mut all = values;
            by_key(&mut all, |value| *value);
            assert_eq!(all, wanted);
        }
    }
}
