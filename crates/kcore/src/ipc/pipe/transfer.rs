//! A pipe on its way to another kernel: [`Pipe::export`], [`import`].
//!
//! Little-endian: capacity (u64), number of ends (u32), for each its status flags and [`bit`]s (u32 each), number of slots (u32), for each its
//! length, with [`PACKET`] (u32), then their bytes.

use super::{DEFAULT_CAPACITY, PIPE_BUF, Pipe, PipeEnd};
use crate::errno::{Errno, Result};
use crate::fields::{Fields, Writer};
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Most bytes of data in one piece.
const PIECE: usize = 512 << 10;
/// Most that a pipe is made to hold: as much as root may give it here, in practice.
const CAPACITY_MAX: usize = 1 << 24;
const ENDS_MAX: usize = 1 << 16;
const PACKET: u32 = 1 << 31;

mod bit {
    pub const READS: u32 = 1;
    pub const WRITES: u32 = 2;
    /// HUP does not count before a writer comes.
    pub const QUIET: u32 = 4;
    /// Its open(2) waits for the other side.
    pub const OPENING: u32 = 8;
}

impl Pipe {
    /// The state, with these ends and their status flags: one piece, and further ones for [`append`]. What lies in the pipe is taken out.
    ///
    /// # Errors
    /// EAGAIN: it is in use.
    pub fn export(&self, ends: &[(&PipeEnd, u32)]) -> Result<Vec<Vec<u8>>> {
        let mut ring = self.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?;
        let mut pieces = Vec::new();
        let mut out = Writer::default();
        out.u64(ring.capacity() as u64).u32(ends.len() as u32);
        for (end, flags) in ends {
            out.u32(*flags).u32(end.bits());
        }
        loop {
            let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
            while bytes.len() < PIECE
                && let Some((slot, packet)) = ring.first_slot()
            {
                lengths.push(slot.len() as u32 | if packet { PACKET } else { 0 });
                bytes.extend_from_slice(slot);
                let length = slot.len();
                ring.consume(length);
            }
            out.u32(lengths.len() as u32);
            for length in lengths {
                out.u32(length);
            }
            out.bytes(&bytes);
            pieces.push(core::mem::take(&mut out.0));
            if ring.is_empty() {
                return Ok(pieces);
            }
        }
    }

    /// Puts slots of [`Pipe::export`] behind what is there.
    fn put(&self, fields: &mut Fields<'_>) -> Result<()> {
        let count = fields.u32()? as usize;
        if count > CAPACITY_MAX / PIPE_BUF {
            return Err(Errno::EINVAL);
        }
        let lengths: Vec<u32> = (0..count).map(|_| fields.u32()).collect::<Result<_>>()?;
        let mut ring = self.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?;
        for length in lengths {
            let (size, packet) = ((length & !PACKET) as usize, length & PACKET != 0);
            if size == 0 || size > PIPE_BUF || ring.is_full() {
                return Err(Errno::EINVAL);
            }
            ring.put_slot(fields.bytes(size)?, packet)?;
        }
        drop(ring);
        if count > 0 {
            self.notify_readers();
        }
        Ok(())
    }
}

/// Makes the ends that a first piece tells of, of `pipe`: a new one, or the one of a FIFO. With their status flags.
///
/// # Errors
/// EINVAL: the piece is damaged; EAGAIN; ENOMEM.
pub fn import(pipe: &Rc<Pipe>, piece: &[u8]) -> Result<Vec<(Rc<PipeEnd>, u32)>> {
    let mut fields = Fields(piece);
    let capacity = usize::try_from(fields.u64()?).map_err(|_| Errno::EINVAL)?;
    let count = fields.u32()? as usize;
    if !capacity.is_power_of_two() || !(PIPE_BUF..=CAPACITY_MAX).contains(&capacity) || count > ENDS_MAX {
        return Err(Errno::EINVAL);
    }
    let all: Vec<(u32, u32)> =
        (0..count).map(|_| Ok((fields.u32()?, fields.u32()?))).collect::<Result<_>>()?;
    let is_odd = |bits: u32| bits & (bit::READS | bit::WRITES) == 0 || bits > 15;
    if all.is_empty() || all.iter().any(|(_, bits)| is_odd(*bits)) {
        return Err(Errno::EINVAL);
    }
    if capacity != DEFAULT_CAPACITY {
        pipe.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?.resize(capacity)?;
    }
    let mut ends = alloc::vec![None; count];
    // Writers first: whether HUP counts for a reader depends on how many there have been.
    for writers in [true, false] {
        for (place, (flags, bits)) in ends.iter_mut().zip(&all) {
            if (bits & bit::WRITES != 0) != writers {
                continue;
            }
            // What has hung up says so although no writer has come in this kernel.
            let hup_after = if bits & bit::QUIET != 0 { pipe.writer_opens.get() } else { u64::MAX };
            let end = PipeEnd::open(pipe, bits & bit::READS != 0, bits & bit::WRITES != 0, hup_after, None);
            if bits & bit::OPENING != 0 {
                end.wait_for_partner();
            }
            *place = Some((Rc::new(end), *flags));
        }
    }
    pipe.put(&mut fields)?;
    Ok(ends.into_iter().flatten().collect())
}

