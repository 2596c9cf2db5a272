//! Random sequences of fork, exit, kill, wait, setpgid ... against a simple model of the process tree.

mod common;

use common::{FIRST, Harness, Random, numbers};
use ramet_abi::session::{notice, op};
use ramet_keeper::ClientId;
use ramet_keeper::client::Host;
use std::collections::BTreeMap;

const ECHILD: i64 = -10;
const EAGAIN: i64 = -11;
const NOHANG_NOWAIT: u64 = 0x0100_0001;

#[derive(Clone, Debug, Default)]
struct Model {
    all: BTreeMap<i32, One>,
    limit: usize,
}

#[derive(Clone, Debug)]
struct One {
    parent: i32,
    group: i32,
    session: i32,
    /// Wait status of a zombie.
    status: Option<i32>,
    stopped: bool,
    /// Wait status of a stop, 0xffff: continued.
    news: Option<i32>,
    executed: bool,
    subreaper: bool,
    vanish: bool,
    /// In what order it came to its parent.
    age: u64,
}

impl Model {
    fn reaper(&self, pid: i32) -> i32 {
        let mut at = self.all[&pid].parent;
        while let Some(one) = self.all.get(&at) {
            if one.subreaper && one.status.is_none() {
                return at;
            }
            at = one.parent;
        }
        1
    }

    /// Status and burial of a zombie whose parent may not care.
    fn settle(&mut self, pid: i32) {
        let parent = self.all[&pid].parent;
        if self.all.get(&parent).is_none_or(|parent| parent.vanish) {
            self.all.remove(&pid);
        }
    }

    fn parent_is_outside(&self, pid: i32) -> bool {
        let one = &self.all[&pid];
        self.all
            .get(&one.parent)
            .is_some_and(|parent| parent.group != one.group && parent.session == one.session)
    }

    /// A group that has become orphaned and has stopped members gets SIGHUP and SIGCONT.
    fn continue_orphans(&mut self, group: i32) {
        let living = |one: &One| one.group == group && one.status.is_none();
        let members: Vec<i32> = self.all.iter().filter(|(_, one)| living(one)).map(|(pid, _)| *pid).collect();
        if members.iter().any(|pid| self.parent_is_outside(*pid)) {
            return;
        }
        for pid in members {
            let one = self.all.get_mut(&pid).unwrap();
            if std::mem::take(&mut one.stopped) {
                one.news = Some(0xffff);
            }
        }
    }

    fn end(&mut self, pid: i32, status: i32, clock: &mut u64) {
        let reaper = self.reaper(pid);
        let outside = self.parent_is_outside(pid);
        let one = self.all.get_mut(&pid).unwrap();
        one.status = Some(status);
        one.news = None;
        let own_group = one.group;
        let mut children: Vec<(u64, i32)> =
            self.all.iter().filter(|(_, one)| one.parent == pid).map(|(pid, one)| (one.age, *pid)).collect();
        children.sort_unstable();
        for (_, child) in children {
            *clock += 1;
            let outside = self.parent_is_outside(child);
            let one = self.all.get_mut(&child).unwrap();
            (one.parent, one.age) = (reaper, *clock);
            let group = one.group;
            if one.status.is_some() {
                self.settle(child);
            }
            if outside {
                self.continue_orphans(group);
            }
        }
        if outside {
            self.continue_orphans(own_group);
        }
        self.settle(pid);
    }

    fn children(&self, pid: i32) -> Vec<i32> {
        let mut children: Vec<(u64, i32)> =
            self.all.iter().filter(|(_, one)| one.parent == pid).map(|(pid, one)| (one.age, *pid)).collect();
        children.sort_unstable();
        children.into_iter().map(|(_, pid)| pid).collect()
    }

    /// Result and status of a wait.
    fn wait(&mut self, caller: i32, kind: u64, id: i32, options: u64) -> (i64, i32) {
        let group = if id == 0 { self.all[&caller].group } else { id };
        let mut any = false;
        for child in self.children(caller) {
            let one = &self.all[&child];
            let meant = match kind {
                0 => true,
                1 => child == id,
                _ => one.group == group,
            };
            if !meant || one.status.is_some() && options & 4 == 0 {
                continue;
            }
            any = true;
            let told = match (one.status, one.news) {
                (Some(status), _) => Some(status),
                (_, Some(0xffff)) if options & 8 != 0 => Some(0xffff),
                (_, Some(news)) if news != 0xffff && options & 2 != 0 => Some(news),
                _ => None,
            };
            if let Some(status) = told {
                if options & NOHANG_NOWAIT <= 1 {
                    if one.status.is_some() {
                        self.all.remove(&child);
                    } else {
                        self.all.get_mut(&child).unwrap().news = None;
                    }
                }
                return (child.into(), status);
            }
        }
        (if any { 0 } else { ECHILD }, 0)
    }

