//! The program: see `identidex::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    identidex::cli::main()
}
