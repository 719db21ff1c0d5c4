//! The shipped program, under a name that the tests can find.

fn main() -> std::process::ExitCode {
    gateway::cli::main()
}
