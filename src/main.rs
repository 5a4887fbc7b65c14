//! The program `consign`; all of it is in the library, where tests can call it.

fn main() -> std::process::ExitCode {
    consign::cli::main()
}
