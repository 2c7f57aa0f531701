//! Fills in a [`ksops_rs::Process`] and runs it.

fn main() -> std::process::ExitCode {
    sops_rs::start(ksops_rs::run)
}
