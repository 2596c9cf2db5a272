//! execve(2), in three steps: [`plan`] finds everything that can be wrong while the old program can still be told, [`replace`]
//! gives it up, [`load`] builds the new one. Boot is a [`plan`] and a [`load`].

mod load;
mod plan;
mod replace;

pub use load::load;
pub use plan::{Program, plan};
pub use replace::replace;

use ramet_kcore::errno::Result;
use ramet_kcore::fs::path::Path;

/// The file that a program runs from. As long as it does, nobody can open it for writing (ETXTBSY).
pub struct Executable(Path);

impl Executable {
    /// # Errors
    /// ETXTBSY: somebody has it open for writing.
    fn new(path: Path) -> Result<Self> {
        if let Some(state) = path.inode().state() {
            state.add_executor()?;
        }
        Ok(Executable(path))
    }

    /// For one more process that runs from it.
    pub fn again(&self) -> Executable {
        if let Some(state) = self.0.inode().used_state() {
            state.add_executor().expect("nobody can have opened it for writing");
        }
        Executable(self.0.clone())
    }

    /// Its place.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        if let Some(state) = self.0.inode().used_state() {
            state.remove_executor();
        }
    }
}
