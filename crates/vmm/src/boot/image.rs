//! The image file: checked, then mapped.

use crate::vm::{Error, Image};
use ramet_abi::layout::IMAGE_MAX;
use ramet_memory::Mapping;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// EROFS magic, at byte 1024 of the file (Linux: `fs/erofs/erofs_fs.h`).
const EROFS_MAGIC: u32 = 0xe0f5_e1e2;
const MAGIC_OFFSET: u64 = 1024;

/// Opens, checks and maps an image.
pub fn map(path: &Path) -> Result<Image, Error> {
    let fail = |reason: String| Error::Image { path: path.display().to_string(), reason };
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    let metadata = file.metadata().map_err(|e| fail(e.to_string()))?;
    if !metadata.is_file() {
        return Err(fail("not a regular file".into()));
    }
    let size = metadata.len();
    let mut magic = [0; 4];
    if size < MAGIC_OFFSET + 128 || file.read_exact_at(&mut magic, MAGIC_OFFSET).is_err() {
        return Err(fail(format!("truncated ({size} bytes)")));
    }
    if u32::from_le_bytes(magic) != EROFS_MAGIC {
        return Err(fail("not an EROFS image (wrong magic number)".into()));
    }
    if !size.is_multiple_of(4096) {
        return Err(fail(format!("truncated: {size} bytes is not a multiple of 4096")));
    }
    if size > IMAGE_MAX {
        return Err(fail(format!("{size} bytes; at most {IMAGE_MAX} are possible")));
    }
    let mapping = Mapping::file_on_large_pages(&file, size).map_err(|e| fail(e.to_string()))?;
    Ok(Image { mapping, file: Some(file) })
}
