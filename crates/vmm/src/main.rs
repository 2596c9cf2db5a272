//! `ramet-vmm`: see `docs/spec/control.md`.

use ramet_vmm::boot::Config;
use std::path::Path;
use std::process::ExitCode;

// One process in a session is its keeper, which has a limit.
#[global_allocator]
static HEAP: ramet_keeper::heap::Counted = ramet_keeper::heap::Counted;

const USAGE: &str = "usage: ramet-vmm run CONFIG.json | ramet-vmm doctor --json | ramet-vmm version";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // Started by a VMM itself.
        ["keeper", ..] => ramet_keeper::main(&std::env::args().skip(2).collect::<Vec<_>>()),
        ["run", config] => run(Path::new(config)),
        ["doctor"] | ["doctor", "--json"] => {
            let (report, usable) = ramet_vmm::doctor::examine();
            println!("{report}");
            if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        ["version"] => {
            println!("ramet-vmm {} abi {}", env!("CARGO_PKG_VERSION"), ramet_abi::ABI_VERSION);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(path: &Path) -> ExitCode {
    match Config::load(path) {
        Ok(config) => ExitCode::from(ramet_vmm::life::run(&config)),
        Err(error) => {
            ramet_vmm::complain(&error.to_string());
            ExitCode::from(125)
        }
    }
}
