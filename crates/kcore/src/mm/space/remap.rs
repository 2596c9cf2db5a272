//! mremap(2).

use super::super::physical::Physical;
use super::super::table::SPAN_2M;
use super::super::table::entry::ADDRESS;
use super::super::vma::{Backing, MOST, Search, Vma, property};
use super::flags::map;
use super::{AddressSpace, LOWEST, PAGE, drop_leaf, is_aligned, is_in_program, round_up};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use ramet_abi::layout::PROGRAM_END;

impl<P: Physical + 'static> AddressSpace<P> {
    /// mremap(2).
    ///
    /// # Errors
    /// EINVAL: alignment, flags, a new size of 0, ranges that overlap, `MREMAP_DONTUNMAP` on what has it not;
    /// EFAULT: the old range is not one mapping; ENOMEM: no room, or a limit; EAGAIN: too much locked.
    pub fn mremap(&mut self, old: u64, old_size: u64, new_size: u64, flags: u32, new: u64) -> Result<u64> {
        let (may_move, fixed, keep) = (
            flags & map::REMAP_MAY_MOVE != 0,
            flags & map::REMAP_FIXED != 0,
            flags & map::REMAP_DONT_UNMAP != 0,
        );
        if flags & !(map::REMAP_MAY_MOVE | map::REMAP_FIXED | map::REMAP_DONT_UNMAP) != 0
            || (fixed || keep) && !may_move
            || !is_aligned(old)
        {
            return Err(Errno::EINVAL);
        }
        let old_size = round_up(old_size).ok_or(Errno::EINVAL)?;
        let new_size = round_up(new_size).filter(|n| *n > 0).ok_or(Errno::EINVAL)?;
        if keep && old_size != new_size {
            return Err(Errno::EINVAL);
        }
        if !is_in_program(old, old_size) {
            return Err(Errno::EFAULT);
        }
        if fixed {
            let overlaps = is_in_program(new, new_size) && new < old + old_size && old < new + new_size;
            if !is_aligned(new) || !is_in_program(new, new_size) || overlaps {
                return Err(Errno::EINVAL);
            }
            if new < LOWEST {
                return Err(Errno::EPERM);
            }
        }
        if new_size > PROGRAM_END - LOWEST {
            return Err(Errno::EINVAL);
        }
        let vma = self.areas.find(old).ok_or(Errno::EFAULT)?.clone();
        if old_size == 0 && vma.is_private() {
            return Err(Errno::EINVAL);
        }
        if !fixed && !keep && new_size <= old_size {
            // A smaller one may span several mappings.
            if !self.areas.is_covered(old, old + old_size) {
                return Err(Errno::EFAULT);
            }
            if new_size < old_size {
                self.unmap(old + new_size, old + old_size)?;
            }
            return Ok(old);
        }
        if old + old_size > vma.end {
            return Err(Errno::EFAULT);
        }
        if keep && (matches!(vma.backing, Backing::Special { .. }) || vma.has(property::GROWS_DOWN)) {
            return Err(Errno::EINVAL);
        }
        let added = if keep { new_size } else { new_size.saturating_sub(old_size) };
        self.check_growth(&vma, old, new_size, added)?;
        if !fixed && !keep && old_size > 0 && self.grow_in_place(&vma, old, old_size, new_size)? {
            return Ok(old);
        }
        if !may_move {
            return Err(Errno::ENOMEM);
        }
        if self.areas.count() + 3 > MOST {
            return Err(Errno::ENOMEM);
        }
        let target = if fixed {
            // Linux shortens the old range first, then makes room.
            if new_size < old_size {
                self.unmap(old + new_size, old + old_size)?;
            }
            self.unmap(new, new + new_size)?;
            new
        } else {
            self.place_like(&vma, new_size)?
        };
        self.relocate(vma, old, old_size.min(new_size), target, new_size, keep)?;
        Ok(target)
    }

    /// Linux's checks of what a mapping may grow to.
    fn check_growth(&self, vma: &Vma, old: u64, new_size: u64, added: u64) -> Result<()> {
        if let Some((_, offset)) = vma.file_at(old)
            && offset.checked_add(new_size).is_none_or(|end| end > i64::MAX as u64)
        {
            return Err(Errno::EINVAL);
        }
        if vma.has(property::LOCKED) && added > 0 {
            self.check_lock(added, Errno::EAGAIN)?;
        }
        let (all, data) = self.areas.sizes();
        let limit = self.memory.statistics().limit * PAGE;
        if all.saturating_add(added) > self.limits.address_space
            || vma.is_data()
                && (data.saturating_add(added) > self.limits.data
                    || added > limit + self.policy.overcommit && !vma.has(property::NO_RESERVE))
        {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Room for the mapping; large ones lie as they did within 2 MiB, so that large pages can move as they are.
    fn place_like(&mut self, vma: &Vma, size: u64) -> Result<u64> {
        if size < SPAN_2M {
            return self.place_hint(0, size, false);
        }
        let padded = size.checked_add(SPAN_2M).ok_or(Errno::ENOMEM)?;
        let Some(start) = self.areas.find_room(padded, Search { ..self.search }) else {
            return self.place_hint(0, size, false);
        };
        let wanted = vma.start & (SPAN_2M - 1);
        Ok(start + (wanted.wrapping_sub(start) & (SPAN_2M - 1)))
    }

    /// Grows the mapping where it is, if it ends with the old range and there is room behind it.
    fn grow_in_place(&mut self, vma: &Vma, old: u64, old_size: u64, new_size: u64) -> Result<bool> {
        let (from, to) = (old + old_size, old.checked_add(new_size));
        let Some(to) =
            to.filter(|to| *to <= PROGRAM_END && from == vma.end && self.areas.has_room(from, *to))
        else {
            return Ok(false);
        };
        if matches!(vma.backing, Backing::Special { .. }) {
            return Err(Errno::EFAULT);
        }
        let mut more = vma.clone();
        if let Backing::File { offset, .. } = &mut more.backing {
            *offset += from - vma.start;
        }
        (more.start, more.end) = (from, to);
        self.insert(more, false);
        Ok(true)
    }

    /// Moves `moved` bytes of `vma` from `old` to `target`, where the mapping is `size` bytes long.
    fn relocate(&mut self, vma: Vma, old: u64, moved: u64, target: u64, size: u64, keep: bool) -> Result<()> {
        let mut new = vma.clone();
        match &mut new.backing {
            Backing::File { offset, .. } => *offset += old - vma.start,
            Backing::Special { gpa, .. } => *gpa += old - vma.start,
            Backing::Anonymous => {}
        }
        (new.start, new.end) = (target, target + size);
        new.flags &= !property::DEFERRED;
        if moved > 0 {
            self.move_leaves(old, moved, target)?;
        }
        if moved > 0 && !keep {
            self.forget(old, old + moved);
        } else if keep && vma.has(property::LOCKED) {
            // What stays behind is empty and not locked.
            self.areas.update(old, old + moved, |part| part.flags &= !property::LOCKED);
            self.locked = self.locked.saturating_sub(moved);
        }
        self.insert(new, false);
        Ok(())
    }

    /// Moves the leaves of `length` bytes at `old` to `target`, where none are.
    fn move_leaves(&mut self, old: u64, length: u64, target: u64) -> Result<()> {
        let memory = &*self.memory;
        let same_offset = (old ^ target) & (SPAN_2M - 1) == 0;
        // Everything that can fail comes first: tables for the target, and the splitting of large leaves.
        let mut leaves: Vec<(u64, u64, bool)> = Vec::new();
        let changes = memory.visit(old, old + length, &mut |va, leaf, large| {
            if leaves.try_reserve(1).is_ok() {
                leaves.push((va, leaf, large));
            }
            leaf
        });
        let _ = changes?;
        if !same_offset {
            for (va, _, _) in leaves.iter().filter(|(_, _, large)| *large) {
                let (slot, _, _) = memory.leaf(*va);
                memory.split(slot)?;
            }
            if leaves.iter().any(|(_, _, large)| *large) {
                leaves.clear();
                let _ = memory.visit(old, old + length, &mut |va, leaf, _| {
                    leaves.push((va, leaf, false));
                    leaf
                })?;
            }
        }
        for (va, _, large) in &leaves {
            if !large {
                memory.table_for(va - old + target)?;
            }
        }
        let mut failed = Vec::new();
        let changes = memory.visit_pruning(old, old + length, &mut |_, _, _| 0)?;
        self.flush(changes.flush);
        let memory = &*self.memory;
        for (va, leaf, large) in leaves {
            let to = va - old + target;
            let entered = if large {
                matches!(memory.map_large(to, leaf), Ok(true))
            } else {
                memory.fill(to, to + PAGE, &mut |_| Some(leaf)) == Ok(1)
            };
            if !entered {
                failed.push((to, leaf, large));
            }
        }
        for (to, leaf, large) in failed {
            // A large page that finds a used table in its place goes in small pieces.
            if !large || !self.enter_in_pieces(to, leaf) {
                drop_leaf(&self.memory, leaf, large);
                return Err(Errno::ENOMEM);
            }
        }
        Ok(())
    }

    fn enter_in_pieces(&self, to: u64, leaf: u64) -> bool {
        use super::super::table::entry::part;
        if self.memory.table_for(to).is_err() {
            return false;
        }
        if super::is_managed(leaf & ADDRESS) {
            self.memory.split_large(leaf & ADDRESS & !(SPAN_2M - 1));
        }
        let mut index = 0;
        let filled = self.memory.fill(to, to + SPAN_2M, &mut |_| {
            index += 1;
            Some(part(leaf, index - 1))
        });
        filled == Ok(512)
    }
}