    fn setpgid(&mut self, caller: i32, pid: i32, group: i32) -> i64 {
        let pid = if pid == 0 { caller } else { pid };
        let group = if group == 0 { pid } else { group };
        let session = self.all[&caller].session;
        let Some(one) = self.all.get(&pid) else { return -3 };
        if pid != caller && one.parent != caller {
            return -3;
        }
        if pid != caller && one.session != session {
            return -1;
        }
        if pid != caller && one.executed {
            return -13;
        }
        let joins = self.all.values().any(|other| other.group == group && other.session == session);
        if one.session == pid || group != pid && !joins {
            return -1;
        }
        self.all.get_mut(&pid).unwrap().group = group;
        0
    }
}

fn compare(h: &mut Harness, model: &Model, step: &str) {
    let answer = h.ask(h.first, numbers(op::PIDS, &[]), &[]);
    let pids: Vec<i32> =
        answer.data.chunks(4).map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(pids, model.all.keys().copied().collect::<Vec<_>>(), "{step}");
    for (pid, one) in &model.all {
        let answer = h.ask(h.first, numbers(op::PROCESS, &[*pid as u64]), &[]);
        assert_eq!(answer.result, i64::from(*pid), "{step}");
        let state = match one {
            One { status: Some(_), .. } => b'Z',
            One { stopped: true, .. } => b'T',
            _ => b'S',
        };
        let expected = [one.parent as u64, one.group as u64, one.session as u64, state.into()];
        assert_eq!(answer.values[..4], expected, "{step}: pid {pid}");
    }
    let living = model.all.values().filter(|one| one.status.is_none()).count();
    assert_eq!(h.session.clients.iter().filter(|(_, client)| !client.over).count(), living, "{step}");
}

fn run(seed: u64, steps: usize) {
    let mut random = Random::new(seed);
    let mut h = Harness::with(None, 24);
    let mut clock = 0;
    let mut model = Model { limit: 24, ..Model::default() };
    let mut ids = BTreeMap::from([(FIRST, h.first)]);
    let one = |parent, group, session, age| One {
        parent,
        group,
        session,
        status: None,
        stopped: false,
        news: None,
        executed: false,
        subreaper: false,
        vanish: false,
        age,
    };
    model.all.insert(FIRST, one(0, FIRST, FIRST, 0));
    for number in 0..steps {
        let living: Vec<i32> =
            model.all.iter().filter(|(_, one)| one.status.is_none()).map(|(pid, _)| *pid).collect();
        let any: Vec<i32> = model.all.keys().copied().chain([0, FIRST + 500]).collect();
        let pid = random.pick(&living);
        let vm: ClientId = ids[&pid];
        let action = random.below(14);
        let step = format!("seed {seed} step {number} action {action} pid {pid}");
        match action {
            0..=3 => {
                let child = h.fork(vm);
                if model.all.len() >= model.limit {
                    assert_eq!(child, Err(EAGAIN), "{step}");
                } else {
                    let child = child.unwrap();
                    clock += 1;
                    let parent = &model.all[&pid];
                    let mut born = one(pid, parent.group, parent.session, clock);
                    born.vanish = parent.vanish;
                    ids.insert(h.vms[&child].pid, child);
                    model.all.insert(h.vms[&child].pid, born);
                }
            }
            // The first process stays: it is the session.
            4 | 5 if pid != FIRST => {
                let status = random.below(256) as i32;
                let status = if action == 4 { status << 8 } else { 15 };
                h.exit(vm, status);
                model.end(pid, status, &mut clock);
            }
            6 if pid != FIRST => {
                h.lose(vm);
                model.end(pid, 9, &mut clock);
            }
            7 => {
                let target = random.pick(&any);
                if target == FIRST || target == 0 {
                    continue;
                }
                let result = h.call(vm, op::KILL, &[target as u64, 0, 9]);
                assert_eq!(result, if model.all.contains_key(&target) { 0 } else { -3 }, "{step}");
                for pid in h.bury() {
                    assert_eq!(pid, target, "{step}");
                    model.end(pid, 9, &mut clock);
                }
            }
            8 | 9 => {
                let (kind, id) = (random.below(3) as u64, random.pick(&any));
                let id = if kind == 1 && id == 0 { pid } else { id };
                let options = random.pick(&[4, 6, 14, 2, 8, 10]) | random.pick(&[0, 1, 0x0100_0000]);
                let answer = h.ask(vm, numbers(op::WAIT, &[kind, id as u64, options]), &[]);
                let (result, status) = model.wait(pid, kind, id, options);
                assert_eq!((answer.result, answer.values[6] as i32), (result, status), "{step}");
            }
            10 => {
                let (target, group) = (random.pick(&any), random.pick(&any));
                let result = h.call(vm, op::SETPGID, &[target as u64, group as u64]);
                assert_eq!(result, model.setpgid(pid, target, group), "{step}");
            }
            11 => {
                let leads = model.all.values().any(|one| one.group == pid);
                let result = h.call(vm, op::SETSID, &[]);
                assert_eq!(result, if leads { -1 } else { pid.into() }, "{step}");
                if !leads {
                    let one = model.all.get_mut(&pid).unwrap();
                    (one.group, one.session) = (pid, pid);
                }
            }
            12 => {
                let one = model.all.get_mut(&pid).unwrap();
                let signal = if one.stopped { 0 } else { 19 };
                one.stopped = !one.stopped;
                one.news = Some(if one.stopped { 0x137f } else { 0xffff });
                assert_eq!(h.call(vm, op::STOPPED, &[signal]), 0, "{step}");
            }
            13 => {
                let one = model.all.get_mut(&pid).unwrap();
                let value = random.below(2);
                match random.below(3) {
                    0 => {
                        one.subreaper = value == 1;
                        assert_eq!(h.call(vm, op::OPTION, &[1, value as u64]), 0);
                    }
                    1 => {
                        one.vanish = value == 1;
                        assert_eq!(h.call(vm, op::OPTION, &[3, value as u64]), 0);
                    }
                    _ => {
                        one.executed = true;
                        let mut request = numbers(op::DESCRIBE, &[0, 0, 0, 1]);
                        request.flags = 4;
                        assert_eq!(h.ask(vm, request, &[]).result, 0);
                    }
                }
            }
            _ => continue,
        }
        compare(&mut h, &model, &step);
        if random.below(8) == 0 {
            let pid = random.pick(&living);
            if model.all.get(&pid).is_some_and(|one| one.status.is_none()) {
                let kinds = [notice::SIGNAL, notice::CHILD, notice::REPARENTED, notice::GROUP];
                assert!(h.notices(ids[&pid]).iter().all(|note| kinds.contains(&note.kind)), "{step}");
            }
        }
    }
}

