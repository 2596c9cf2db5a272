//! credentials(7): who may become whom.

use crate::errno::Errno;
use crate::fs::credentials::{Credentials, cap};
use crate::fs::inode::{Attributes, FileType};
use crate::fs::permission::{self, EXECUTE, READ, WRITE};

const KEEP: u32 = u32::MAX;

#[test]
fn root_becomes_a_user_for_good() {
    let mut c = Credentials::root();
    c.setgid(100).unwrap();
    c.setgroups(&[5, 3]).unwrap();
    c.setuid(1000).unwrap();
    assert_eq!((c.uid, c.euid, c.suid, c.fsuid), (1000, 1000, 1000, 1000));
    assert_eq!((c.effective, c.permitted), (0, 0));
    assert_eq!(c.setuid(0), Err(Errno::EPERM));
    assert_eq!(c.setresuid(KEEP, 0, KEEP), Err(Errno::EPERM));
    assert_eq!(c.setgroups(&[]), Err(Errno::EPERM));
    assert_eq!(&*c.groups, &[3, 5]);
    assert_eq!(c.setuid(KEEP), Err(Errno::EINVAL));
}

#[test]
fn an_effective_id_can_be_dropped_and_taken_back() {
    let mut c = Credentials::root();
    c.setresuid(KEEP, 1000, KEEP).unwrap();
    assert_eq!((c.uid, c.euid, c.suid, c.fsuid), (0, 1000, 0, 1000));
    assert_eq!((c.effective, c.permitted), (0, cap::ALL));
    assert_eq!(c.setresuid(KEEP, 1001, KEEP), Err(Errno::EPERM));
    c.setreuid(KEEP, 0).unwrap();
    assert_eq!(c.effective, cap::ALL);
    // setreuid(real, ...) sets the saved id to the new effective one.
    c.setreuid(1000, 1001).unwrap();
    assert_eq!((c.uid, c.euid, c.suid), (1000, 1001, 1001));
    assert_eq!(c.permitted, 0);
}

#[test]
fn the_file_system_id_takes_its_capabilities_with_it() {
    let mut c = Credentials::root();
    assert_eq!(c.setfsuid(1000), 0);
    assert!(!c.has(cap::DAC_OVERRIDE) && c.has(cap::SETUID));
    assert_eq!(c.setfsuid(0), 1000);
    assert!(c.has(cap::DAC_OVERRIDE));
    let mut user = Credentials::user(1000, 1000, &[]);
    assert_eq!(user.setfsuid(0), 1000);
    assert_eq!(user.fsuid, 1000);
}

#[test]
fn capabilities_are_kept_on_request() {
    let mut c = Credentials::root();
    c.keep_capabilities = true;
    c.setresuid(1000, 1000, 1000).unwrap();
    assert_eq!((c.effective, c.permitted), (0, cap::ALL));
}

#[test]
fn a_set_user_id_program_runs_as_its_owner() {
    let user = Credentials::user(1000, 1000, &[]);
    let (run, secure) = user.after_exec(0, 0, 0o104755);
    assert_eq!((run.uid, run.euid, run.suid, run.fsuid, run.effective), (1000, 0, 0, 0, cap::ALL));
    assert!(secure);
    let (run, secure) = user.after_exec(0, 0, 0o100755);
    assert_eq!((run, secure), (user.clone(), false));
    let barred = Credentials { no_new_privileges: true, ..user };
    assert!(!barred.after_exec(0, 0, 0o104755).1);
}

#[test]
fn permission_bits_are_those_of_the_first_class_that_matches() {
    let file = |permissions| Attributes { file_type: FileType::Regular, permissions, uid: 1, gid: 2 };
    let who = [Credentials::user(1, 2, &[]), Credentials::user(9, 2, &[]), Credentials::user(9, 9, &[2])];
    for bits in 0..0o1000 {
        for (credentials, shift) in who.iter().zip([6, 3, 3]).chain([(&Credentials::user(9, 9, &[]), 0)]) {
            for want in 1..8 {
                let allowed = (bits >> shift) & want == want;
                assert_eq!(permission::check(&file(bits), credentials, want).is_ok(), allowed);
            }
        }
        let root = Credentials::root();
        assert!(permission::check(&file(bits), &root, READ | WRITE).is_ok());
        assert_eq!(permission::check(&file(bits), &root, EXECUTE).is_ok(), bits & 0o111 != 0);
    }
}
