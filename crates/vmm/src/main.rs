//! `ramet-vmm`: see `docs/spec/control.md`.

use ramet_vmm::boot::Config;
use ramet_vmm::vm::Ending;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: ramet-vmm run CONFIG.json | ramet-vmm version";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["run", config] => run(Path::new(config)),
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
    let result = Config::load(path).map_err(Into::into).and_then(|config| ramet_vmm::run_vm(&config));
    match result {
        Ok(ending) => {
            if let Ending::Failed(message) = &ending {
                eprintln!("ramet: {message}");
            }
            ExitCode::from(ending.status())
        }
        Err(error) => {
            eprintln!("ramet: {error}");
            ExitCode::from(125)
        }
    }
}
