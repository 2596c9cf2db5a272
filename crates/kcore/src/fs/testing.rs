//! What the tests of file systems share: heap pages, a clock that ticks, images made by `mkfs.erofs`.

use super::credentials::Credentials;
use super::device::Devices;
use super::erofs::Image;
use super::inode::{Clock, Creation};
use super::memfs::{Limits, MemFs, Node};
use super::mount::{MountName, Namespace};
use super::object::ObjectId;
use super::open_file::{OpenFile, Writer};
use super::ops::{Caller, FsContext, OpenHow, Vfs};
use super::path::Path;
use crate::errno::Result;
use crate::file::{Page, PageSource};
use crate::user::{SliceSink, SliceSource};
use std::cell::Cell;
use std::rc::Rc;

pub const PAGE: usize = 4096;

#[repr(align(4096))]
struct Aligned([u8; PAGE]);

struct HeapPage(Box<Aligned>);

impl Page for HeapPage {
    fn address(&self) -> usize {
        self.0.0.as_ptr() as usize
    }
    fn is_read_only(&self) -> bool {
        false
    }
}

/// Pages from the heap.
pub struct HeapPages;

impl PageSource for HeapPages {
    fn zeroed(&self) -> Result<Rc<dyn Page>> {
        Ok(Rc::new(HeapPage(Box::new(Aligned([0; PAGE])))))
    }
}

/// A clock that goes on by a second at every look.
pub fn clock() -> Clock {
    let now = Cell::new(1_700_000_000_000_000_000);
    Rc::new(move || now.replace(now.get() + 1_000_000_000))
}

/// A copy of `bytes` at a page boundary that lives as long as the tests.
pub fn leak_aligned(bytes: &[u8]) -> &'static [u8] {
    let pages: Vec<Aligned> = bytes
        .chunks(PAGE)
        .map(|chunk| {
            let mut page = Aligned([0; PAGE]);
            page.0[..chunk.len()].copy_from_slice(chunk);
            page
        })
        .collect();
    let pages = Box::leak(pages.into_boxed_slice());
    // SAFETY: `Aligned` is a page of initialised bytes without padding, the pages are adjacent and never freed or written.
    unsafe { std::slice::from_raw_parts(pages.as_ptr().cast(), bytes.len()) }
}

/// A temporary directory, removed at the end.
pub struct TemporaryDirectory(pub std::path::PathBuf);

impl TemporaryDirectory {
    pub fn new() -> Self {
        let name = format!("ramet-kcore-{}-{}", std::process::id(), ObjectId::fresh().0);
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("temporary directory");
        TemporaryDirectory(path)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An image of `source` made by mkfs.erofs with `options`; none where that program is not installed.
pub fn make_image(source: &std::path::Path, options: &[&str]) -> Option<Vec<u8>> {
    let directory = TemporaryDirectory::new();
    let image = directory.0.join("image");
    let mut command = std::process::Command::new("mkfs.erofs");
    command.arg("--quiet").args(options).arg(&image).arg(source);
    match command.output() {
        Ok(output) if output.status.success() => std::fs::read(&image).ok(),
        Ok(output) => panic!("mkfs.erofs: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => None,
    }
}

/// One process over one root file system.
pub struct World {
    pub fs: Rc<MemFs>,
    pub vfs: Vfs,
    pub context: FsContext,
    pub credentials: Credentials,
}

pub const LIMITS: Limits = Limits { bytes: 64 << 20, nodes: 100_000 };

pub fn memfs(lower: Option<Image>, limits: Limits) -> (Rc<MemFs>, Rc<Node>) {
    let creation = Creation { permissions: 0o755, uid: 0, gid: 0 };
    MemFs::new(1, lower, Rc::new(HeapPages), clock(), limits, creation).expect("file system")
}

impl World {
    pub fn new(lower: Option<Image>) -> World {
        World::with_limits(lower, LIMITS)
    }

    pub fn with_limits(lower: Option<Image>, limits: Limits) -> World {
        let (fs, root) = memfs(lower, limits);
        let namespace = Namespace::new();
        let root = namespace.mount_root(root, MountName { source: b"root", file_system: b"ramet", flags: 0 });
        let vfs = Vfs { namespace, devices: Devices::new(), clock: clock() };
        World { fs, vfs, context: FsContext::new(root), credentials: Credentials::root() }
    }

    pub fn caller(&self) -> Caller<'_> {
        Caller { vfs: &self.vfs, context: &self.context, credentials: &self.credentials }
    }

    pub fn cwd(&self) -> Path {
        self.context.cwd.clone()
    }

    pub fn open(&self, path: &str, flags: u32) -> Result<Rc<OpenFile>> {
        let how = OpenHow { flags, mode: 0o666, resolve: 0 };
        self.caller().open(&self.context.cwd, path.as_bytes(), how)
    }

    pub fn writer(&self) -> Writer<'_> {
        Writer { credentials: &self.credentials, size_limit: u64::MAX }
    }

    pub fn write(&self, file: &OpenFile, bytes: &[u8]) -> Result<usize> {
        file.write(&mut SliceSource(bytes), &self.writer())
    }

    pub fn read_all(&self, path: &str) -> Result<Vec<u8>> {
        read_all(&*self.open(path, 0)?)
    }

    pub fn create(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = self.open(path, 0o1101)?;
        assert_eq!(self.write(&file, bytes)?, bytes.len());
        Ok(())
    }

    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        let directory = self.open(path, 0o200000)?;
        let mut names = Vec::new();
        loop {
            let mut buffer = [0; 200];
            let mut sink = SliceSink::new(&mut buffer);
            let n = directory.read_directory(&mut sink)?;
            if n == 0 {
                return Ok(names);
            }
            names.extend(parse_names(&buffer[..n]));
        }
    }
}

/// Names in the records of getdents64(2).
pub fn parse_names(mut records: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while !records.is_empty() {
        let length = usize::from(u16::from_le_bytes([records[16], records[17]]));
        let name = records[19..length].split(|&b| b == 0).next().expect("name");
        names.push(String::from_utf8_lossy(name).into_owned());
        records = &records[length..];
    }
    names
}

pub fn read_all(file: &OpenFile) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 10_000];
    loop {
        let n = file.read(&mut SliceSink::new(&mut buffer))?;
        if n == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&buffer[..n]);
    }
}

/// A small deterministic generator for property tests (xorshift64*): failures name the seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// A source whose bytes end in a bad address after `good` of them.
pub struct FaultingSource<'a> {
    pub bytes: &'a [u8],
    pub good: usize,
}

impl crate::user::Source for FaultingSource<'_> {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = buffer.len().min(self.bytes.len()).min(self.good);
        if n == 0 && !buffer.is_empty() && !self.bytes.is_empty() {
            return Err(crate::errno::Errno::EFAULT);
        }
        buffer[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        self.good -= n;
        Ok(n)
    }
}
