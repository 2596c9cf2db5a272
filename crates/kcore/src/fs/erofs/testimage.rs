//! A minimal writer of EROFS images for tests: one flat tree, compact inodes, so that tests need no program.

use crate::fs::testing::leak_aligned;

const BLOCK: usize = 4096;

/// One file of the image.
pub enum Content<'a> {
    Directory(Vec<(&'a str, Node<'a>)>),
    /// Whole blocks, then the tail behind the inode if `inline`.
    Regular {
        bytes: Vec<u8>,
        inline: bool,
    },
    Symlink(&'a str),
    /// 4096-byte chunks; those that are all zero are holes.
    Chunked(Vec<u8>),
}

pub struct Node<'a> {
    pub permissions: u16,
    pub owner: u16,
    pub links: u16,
    pub content: Content<'a>,
}

impl<'a> Node<'a> {
    pub fn file(bytes: &[u8]) -> Node<'a> {
        Node {
            permissions: 0o644,
            owner: 0,
            links: 1,
            content: Content::Regular { bytes: bytes.to_vec(), inline: false },
        }
    }
    pub fn inline(bytes: &[u8]) -> Node<'a> {
        Node { content: Content::Regular { bytes: bytes.to_vec(), inline: true }, ..Node::file(b"") }
    }
    pub fn chunked(bytes: &[u8]) -> Node<'a> {
        Node { content: Content::Chunked(bytes.to_vec()), ..Node::file(b"") }
    }
    pub fn symlink(target: &'a str) -> Node<'a> {
        Node { permissions: 0o777, content: Content::Symlink(target), ..Node::file(b"") }
    }
    pub fn directory(entries: Vec<(&'a str, Node<'a>)>) -> Node<'a> {
        let below = entries.iter().filter(|e| matches!(e.1.content, Content::Directory(_))).count();
        Node {
            permissions: 0o755,
            links: 2 + below as u16,
            content: Content::Directory(entries),
            ..Node::file(b"")
        }
    }
    pub fn mode(self, permissions: u16, owner: u16) -> Node<'a> {
        Node { permissions, owner, ..self }
    }
}

#[derive(Default)]
struct Writer {
    /// Metadata block area, from block 1 on: inode n is at 32 × n.
    metadata: Vec<u8>,
    data: Vec<u8>,
}

/// Data blocks start here: the metadata of a test image are smaller.
const DATA_BLOCK: usize = 64;

impl Writer {
    fn blocks(&mut self, bytes: &[u8]) -> u32 {
        let start = DATA_BLOCK + self.data.len() / BLOCK;
        self.data.extend_from_slice(bytes);
        self.data.resize(self.data.len().next_multiple_of(BLOCK), 0);
        start as u32
    }

    fn inode(
        &mut self,
        node: &Node<'_>,
        kind: u16,
        layout: u16,
        size: usize,
        locator: u32,
        after: &[u8],
    ) -> u64 {
        // An inode and what follows it must not cross a block.
        let room = BLOCK - self.metadata.len() % BLOCK;
        if 32 + after.len() > room {
            self.metadata.resize(self.metadata.len().next_multiple_of(BLOCK), 0);
        }
        let nid = (self.metadata.len() / 32) as u64;
        let mut raw = [0u8; 32];
        raw[0..2].copy_from_slice(&(layout << 1).to_le_bytes());
        raw[4..6].copy_from_slice(&(kind | node.permissions).to_le_bytes());
        raw[6..8].copy_from_slice(&node.links.to_le_bytes());
        raw[8..12].copy_from_slice(&(size as u32).to_le_bytes());
        raw[16..20].copy_from_slice(&locator.to_le_bytes());
        raw[24..26].copy_from_slice(&node.owner.to_le_bytes());
        raw[26..28].copy_from_slice(&node.owner.to_le_bytes());
        self.metadata.extend_from_slice(&raw);
        self.metadata.extend_from_slice(after);
        self.metadata.resize(self.metadata.len().next_multiple_of(32), 0);
        nid
    }

