//! Large files of the image: the builder puts them at 2 MiB boundaries, so that one entry of a page directory shows 2 MiB of them
//! wherever a mapping's addresses are congruent to the file's offsets. It is worth a lot where KVM has no second set of page
//! tables: each entry that is used costs a fault of the host's there.

use super::super::frames::is_managed;
use super::super::table::SPAN_2M;
use super::super::vma::{Backing, Vma};
use super::{PAGE, Policy};
use crate::file::File;
use ramet_abi::layout::DIRECT_MAP;

/// Whether the file is the image's, lies at a 2 MiB boundary, and holds enough for the place of a mapping of it to matter.
pub fn is_on_large_pages(file: &dyn File) -> bool {
    file.image_extent(0).is_some_and(|(address, pages)| {
        let gpa = (address as u64).wrapping_sub(DIRECT_MAP);
        pages * PAGE >= 2 * SPAN_2M && gpa.is_multiple_of(SPAN_2M) && !is_managed(gpa)
    })
}

/// Whether a mapping of the image that nobody can write is worth filling at once: a short one, or one that takes few entries for its length.
pub(super) fn is_eager_image(vma: &Vma, policy: &Policy) -> bool {
    vma.len() <= policy.eager_image || vma.len() <= policy.eager_large && shows_large(vma)
}

/// Whether the mapping's first whole 2 MiB are shown with one entry.
fn shows_large(vma: &Vma) -> bool {
    let first = vma.start.next_multiple_of(SPAN_2M);
    let Backing::File { mapping, offset } = &vma.backing else { return false };
    if first + SPAN_2M > vma.end {
        return false;
    }
    let extent = mapping.file.image_extent((offset + (first - vma.start)) / PAGE);
    extent.is_some_and(|(address, pages)| {
        pages >= 512 && (address as u64).wrapping_sub(DIRECT_MAP).is_multiple_of(SPAN_2M)
    })
}
