// Builds the vDSO with the C compiler. Used by build.rs and by the vDSO's host test, so that the test sees the same bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `vdso/` of the kernel crate at `here` into `out`; returns the shared object's path. The compiler is `$CC`, or gcc.
///
/// # Panics
/// When the compiler is missing or fails: its messages say why.
pub fn build_vdso(here: &Path, out: &Path) -> PathBuf {
    let sources = here.join("vdso");
    let image = out.join("vdso.so");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "gcc".into());
    let status = Command::new(&compiler)
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-m64", "-march=x86-64"])
        .args(["-ffreestanding", "-fno-builtin", "-fPIC", "-fvisibility=hidden", "-fno-stack-protector"])
        .args(["-fcf-protection=none", "-fasynchronous-unwind-tables", "-fno-ident", "-g0"])
        .args(["-shared", "-nostdlib", "-nostartfiles", "-Wl,-soname=linux-vdso.so.1", "-Wl,-Bsymbolic"])
        .args(["-Wl,--hash-style=both", "-Wl,--eh-frame-hdr", "-Wl,--build-id=none", "-Wl,-z,noexecstack"])
        .args(["-Wl,-z,max-page-size=4096", "-Wl,--no-undefined", "-Wl,--strip-all"])
        .arg(format!("-Wl,-T,{}", sources.join("vdso.lds").display()))
        .arg(sources.join("vdso.c"))
        .arg("-o")
        .arg(&image)
        .status();
    match status {
        Ok(status) if status.success() => image,
        Ok(status) => panic!("{compiler} failed to build the vDSO ({status})"),
        Err(error) => panic!("the vDSO needs a C compiler; {compiler}: {error}"),
    }
}