#[test]
fn the_tree_is_the_models() {
    for seed in 1..=60 {
        run(seed, 250);
    }
}

/// Deaths at every moment: as a promise, before and after the first word, after EXIT; nothing is left of any.
#[test]
fn a_thousand_kills_leave_nothing() {
    let mut random = Random::new(77);
    let mut h = Harness::with(None, 40);
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut killed = 0;
    let mut vms = vec![h.first];
    while killed < 1000 {
        let vm = random.pick(&vms);
        // Who has not reported does not ask for anything: the server sees to that.
        let reported = !matches!(h.session.clients.get(vm).unwrap().host, Host::Promised);
        match random.below(6) {
            0 | 1 if vm == h.first || reported => {
                let request = numbers(op::FORK, &[17]);
                let child =
                    if random.below(4) == 0 { h.promise(vm, request) } else { h.fork_with(vm, request) };
                vms.extend(child);
            }
            2 | 3 if vm != h.first => {
                h.lose(vm);
                killed += 1;
            }
            4 if vm != h.first && reported => {
                assert_eq!(h.call(vm, op::EXIT, &[0]), 0);
                h.lose(vm);
                killed += 1;
            }
            5 => {
                let pid = h.vms[&vm].pid;
                let target = h.vms[&random.pick(&vms)].pid;
                if target != FIRST {
                    assert_eq!(h.call(h.first, op::KILL, &[target as u64, 0, 9]), 0, "{pid}");
                    killed += h.bury().len();
                }
            }
            _ if vm == h.first || reported => while h.call(vm, op::WAIT, &[0, 0, 4]) > 0 {},
            _ => {}
        }
        vms.retain(|vm| h.vms.contains_key(vm));
    }
    let all: Vec<_> = vms.iter().copied().filter(|vm| *vm != h.first).collect();
    for vm in all {
        h.lose(vm);
    }
    while h.call(h.first, op::WAIT, &[0, 0, 4]) > 0 {}
    assert_eq!(h.call(h.first, op::WAIT, &[0, 0, 4]), ECHILD);
    assert_eq!((h.session.clients.len(), h.session.processes.len(), h.vms.len()), (1, 1, 1));
    // Standard streams, the test's own, one VM's, and those of the test that runs beside this one in the process: nothing that grows with
    // the number of deaths.
    assert!(descriptors() < 250, "{}", descriptors());
}
