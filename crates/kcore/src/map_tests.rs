//! Random operations beside the standard library's tree.

use super::*;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }
}

fn check(map: &Map<u64, [u64; 40]>, wanted: &BTreeMap<u64, [u64; 40]>) {
    assert!(map.iter().eq(wanted.iter()));
    assert!(map.iter().rev().eq(wanted.iter().rev()));
    assert!(map.rows.iter().all(|row| !row.is_empty() && row.len() <= Map::<u64, [u64; 40]>::ROW));
    assert_eq!((map.len(), map.is_empty()), (wanted.len(), wanted.is_empty()));
    assert_eq!(map.first_key_value(), wanted.first_key_value());
}

fn run(seed: u64, keys: u64, steps: u64) {
    let mut numbers = Numbers(seed);
    let mut map = Map::new();
    let mut wanted = BTreeMap::new();
    for step in 0..steps {
        let key = numbers.below(keys);
        match numbers.below(24) {
            0..10 => assert_eq!(map.insert(key, [step; 40]), wanted.insert(key, [step; 40])),
            10..17 => assert_eq!(map.remove(&key), wanted.remove(&key)),
            17 => {
                assert_eq!(map.get(&key), wanted.get(&key));
                assert_eq!(map.get_mut(&key), wanted.get_mut(&key));
                assert_eq!(map.contains_key(&key), wanted.contains_key(&key));
            }
            18 => {
                let value = *wanted.entry(key).or_insert([step; 40]);
                assert_eq!(*map.get_or_insert_with(key, || [step; 40]), value);
            }
            19 => {
                assert_eq!(map.last_before_mut(&key, true), wanted.range_mut(..=key).next_back());
                assert_eq!(map.last_before_mut(&key, false), wanted.range_mut(..key).next_back());
            }
            20 => {
                let end = key + numbers.below(keys);
                let bounds = [Included(key), Excluded(key), Unbounded];
                for (from, to) in bounds.into_iter().zip([Excluded(end + 1), Included(end), Unbounded]) {
                    assert!(map.range((from, to)).eq(wanted.range((from, to))));
                    assert!(map.range((from, to)).rev().eq(wanted.range((from, to)).rev()));
                    // From both ends to the middle.
                    let (mut own, mut other) = (map.range((from, to)), wanted.range((from, to)));
                    while let Some(entry) = own.next() {
                        assert_eq!(Some(entry), other.next());
                        assert_eq!(own.next_back(), other.next_back());
                    }
                    assert_eq!(other.next(), None);
                }
                assert_eq!(map.range(end + 1..key).next(), None);
            }
            21 => assert_eq!(map.pop_first(), wanted.pop_first()),
            22 if numbers.below(40) == 0 => {
                map.retain(|key, _| key % 3 != 0);
                wanted.retain(|key, _| key % 3 != 0);
            }
            _ if numbers.below(20) == 0 => {
                let (tail, mut others) = (map.split_off(&key), wanted.split_off(&key));
                check(&tail, &others);
                check(&map, &wanted);
                if numbers.below(2) == 0 {
                    map.append(tail);
                    wanted.append(&mut others);
                } else {
                    // In the wrong order.
                    let mut all = tail;
                    all.append(map);
                    map = all;
                    wanted.append(&mut others);
                }
            }
            _ => {}
        }
        if step % 97 == 0 {
            check(&map, &wanted);
        }
    }
    check(&map, &wanted);
    assert!(map.clone().into_iter().eq(wanted.clone()));
    assert!(map.into_values().eq(wanted.into_values()));
}

#[test]
fn agrees_with_the_standard_library() {
    for (seed, keys) in [(1, 20), (2, 300), (3, 3000), (4, 1 << 40)] {
        run(seed, keys, 20_000);
    }
}

#[test]
fn in_order_and_backwards() {
    let mut map: Map<u64, ()> = (0..10_000).map(|key| (key, ())).collect();
    // Filled rows.
    assert!(map.rows.len() <= 10_000 / 128 + 1);
    map.extend((10_000..20_000).rev().map(|key| (key, ())));
    assert!(map.keys().copied().eq(0..20_000));
    for key in (0..20_000).filter(|key| key % 50 != 0) {
        assert_eq!(map.remove(&key), Some(()));
    }
    // Joined again.
    assert!(map.rows.len() < 40, "{}", map.rows.len());
    let set: Set<u64> = [3, 1, 2, 3].into_iter().collect();
    assert!(set.iter().copied().eq(1..=3) && set.range(2..).count() == 2 && !set.contains(&4));
}
