//! Directories: random operations against a tree of names.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::erofs::testimage::{Node, image};
use crate::fs::inode::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use crate::fs::testing::{Random, World, parse_names};
use crate::user::SliceSink;
use std::collections::{BTreeMap, BTreeSet};

/// What a name stands for: a directory or the number of a file.
type Model = BTreeMap<String, Option<u64>>;

fn lower() -> crate::fs::erofs::Image {
    let files = || (0..30).map(|i| (NAMES[i], Node::file(NAMES[i].as_bytes()))).collect::<Vec<_>>();
    image(&Node::directory(vec![
        ("d0", Node::directory(files())),
        ("d1", Node::directory(vec![("sub", Node::directory(vec![]))])),
        ("d2", Node::directory(vec![])),
    ]))
}

const NAMES: [&str; 30] = [
    "a00", "a01", "a02", "a03", "a04", "a05", "a06", "a07", "a08", "a09", "b00", "b01", "b02", "b03", "b04",
    "b05", "b06", "b07", "b08", "b09", "c00", "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09",
];

fn children(model: &Model, directory: &str) -> BTreeSet<String> {
    let prefix = format!("{directory}/");
    let below = model.keys().filter_map(|k| k.strip_prefix(&prefix));
    below.filter(|rest| !rest.contains('/')).map(str::to_owned).collect()
}

fn is_directory(model: &Model, path: &str) -> bool {
    model.get(path) == Some(&None)
}

fn move_all(model: &mut Model, from: &str, to: &str) {
    let inside = format!("{from}/");
    let moved: Vec<String> = model.keys().filter(|k| *k == from || k.starts_with(&inside)).cloned().collect();
    let taken: Vec<(String, Option<u64>)> =
        moved.iter().map(|k| (format!("{to}{}", &k[from.len()..]), model.remove(k).unwrap())).collect();
    model.extend(taken);
}

/// rename(2) of two different existing or missing paths, on the model.
fn rename(model: &mut Model, from: &str, to: &str) -> Result<(), Errno> {
    if !model.contains_key(from) {
        return Err(Errno::ENOENT);
    }
    let is_dir = is_directory(model, from);
    if to.starts_with(&format!("{from}/")) {
        return Err(Errno::EINVAL);
    }
    if from.starts_with(&format!("{to}/")) {
        return Err(Errno::ENOTEMPTY);
    }
    if let Some(target) = model.get(to).copied() {
        match (is_dir, target.is_none()) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            (true, true) if !children(model, to).is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        if !is_dir && model[from] == target {
            return Ok(());
        }
        model.remove(to);
    }
    move_all(model, from, to);
    Ok(())
}

fn pick(model: &Model, random: &mut Random) -> String {
    let directories: Vec<&String> = model.iter().filter(|(_, v)| v.is_none()).map(|(k, _)| k).collect();
    let directory = directories[random.below(directories.len() as u64) as usize];
    match random.below(8) {
        0 => format!("{directory}/sub"),
        1 => directory.clone(),
        _ => format!("{directory}/{}", NAMES[random.below(30) as usize]),
    }
}

fn check(world: &World, model: &Model) {
    for (path, value) in model {
        let stat =
            world.caller().stat(&world.cwd(), path.as_bytes(), 0).unwrap_or_else(|e| panic!("{path}: {e:?}"));
        if let Some(inode) = value {
            assert_eq!(stat.inode, *inode, "{path}");
            let names = model.values().filter(|v| **v == Some(*inode)).count();
            assert_eq!(stat.links as usize, names, "links of {path}");
        } else {
            let mut expected = children(model, path);
            let below = expected.iter().filter(|c| is_directory(model, &format!("{path}/{c}"))).count();
            assert_eq!(stat.links as usize, 2 + below, "links of {path}");
            expected.extend([".".into(), "..".into()]);
            let listed = world.list(path).unwrap();
            assert_eq!(listed.len(), expected.len(), "no name twice in {path}");
            assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected, "{path}");
        }
    }
}

