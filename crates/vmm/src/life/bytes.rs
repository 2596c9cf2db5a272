//! Bytes of the program's memory, read and written from outside (breakpoints).
//!
//! A page that is written is this VM's own from then on: of RAM the host's kernel makes a copy, as for any write; of a page of the image, which all VMs of the
//! host share, this VM gets one at its place.

use super::Live;
use crate::clone::{Answer, Refusal, Ticket, WriteSpec};
use crate::vm::{Body, Error};
use ramet_abi::layout::{IMAGE_GPA, PAGE_SIZE, PROGRAM_END, RAM_GPA};
use ramet_memory::{Page, translate};
use serde_json::json;
use std::collections::btree_map::Entry;

/// Where a page of the program's is.
enum Place {
    /// Offset in RAM.
    Ram(u64),
    /// Offset in the image.
    Image(u64),
}

fn fault(address: u64) -> Refusal {
    Refusal { text: format!("nothing of the program's is at {address:#x}"), errno: Some(libc::EFAULT) }
}

/// The parts of a range that are in one page each: address and length.
fn parts(address: u64, length: u64) -> Result<Vec<(u64, usize)>, Refusal> {
    let end = address.checked_add(length).filter(|end| *end <= PROGRAM_END).ok_or_else(|| fault(address))?;
    let mut parts = Vec::new();
    let mut at = address;
    while at < end {
        let next = (at - at % PAGE_SIZE + PAGE_SIZE).min(end);
        parts.push((at, (next - at) as usize));
        at = next;
    }
    Ok(parts)
}

impl Body {
    fn place(&self, address: u64) -> Result<Place, Refusal> {
        let gpa = translate(&self.ram, address).ok_or_else(|| fault(address))?;
        let image = self.image.as_ref().map_or(0, |image| image.mapping.length());
        match gpa {
            gpa if gpa - RAM_GPA < self.ram.present() => Ok(Place::Ram(gpa - RAM_GPA)),
            gpa if gpa >= IMAGE_GPA && gpa - IMAGE_GPA < image => Ok(Place::Image(gpa - IMAGE_GPA)),
            _ => Err(Refusal::new(format!("what is at {address:#x} is a file of the host's, or shared"))),
        }
    }

    fn read_program(&self, address: u64, length: u64) -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::with_capacity(length as usize);
        for (address, count) in parts(address, length)? {
            let mut part = vec![0; count];
            let read = match (self.place(address)?, &self.image) {
                (Place::Ram(offset), _) => self.ram.read(offset, &mut part),
                (Place::Image(offset), Some(image)) => image.mapping.read(offset, &mut part),
                (Place::Image(_), None) => return Err(fault(address)),
            };
            read.map_err(|_| fault(address))?;
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    fn write_program(&mut self, write: &WriteSpec) -> Result<(), Refusal> {
        let parts = parts(write.address, write.bytes.len() as u64)?;
        // All or nothing.
        let places: Result<Vec<Place>, Refusal> =
            parts.iter().map(|(address, _)| self.place(*address)).collect();
        let mut rest = &write.bytes[..];
        for (place, (address, count)) in places?.into_iter().zip(parts) {
            let (bytes, later) = rest.split_at(count);
            rest = later;
            match place {
                Place::Ram(offset) => {
                    self.ram.write(offset, bytes).map_err(|_| fault(address))?;
                    self.note_write(offset, write.keep);
                }
                Place::Image(offset) => self.write_image(offset, bytes, write.keep)?,
            }
        }
        Ok(())
    }

    fn note_write(&mut self, offset: u64, keep: bool) {
        let Some(mut origin) = self.origin.take() else { return };
        if keep {
            origin.adopt(self.memory(), (offset / PAGE_SIZE) as u32);
        } else {
            origin.note(offset, 1);
        }
        self.origin = Some(origin);
    }

    fn write_image(&mut self, offset: u64, bytes: &[u8], keep: bool) -> Result<(), Refusal> {
        let page = offset - offset % PAGE_SIZE;
        let Some(image) = &self.image else { return Err(fault(offset)) };
        let Some(file) = &image.file else { return Err(Refusal::new("the image's file is not open here")) };
        if let Entry::Vacant(place) = self.own_image.entry(page) {
            image
                .mapping
                .make_own(file, page)
                .map_err(|error| Refusal::host("a page of the image", &error))?;
            place.insert(None);
        }
        image.mapping.write(offset, bytes).map_err(|_| fault(offset))?;
        if keep {
            let mut whole: Box<Page> = Box::new([0; PAGE_SIZE as usize]);
            image.mapping.read(page, &mut whole[..]).map_err(|_| fault(offset))?;
            self.own_image.insert(page, Some(whole));
        }
        Ok(())
    }

    /// Undoes what was written to pages of the image and is not to stay.
    pub(super) fn put_image_back(&mut self) -> Result<(), Error> {
        let Some(image) = &self.image else { return Ok(()) };
        for (offset, bytes) in &self.own_image {
            match (bytes, &image.file) {
                (Some(page), _) => {
                    image.mapping.put_back(*offset, page)?;
                }
                (None, Some(file)) => {
                    image.mapping.give_up_own(file, *offset).map_err(Error::host("a page of the image"))?;
                }
                (None, None) => {}
            }
        }
        self.own_image.retain(|_, bytes| bytes.is_some());
        Ok(())
    }
}

impl Live {
    /// Reads for somebody outside.
    pub(super) fn read_memory(&self, ticket: Ticket, address: u64, length: u64) {
        let read = self.machine.body.read_program(address, length);
        let answer: Answer = read.map(|bytes| {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "bytes": digits })
        });
        self.desk.answer(ticket, answer);
    }

    /// Writes for somebody outside.
    pub(super) fn write_memory(&mut self, ticket: Ticket, write: &WriteSpec) {
        let body = &mut self.machine.body;
        let answer = if write.keep && body.origin.is_none() {
            Err(Refusal::new("there is no start to keep it for: it is no clone that can be reset"))
        } else {
            body.write_program(write)
        };
        self.desk.answer(ticket, answer.map(|()| serde_json::Value::Null));
    }
}
