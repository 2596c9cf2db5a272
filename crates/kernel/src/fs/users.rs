//! `-u USER`: names of the image's /etc/passwd and /etc/group, or numbers. The host's own name in /etc/hosts.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use ramet_kcore::errno::Errno;
use ramet_kcore::file::flags::{O_APPEND, O_WRONLY};
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::open_file::Writer;
use ramet_kcore::fs::ops::{Caller, FsContext, OpenHow};
use ramet_kcore::fs::path::Path;
use ramet_kcore::user::{SliceSink, SliceSource};

fn read_file(root: &Path, path: &[u8]) -> Vec<u8> {
    let context = FsContext::new(root.clone());
    let read = || {
        let file = super::caller(&context, &Credentials::root(), |caller| caller.target(root, path, 0))?
            .inode()
            .clone()
            .open(0)?;
        // Larger ones than this are not what login databases look like.
        let mut bytes = alloc::vec![0; (file.stat()?.size as usize).min(1 << 20)];
        let mut sink = SliceSink::new(&mut bytes);
        let got = file.read(0, &mut sink, 0)?;
        bytes.truncate(got);
        Ok::<_, Errno>(bytes)
    };
    // An image without the file has no names, only numbers.
    read().unwrap_or_default()
}

/// An id. -1 is none: it means "unchanged" to the system calls that take ids.
fn number(text: &[u8]) -> Option<u32> {
    core::str::from_utf8(text).ok()?.parse().ok().filter(|id| *id != u32::MAX)
}

fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|c| *c == b'\n').map(|line| line.split(|c| *c == b':').collect())
}

/// The home directory of user `uid`: `/` if the image does not say.
pub fn home(root: &Path, uid: u32) -> Vec<u8> {
    let passwd = read_file(root, b"/etc/passwd");
    let entry = lines(&passwd).find(|fields| fields.len() >= 6 && number(fields[2]) == Some(uid));
    entry.map(|fields| fields[5].to_vec()).filter(|home| !home.is_empty()).unwrap_or_else(|| b"/".to_vec())
}

/// The VM's own name leads to itself, as Debian's installer has it: in the image's /etc/hosts, if it does not say otherwise.
pub fn put_host(root: &Path, name: &[u8]) {
    const HOSTS: &[u8] = b"/etc/hosts";
    let known = read_file(root, HOSTS);
    let is_word = |c: &u8| !c.is_ascii_whitespace();
    let knows = known.split(|c| !is_word(c)).any(|word| word == name);
    if name.is_empty() || !name.iter().all(is_word) || known.is_empty() || knows {
        return;
    }
    let context = FsContext::new(root.clone());
    let append = |caller: &Caller<'_>| {
        let how = OpenHow { flags: O_WRONLY | O_APPEND, mode: 0, resolve: 0 };
        let file = caller.open(root, HOSTS, how)?;
        // A file of a volume is the host's.
        if file.stat()?.device != super::device::ROOT {
            return Ok(());
        }
        let end: &[u8] = if known.ends_with(b"\n") { b"" } else { b"\n" };
        let line = [end, b"127.0.1.1\t", name, b"\n"].concat();
        let writer = Writer { credentials: &Credentials::root(), size_limit: u64::MAX };
        file.write(&mut SliceSource(&line), &writer).map(drop)
    };
    // Without it the name is unknown, as in an image without the file.
    let _: Result<(), Errno> = super::caller(&context, &Credentials::root(), append);
}

/// Credentials for `user`: empty (root), `uid`, `uid:gid`, `name`, `name:group`.
///
/// # Errors
/// A sentence for people.
pub fn parse(root: &Path, user: &[u8]) -> Result<Credentials, String> {
    let mut parts = user.splitn(2, |c| *c == b':');
    let name = parts.next().unwrap_or(b"");
    let group = parts.next();
    if name.is_empty() && group.is_none() {
        return Ok(Credentials::root());
    }
    let passwd = read_file(root, b"/etc/passwd");
    let groups = read_file(root, b"/etc/group");
    let unknown = |what: &str, text: &[u8]| {
        format!(
            "the image has no {what} {}: give a number, or a name of its /etc/{}",
            String::from_utf8_lossy(text),
            if what == "user" { "passwd" } else { "group" }
        )
    };
    let entry = lines(&passwd).find(|fields| fields.len() >= 4 && (fields[0] == name || fields[2] == name));
    let uid = match number(name) {
        Some(uid) => uid,
        None => entry.as_ref().and_then(|fields| number(fields[2])).ok_or_else(|| unknown("user", name))?,
    };
    let gid = match group {
        None => entry.as_ref().and_then(|fields| number(fields[3])).unwrap_or(0),
        Some(group) => match number(group) {
            Some(gid) => gid,
            None => lines(&groups)
                .find(|fields| fields.len() >= 3 && fields[0] == group)
                .and_then(|fields| number(fields[2]))
                .ok_or_else(|| unknown("group", group))?,
        },
    };
    let member = entry.map(|fields| fields[0].to_vec());
    let mut others: Vec<u32> = Vec::new();
    if let (Some(member), None) = (member, group) {
        for fields in lines(&groups).filter(|fields| fields.len() >= 4) {
            if fields[3].split(|c| *c == b',').any(|name| name == member) {
                others.extend(number(fields[2]));
            }
        }
    }
    others.insert(0, gid);
    others.dedup();
    if uid == 0 {
        let mut credentials = Credentials::root();
        // Root may be in other groups too.
        credentials.setgroups(&others).map_err(|_| unknown("group", b"?"))?;
        credentials.setgid(gid).map_err(|_| unknown("group", b"?"))?;
        return Ok(credentials);
    }
    Ok(Credentials::user(uid, gid, &others))
}
