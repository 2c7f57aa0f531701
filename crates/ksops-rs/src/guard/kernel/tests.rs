use std::fmt::Write;

use super::*;

#[test]
fn what_a_kernel_is_good_for() {
    let mut all = String::new();
    for kernel in [
        Kernel::Landlock(7),
        Kernel::Landlock(3),
        Kernel::Landlock(2),
        Kernel::Off("it is switched off"),
        Kernel::NotLinux,
    ] {
        for best_effort in [false, true] {
            let said = match kernel.judge(best_effort) {
                Ok(None) => "good".into(),
                Ok(Some(warning)) => format!("warning: {warning}"),
                Err(error) => format!("error: {error}"),
            };
            writeln!(all, "{kernel}, best effort {best_effort}: {said}").unwrap();
        }
    }
    insta::assert_snapshot!(all);
}
