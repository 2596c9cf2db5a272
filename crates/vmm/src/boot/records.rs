//! Boot information and records: what the kernel is told about the program to run.

use super::config::Config;
use super::text::Text;
use ramet_abi::boot::{BootInfo, flag, tag};
use ramet_abi::layout::{BOOT_OFFSET, RECORDS_OFFSET, RECORDS_SIZE};
use ramet_memory::{OutOfBounds, SharedArea};

/// Why the records could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// More than fits.
    #[error("arguments and environment are {0} bytes, more than {RECORDS_SIZE}")]
    TooLarge(u64),
    /// The layout is wrong.
    #[error(transparent)]
    Bounds(#[from] OutOfBounds),
}

fn push(records: &mut Vec<u8>, tag: u32, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|p| p.len()).sum();
    records.extend(tag.to_le_bytes());
    records.extend((length as u32).to_le_bytes());
    for part in parts {
        records.extend_from_slice(part);
    }
    records.resize(records.len().next_multiple_of(8), 0);
}

/// What the records say of a program.
fn program(args: &[Text], env: &[Text], cwd: &[u8], user: &str) -> Vec<u8> {
    let mut records = Vec::new();
    for argument in args {
        push(&mut records, tag::ARGUMENT, &[argument]);
    }
    for variable in env {
        push(&mut records, tag::ENVIRONMENT, &[variable]);
    }
    push(&mut records, tag::DIRECTORY, &[cwd]);
    push(&mut records, tag::USER, &[user.as_bytes()]);
    records
}

/// Replaces the records by those of a program that is to be run beside the first one.
pub fn replace(
    area: &SharedArea,
    args: &[Text],
    env: &[Text],
    cwd: &[u8],
    user: &str,
) -> Result<(), RecordsError> {
    let records = program(args, env, cwd, user);
    let length = records.len() as u64;
    if length > RECORDS_SIZE {
        return Err(RecordsError::TooLarge(length));
    }
    area.write(RECORDS_OFFSET, &records)?;
    let at = BOOT_OFFSET + std::mem::offset_of!(BootInfo, records_length) as u64;
    Ok(area.write(at, &length.to_le_bytes())?)
}

fn records(config: &Config) -> Vec<u8> {
    let mut records = program(&config.args, &config.env, &config.cwd, &config.user);
    push(&mut records, tag::HOSTNAME, &[config.hostname.as_bytes()]);
    for (index, volume) in config.volumes.iter().enumerate() {
        let flags = u32::from(volume.read_only);
        push(
            &mut records,
            tag::VOLUME,
            &[&(index as u32).to_le_bytes(), &flags.to_le_bytes(), &volume.guest],
        );
    }
    records
}

/// Flags of [`BootInfo`] that follow from the configuration.
pub fn flags(config: &Config, fsgsbase: bool) -> u32 {
    let mut flags = 0;
    for (set, bit) in [
        (config.tty, flag::TERMINAL),
        (config.strace, flag::STRACE),
        (fsgsbase, flag::FSGSBASE),
        (!config.patch_syscalls, flag::NO_PATCHING),
    ] {
        if set {
            flags |= bit;
        }
    }
    flags
}

/// Writes the boot page and the records. `info.records_length` is filled in here.
pub fn write(area: &SharedArea, config: &Config, mut info: BootInfo) -> Result<(), RecordsError> {
    let records = records(config);
    info.records_length = records.len() as u64;
    if info.records_length > RECORDS_SIZE {
        return Err(RecordsError::TooLarge(info.records_length));
    }
    area.write(RECORDS_OFFSET, &records)?;
    let mut page = Vec::with_capacity(size_of::<BootInfo>());
    page.extend(info.abi_version.to_le_bytes());
    page.extend(info.flags.to_le_bytes());
    for word in [
        info.ram_size,
        info.ram_limit,
        info.image_size,
        info.xcr0,
        info.records_length,
        info.tsc_hz,
        info.host_cpus,
    ] {
        page.extend(word.to_le_bytes());
    }
    Ok(area.write(BOOT_OFFSET, &page)?)
}