#[test]
fn random_operations_leave_the_names_of_a_model() {
    for seed in 1..=10 {
        let world = World::new(Some(lower()));
        let caller = world.caller();
        let cwd = world.cwd();
        let mut random = Random(seed);
        let mut model = Model::new();
        for name in ["d0", "d1", "d2", "d1/sub"] {
            model.insert(name.into(), None);
        }
        for name in NAMES {
            let path = format!("d0/{name}");
            let inode = caller.stat(&cwd, path.as_bytes(), 0).unwrap().inode;
            model.insert(path, Some(inode));
        }
        for _ in 0..250 {
            let (path, other) = (pick(&model, &mut random), pick(&model, &mut random));
            let exists = model.contains_key(&path);
            match random.below(6) {
                0 => {
                    let made = world.open(&path, O_WRONLY | O_CREAT | O_EXCL);
                    assert_eq!(made.as_ref().err(), exists.then_some(&Errno::EEXIST));
                    if let Ok(file) = made {
                        model.insert(path, Some(file.stat().unwrap().inode));
                    }
                }
                1 => {
                    let made = caller.mkdir(&cwd, path.as_bytes(), 0o755);
                    assert_eq!(made.is_ok(), !exists);
                    if made.is_ok() {
                        model.insert(path, None);
                    }
                }
                2 => {
                    let expected = match model.get(&path) {
                        None => Err(Errno::ENOENT),
                        Some(None) => Err(Errno::EISDIR),
                        Some(Some(_)) => Ok(()),
                    };
                    assert_eq!(caller.unlink(&cwd, path.as_bytes()), expected, "{path}");
                    if expected.is_ok() {
                        model.remove(&path);
                    }
                }
                3 => {
                    let expected = match model.get(&path) {
                        None => Err(Errno::ENOENT),
                        Some(Some(_)) => Err(Errno::ENOTDIR),
                        Some(None) if !children(&model, &path).is_empty() => Err(Errno::ENOTEMPTY),
                        Some(None) if ["d0", "d1", "d2"].contains(&path.as_str()) => continue,
                        Some(None) => Ok(()),
                    };
                    assert_eq!(caller.rmdir(&cwd, path.as_bytes()), expected, "{path}");
                    if expected.is_ok() {
                        model.remove(&path);
                    }
                }
                4 => {
                    let result = caller.link(&cwd, path.as_bytes(), &cwd, other.as_bytes(), 0);
                    let may = matches!(model.get(&path), Some(Some(_))) && !model.contains_key(&other);
                    assert_eq!(result.is_ok(), may, "link {path} {other}: {result:?}");
                    if may {
                        model.insert(other, model[&path]);
                    }
                }
                _ => {
                    if path == other || ["d0", "d1", "d2"].contains(&path.as_str()) {
                        continue;
                    }
                    if random.below(4) == 0 {
                        let result =
                            caller.rename(&cwd, path.as_bytes(), &cwd, other.as_bytes(), RENAME_EXCHANGE);
                        let nested =
                            other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/"));
                        let may = exists && model.contains_key(&other) && !nested;
                        assert_eq!(result.is_ok(), may, "exchange {path} {other}: {result:?}");
                        if may && model[&path].is_none_or(|i| model[&other] != Some(i)) {
                            move_all(&mut model, &path, "temporary");
                            move_all(&mut model, &other, &path);
                            move_all(&mut model, "temporary", &other);
                        }
                        continue;
                    }
                    if model.contains_key(&other) {
                        let kept =
                            caller.rename(&cwd, path.as_bytes(), &cwd, other.as_bytes(), RENAME_NOREPLACE);
                        assert_eq!(kept, Err(if exists { Errno::EEXIST } else { Errno::ENOENT }));
                    }
                    let expected = rename(&mut model, &path, &other);
                    let result = caller.rename(&cwd, path.as_bytes(), &cwd, other.as_bytes(), 0);
                    assert_eq!(result, expected, "rename {path} {other}");
                }
            }
        }
        check(&world, &model);
    }
}

#[test]
fn deleting_while_reading_neither_skips_nor_repeats() {
    for delete_all in [false, true] {
        let world = World::new(Some(lower()));
        for i in 0..200 {
            world.create(&format!("d0/new{i:03}"), b"").unwrap();
        }
        let directory = world.open("d0", O_DIRECTORY).unwrap();
        let mut seen = Vec::new();
        let mut marks = Vec::new();
        loop {
            let mut buffer = [0; 150];
            marks.push((directory.offset(), seen.len()));
            let n = directory.read_directory(&mut SliceSink::new(&mut buffer)).unwrap();
            if n == 0 {
                break;
            }
            for name in parse_names(&buffer[..n]) {
                if name != "." && name != ".." && (delete_all || seen.len() % 2 == 0) {
                    world.caller().unlink(&world.cwd(), format!("d0/{name}").as_bytes()).unwrap();
                }
                seen.push(name);
            }
        }
        assert_eq!(seen.len(), 232);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 232);
        let left = world.list("d0").unwrap();
        assert_eq!(left.len(), if delete_all { 2 } else { 2 + 115 });
        // seekdir(3) to where we were: what is left comes again, in the same order.
        let (offset, position) = marks[marks.len() / 2];
        directory.seek(offset as i64, 0).unwrap();
        let mut buffer = [0; 65536];
        let n = directory.read_directory(&mut SliceSink::new(&mut buffer)).unwrap();
        let rest: Vec<String> = seen[position..].iter().filter(|n| left.contains(n)).cloned().collect();
        assert_eq!(parse_names(&buffer[..n]), rest);
    }
}
