//! Directories with fixed entries.

use super::{Content, ProcDirectory, ProcName, ProcNode};
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Cookies of a tree's own entries start here when it has changing ones too: those come first, as process ids do in Linux's listing
/// behind the fixed names; programs do not depend on the order.
const OWN: u64 = 1 << 40;

/// A directory with fixed entries, and perhaps changing ones besides.
#[derive(Default)]
pub struct Tree {
    entries: Vec<(Vec<u8>, ProcNode)>,
    changing: Option<Rc<dyn ProcDirectory>>,
}

impl Tree {
    /// Without entries.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// With one more entry.
    #[must_use]
    pub fn with(mut self, name: &str, node: ProcNode) -> Tree {
        self.entries.push((name.as_bytes().to_vec(), node));
        self
    }

    /// With the entries of `directory` besides (the processes in `/proc`). Its cookies are below 2^40.
    #[must_use]
    pub fn with_changing(mut self, directory: Rc<dyn ProcDirectory>) -> Tree {
        self.changing = Some(directory);
        self
    }

    /// The directory (r-xr-xr-x).
    pub fn node(self) -> ProcNode {
        let fixed = self.changing.is_none();
        ProcNode::new(Content::Directory(Rc::new(self), fixed), 0o555)
    }
}

impl ProcDirectory for Tree {
    fn lookup(&self, name: &[u8]) -> Option<ProcNode> {
        match self.entries.iter().find(|(n, _)| n == name) {
            Some((_, node)) => Some(node.clone()),
            None => self.changing.as_ref()?.lookup(name),
        }
    }

    fn list(&self, cookie: u64) -> Vec<ProcName> {
        let mut names = match &self.changing {
            Some(directory) if cookie < OWN => directory.list(cookie),
            _ => Vec::new(),
        };
        if names.is_empty() {
            let skip = cookie.saturating_sub(OWN) as usize;
            let own = self.entries.iter().enumerate().skip(skip);
            names.extend(own.map(|(i, (name, node))| ProcName {
                cookie: OWN + i as u64,
                name: name.clone(),
                file_type: node.file_type(),
            }));
        }
        names
    }
}
