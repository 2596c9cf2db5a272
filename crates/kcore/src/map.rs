//! Ordered maps and sets in few instructions.
//!
//! The standard library's B-trees take kilobytes for each type of entry, and the kernel has dozens of those. Here a map is a sorted row of sorted
//! rows, each of at most some 128 entries: a search is two binary searches, an insertion moves what follows in one short row. A row that is full
//! is split; two neighbours that have become small are joined. A map of a million entries has an outer row of some ten thousand.

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::iter::Flatten;
use core::ops::{Bound, RangeBounds};

/// What [`alloc::collections::BTreeMap`] is, as far as the kernel needs it.
///
/// Invariants: no row is empty; keys ascend within a row and from row to row.
#[derive(Clone, Debug)]
pub struct Map<K, V> {
    rows: Vec<Vec<(K, V)>>,
}

/// Row and place in the row of an entry; the end: one behind the last row, 0.
type Place = (usize, usize);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Map<K, V> {
    /// Most entries of a row: two pages or so of memory.
    const ROW: usize = {
        let size = size_of::<(K, V)>();
        let fit = 8192 / if size == 0 { 1 } else { size };
        if fit < 8 {
            8
        } else if fit > 128 {
            128
        } else {
            fit
        }
    };

    /// An empty map.
    pub const fn new() -> Self {
        Map { rows: Vec::new() }
    }

    /// Number of entries: counted row by row.
    pub fn len(&self) -> usize {
        self.rows.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// All entries in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { rows: &self.rows, front: (0, 0), back: (self.rows.len(), 0) }
    }

    /// All entries in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.rows.iter_mut().flatten().map(|(key, value)| (&*key, value))
    }

    /// All keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values in the order of their keys.
    pub fn values(&self) -> Values<'_, K, V> {
        Values(self.iter())
    }

    /// All values in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The first entry.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// Keeps what `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.rows.retain_mut(|row| {
            row.retain_mut(|(key, value)| keep(key, value));
            !row.is_empty()
        });
    }

    /// Removes the first entry.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        if self.rows.is_empty() { None } else { Some(self.take((0, 0))) }
    }

    fn take(&mut self, (row, at): Place) -> (K, V) {
        let entry = self.rows[row].remove(at);
        if self.rows[row].is_empty() {
            self.rows.remove(row);
        } else {
            self.join(row);
            self.join(row.wrapping_sub(1));
        }
        entry
    }

    /// Makes one of this row and the next, if both are small.
    fn join(&mut self, row: usize) {
        let next = row.wrapping_add(1);
        if let (Some(first), Some(second)) = (self.rows.get(row), self.rows.get(next))
            && first.len() + second.len() <= Self::ROW / 2
        {
            let second = self.rows.remove(next);
            self.rows[row].extend(second);
        }
    }
}

