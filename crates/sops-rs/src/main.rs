//! Fills in a [`sops_rs::Process`] and runs it.

fn main() -> std::process::ExitCode {
    sops_rs::start(sops_rs::run)
}
