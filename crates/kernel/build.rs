//! Links the kernel: no C runtime, static, at the top of the address space (`kernel.ld`).

include!("build_vdso.rs");

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,--gc-sections",
        "-Wl,-z,norelro",
        "-Wl,-z,noexecstack",
        // The VMM copies segments, whatever their place in the file.
        "-Wl,-z,max-page-size=64",
        "-Wl,-z,common-page-size=64",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{here}/kernel.ld");
    let out = std::env::var("OUT_DIR").expect("set by cargo");
    build_vdso(Path::new(&here), Path::new(&out));
    println!("cargo:rerun-if-changed=kernel.ld");
    println!("cargo:rerun-if-changed=vdso");
    println!("cargo:rerun-if-changed=build_vdso.rs");
    println!("cargo:rerun-if-changed=build.rs");
}
