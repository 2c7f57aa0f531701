//! Fills in a [`ksops_rs::Process`] and runs it.

fn main() -> std::process::ExitCode {
    let name = std::env::args_os().next().unwrap_or_default();
    sops_rs::start(ksops_rs::called(&name))
}