    fn write(&mut self, node: &Node<'_>, parent: Option<u64>) -> (u64, u8) {
        match &node.content {
            Content::Regular { bytes, inline: false } => {
                let start = self.blocks(bytes);
                (self.inode(node, 0o100000, 0, bytes.len(), start, &[]), 1)
            }
            Content::Regular { bytes, inline: true } => {
                let (body, tail) = bytes.split_at(bytes.len() / BLOCK * BLOCK);
                let start = self.blocks(body);
                // As mkfs.erofs does: a layout with a tail only where there is one.
                let layout = if tail.is_empty() { 0 } else { 2 };
                (self.inode(node, 0o100000, layout, bytes.len(), start, tail), 1)
            }
            Content::Symlink(target) => {
                (self.inode(node, 0o120000, 2, target.len(), 0, target.as_bytes()), 7)
            }
            Content::Chunked(bytes) => {
                let mut table = Vec::new();
                for chunk in bytes.chunks(BLOCK) {
                    let hole = chunk.iter().all(|&b| b == 0);
                    let start = if hole { u32::MAX } else { self.blocks(chunk) };
                    table.extend_from_slice(&start.to_le_bytes());
                }
                (self.inode(node, 0o100000, 4, bytes.len(), 0, &table), 1)
            }
            Content::Directory(entries) => {
                // The inode comes first, because children name their parent; its data block is filled in afterwards.
                let nid = self.inode(node, 0o040000, 0, 0, 0, &[]);
                let mut names = vec![(".", nid, 2), ("..", parent.unwrap_or(nid), 2)];
                for (name, child) in entries {
                    let (child, kind) = self.write(child, Some(nid));
                    names.push((name, child, kind));
                }
                names.sort();
                let (bytes, size) = directory_blocks(&names);
                let start = self.blocks(&bytes);
                let place = nid as usize * 32;
                self.metadata[place + 8..place + 12].copy_from_slice(&(size as u32).to_le_bytes());
                self.metadata[place + 16..place + 20].copy_from_slice(&start.to_le_bytes());
                (nid, 2)
            }
        }
    }
}

fn directory_blocks(names: &[(&str, u64, u8)]) -> (Vec<u8>, usize) {
    let mut all = Vec::new();
    let mut rest = names;
    let mut size = 0;
    while !rest.is_empty() {
        let mut used = 0;
        let fits = rest.iter().take_while(|n| {
            used += 12 + n.0.len();
            used <= BLOCK
        });
        let count = fits.count();
        let mut block = Vec::new();
        let mut offset = count * 12;
        for (name, nid, kind) in &rest[..count] {
            block.extend_from_slice(&nid.to_le_bytes());
            block.extend_from_slice(&(offset as u16).to_le_bytes());
            block.extend_from_slice(&[*kind, 0]);
            offset += name.len();
        }
        for (name, _, _) in &rest[..count] {
            block.extend_from_slice(name.as_bytes());
        }
        size = all.len() + block.len();
        block.resize(BLOCK, 0);
        all.extend_from_slice(&block);
        rest = &rest[count..];
    }
    // Behind a full block the size counts the padding.
    (all, size)
}

/// The bytes of an image of `root`.
pub fn write(root: &Node<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    let (nid, _) = writer.write(root, None);
    assert!(writer.metadata.len() <= (DATA_BLOCK - 1) * BLOCK, "too many inodes for a test image");
    let mut image = vec![0u8; BLOCK];
    image.extend_from_slice(&writer.metadata);
    image.resize(DATA_BLOCK * BLOCK, 0);
    image.extend_from_slice(&writer.data);
    let blocks = (image.len() / BLOCK) as u32;
    let superblock = &mut image[1024..1152];
    superblock[0..4].copy_from_slice(&0xE0F5_E1E2u32.to_le_bytes());
    superblock[12] = 12;
    superblock[14..16].copy_from_slice(&(nid as u16).to_le_bytes());
    superblock[24..32].copy_from_slice(&1_600_000_000u64.to_le_bytes());
    superblock[36..40].copy_from_slice(&blocks.to_le_bytes());
    superblock[40..44].copy_from_slice(&1u32.to_le_bytes());
    image
}

/// The image itself.
pub fn image(root: &Node<'_>) -> super::Image {
    super::Image::new(leak_aligned(&write(root))).expect("image")
}
