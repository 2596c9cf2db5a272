//! Epolls that watch epolls: no circles, no long chains (epoll_ctl(2), ELOOP).

use super::Epoll;
use crate::errno::{Errno, Result};
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Links in the longest chain that is allowed: five instances.
const MAX_LINKS: usize = 4;

/// Whether `outer` may begin to watch `inner`.
pub(super) fn check(outer: &Epoll, inner: &Epoll) -> Result<()> {
    let below = below(inner, outer, 0)?;
    if below + 1 + above(outer, 0) > MAX_LINKS { Err(Errno::ELOOP) } else { Ok(()) }
}

/// Length of the longest chain under `from`; ELOOP if it meets `avoid`.
fn below(from: &Epoll, avoid: &Epoll, depth: usize) -> Result<usize> {
    if core::ptr::eq(from, avoid) || depth > MAX_LINKS {
        return Err(Errno::ELOOP);
    }
    let files: Vec<Rc<_>> = from.items.borrow().values().filter_map(|item| item.file()).collect();
    let mut longest = 0;
    for file in files {
        if let Some(epoll) = Epoll::of(&*file) {
            longest = longest.max(1 + below(epoll, avoid, depth + 1)?);
        }
    }
    Ok(longest)
}

/// Length of the longest chain over `from`.
fn above(from: &Epoll, depth: usize) -> usize {
    if depth > MAX_LINKS {
        return 0;
    }
    let parents: Vec<Rc<Epoll>> =
        from.parents.borrow().iter().filter_map(|parent| parent.upgrade()).collect();
    parents.iter().map(|parent| 1 + above(parent, depth + 1)).max().unwrap_or(0)
}