impl<K: Ord, V> Map<K, V> {
    /// Where `key` is, or else where it would be.
    fn search<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let is_before = |row: &Vec<(K, V)>| row.last().is_some_and(|(last, _)| last.borrow() < key);
        let row = match &self.rows[..] {
            [_] => 0,
            rows => rows.partition_point(is_before),
        };
        let Some(entries) = self.rows.get(row) else { return Err((row, 0)) };
        let (mut low, mut high) = (0, entries.len());
        while low < high {
            let middle = (low + high) / 2;
            let Some(entry) = entries.get(middle) else { break };
            match entry.0.borrow().cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok((row, middle)),
                Ordering::Greater => high = middle,
            }
        }
        Err(if low < entries.len() { (row, low) } else { (row + 1, 0) })
    }

    /// The first place whose key is not less than `key`; with `behind`: is greater.
    fn place<Q: Ord + ?Sized>(&self, key: &Q, behind: bool) -> Place
    where
        K: Borrow<Q>,
    {
        match self.search(key) {
            Ok((row, at)) if behind => match self.rows.get(row) {
                Some(entries) if at + 1 < entries.len() => (row, at + 1),
                _ => (row + 1, 0),
            },
            Ok(place) | Err(place) => place,
        }
    }

    fn at<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Place>
    where
        K: Borrow<Q>,
    {
        self.search(key).ok()
    }

    /// The value of `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (row, at) = self.at(key)?;
        self.rows.get(row)?.get(at).map(|(_, value)| value)
    }

    /// The value of `key`.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (row, at) = self.at(key)?;
        self.rows.get_mut(row)?.get_mut(at).map(|(_, value)| value)
    }

    /// Whether there is an entry.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.at(key).is_some()
    }

    /// The last entry that is before `key`, or at it if that is `included`.
    pub fn last_before_mut(&mut self, key: &K, included: bool) -> Option<(&K, &mut V)> {
        let (row, at) = self.place(key, included);
        let (row, at) = match at.checked_sub(1) {
            Some(at) => (row, at),
            None => (row.checked_sub(1)?, self.rows.get(row.checked_sub(1)?)?.len() - 1),
        };
        self.rows.get_mut(row)?.get_mut(at).map(|(key, value)| (&*key, value))
    }

    /// Sets the value of `key`; gives the old one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.search(&key) {
            Ok((row, at)) => {
                let (_, old) = self.rows.get_mut(row)?.get_mut(at)?;
                Some(core::mem::replace(old, value))
            }
            Err(place) => {
                self.put(place, key, value);
                None
            }
        }
    }

    /// The value of `key`, made if there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let (row, at) = match self.search(&key) {
            Ok(place) => place,
            Err(place) => self.put(place, key, make()),
        };
        &mut self.rows[row][at].1
    }

    /// Adds an entry that is not there, where it would be.
    fn put(&mut self, (mut row, mut at): Place, key: K, value: V) -> Place {
        if row == self.rows.len() {
            // Behind everything: rows that grow at their end only are filled.
            if self.rows.last().is_none_or(|last| last.len() >= Self::ROW) {
                self.rows.push(Vec::new());
            }
            row = self.rows.len() - 1;
            at = self.rows[row].len();
        } else if self.rows[row].len() >= Self::ROW {
            let half = Self::ROW / 2;
            let tail = self.rows[row].split_off(half);
            self.rows.insert(row + 1, tail);
            if at > half {
                (row, at) = (row + 1, at - half);
            }
        }
        self.rows[row].insert(at, (key, value));
        (row, at)
    }

    /// Removes `key`; gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.at(key)?;
        Some(self.take(place).1)
    }

    /// The entries in a range of keys. One that ends before it begins is empty.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let front = match range.start_bound() {
            Bound::Included(key) => self.place(key, false),
            Bound::Excluded(key) => self.place(key, true),
            Bound::Unbounded => (0, 0),
        };
        let back = match range.end_bound() {
            Bound::Included(key) => self.place(key, true),
            Bound::Excluded(key) => self.place(key, false),
            Bound::Unbounded => (self.rows.len(), 0),
        };
        Iter { rows: &self.rows, front, back: back.max(front) }
    }

    /// Removes the entries from `key` on, and gives them.
    pub fn split_off(&mut self, key: &K) -> Map<K, V> {
        let (row, at) = self.place(key, false);
        let mut rows = self.rows.split_off(row);
        if at != 0 {
            let tail = rows[0].split_off(at);
            self.rows.push(core::mem::replace(&mut rows[0], tail));
        }
        Map { rows }
    }

    /// Adds all of `other`.
    pub fn append(&mut self, other: Map<K, V>) {
        let last = self.iter().next_back();
        if last.zip(other.first_key_value()).is_none_or(|(own, others)| own.0 < others.0) {
            self.rows.extend(other.rows);
        } else {
            self.extend(other);
        }
    }
}

impl<K: Ord, V> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Map::new();
        map.extend(entries);
        map
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = Flatten<vec::IntoIter<Vec<(K, V)>>>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter().flatten()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Entries in order.
pub struct Iter<'a, K, V> {
    rows: &'a [Vec<(K, V)>],
    front: Place,
    back: Place,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { rows: self.rows, front: self.front, back: self.back }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);
    fn next(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        let (row, at) = self.front;
        let entries = self.rows.get(row)?;
        let (key, value) = entries.get(at)?;
        self.front = if at + 1 < entries.len() { (row, at + 1) } else { (row + 1, 0) };
        Some((key, value))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        let (mut row, mut at) = self.back;
        if at == 0 {
            row -= 1;
            at = self.rows.get(row)?.len();
        }
        self.back = (row, at - 1);
        let (key, value) = self.rows.get(row)?.get(at - 1)?;
        Some((key, value))
    }
}

/// Values in the order of their keys.
pub struct Values<'a, K, V>(Iter<'a, K, V>);

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Values(self.0.clone())
    }
}

impl<'a, K, V> Iterator for Values<'a, K, V> {
    type Item = &'a V;
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(_, value)| value)
    }
}

impl<K, V> DoubleEndedIterator for Values<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(_, value)| value)
    }
}

/// What [`alloc::collections::BTreeSet`] is, as far as the kernel needs it.
#[derive(Clone, Debug)]
pub struct Set<K>(Map<K, ()>);

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Set<K> {
    /// An empty set.
    pub const fn new() -> Self {
        Set(Map::new())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.keys()
    }
}

impl<K: Ord> Set<K> {
    /// Adds `key`: whether it was not there.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// Removes `key`: whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).is_some()
    }

    /// Whether it is there.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Those in a range.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> impl DoubleEndedIterator<Item = &K>
    where
        K: Borrow<Q>,
    {
        self.0.range(range).map(|(key, ())| key)
    }
}

impl<K: Ord> FromIterator<K> for Set<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Set(keys.into_iter().map(|key| (key, ())).collect())
    }
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
