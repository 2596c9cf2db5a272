//! [`core::cell::RefCell`] for a kernel that is to be small.
//!
//! The original's checks each carry the place in the source that a panic would name: some 40 bytes at each of a thousand places. Here a release build
//! says what is wrong and not where, a debug build both.

use core::cell::{self, Ref, RefMut};

/// A value that is borrowed at run time, once to be changed or several times to be looked at.
///
/// # Panics
/// Whoever borrows it against that rule.
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub struct RefCell<T>(cell::RefCell<T>);

#[cold]
#[inline(never)]
#[cfg_attr(debug_assertions, track_caller)]
fn in_use() -> ! {
    panic!("what is being used is borrowed again")
}

#[allow(missing_docs)]
impl<T> RefCell<T> {
    #[inline]
    pub const fn new(value: T) -> Self {
        RefCell(cell::RefCell::new(value))
    }

    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn borrow(&self) -> Ref<'_, T> {
        match self.0.try_borrow() {
            Ok(value) => value,
            Err(_) => in_use(),
        }
    }

    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn borrow_mut(&self) -> RefMut<'_, T> {
        match self.0.try_borrow_mut() {
            Ok(value) => value,
            Err(_) => in_use(),
        }
    }

    #[inline]
    pub fn try_borrow(&self) -> Result<Ref<'_, T>, cell::BorrowError> {
        self.0.try_borrow()
    }

    #[inline]
    pub fn try_borrow_mut(&self) -> Result<RefMut<'_, T>, cell::BorrowMutError> {
        self.0.try_borrow_mut()
    }

    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn replace(&self, value: T) -> T {
        core::mem::replace(&mut *self.borrow_mut(), value)
    }

    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

#[allow(missing_docs)]
impl<T: Default> RefCell<T> {
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn take(&self) -> T {
        core::mem::take(&mut *self.borrow_mut())
    }
}