/// Takes a further piece.
///
/// # Errors
/// As [`import`].
pub fn append(pipe: &Pipe, piece: &[u8]) -> Result<()> {
    pipe.put(&mut Fields(piece))
}

impl PipeEnd {
    fn bits(&self) -> u32 {
        let is_quiet = self.is_quiet();
        [
            (self.reads(), bit::READS),
            (self.writes(), bit::WRITES),
            (is_quiet, bit::QUIET),
            (self.is_opening(), bit::OPENING),
        ]
        .iter()
        .fold(0, |all, (on, bit)| if *on { all | bit } else { all })
    }
}

#[cfg(test)]
mod tests {
    use super::super::pipe;
    use super::*;
    use crate::file::File;
    use crate::ipc::object::Origin;
    use crate::user::{SliceSink, SliceSource};
    use crate::wait::Events;

    #[test]
    fn a_pipe_moves_with_its_bytes_packets_and_size() {
        let (reader, writer) = pipe(Origin::default());
        reader.pipe().set_capacity(1 << 20, true).unwrap();
        writer.write(0, &mut SliceSource(&[7; 299_008]), 0).unwrap();
        writer.write(0, &mut SliceSource(b"packet"), crate::file::flags::O_DIRECT).unwrap();
        writer.write(0, &mut SliceSource(&[8; 400_000]), 0).unwrap();
        let pieces = reader.pipe().export(&[(&reader, 0), (&writer, 0o4001)]).unwrap();
        assert_eq!(pieces.len(), 2);
        let other = Rc::new(Pipe::new(Origin::default()));
        let ends = import(&other, &pieces[0]).unwrap();
        append(&other, &pieces[1]).unwrap();
        assert_eq!((other.unread(), other.capacity(), ends[1].1), (699_014, 1 << 20, 0o4001));
        let mut bytes = alloc::vec![0; 699_014];
        assert_eq!(other.read(&mut SliceSink::new(&mut bytes)).unwrap(), 299_014);
        assert_eq!(&bytes[299_008..299_014], b"packet");
        assert_eq!(other.read(&mut SliceSink::new(&mut bytes)).unwrap(), 400_000);
    }

    #[test]
    fn who_has_hung_up_has_done_so_after_the_move() {
        let (reader, writer) = pipe(Origin::default());
        drop(writer);
        let pieces = reader.pipe().export(&[(&reader, 0)]).unwrap();
        let ends = import(&Rc::new(Pipe::new(Origin::default())), &pieces[0]).unwrap();
        assert_eq!(ends[0].0.poll(), Events::HUP);
    }

    #[test]
    fn damaged_pieces_are_refused() {
        let (reader, writer) = pipe(Origin::default());
        writer.write(0, &mut SliceSource(&[7; 5000]), 0).unwrap();
        let piece = reader.pipe().export(&[(&reader, 0), (&writer, 1)]).unwrap().remove(0);
        for cut in 0..piece.len() {
            assert!(import(&Rc::new(Pipe::new(Origin::default())), &piece[..cut]).is_err());
        }
        for at in 0..48 {
            let mut other = piece.clone();
            other[at] ^= 0xff;
            let _ = import(&Rc::new(Pipe::new(Origin::default())), &other);
        }
    }
}
