//! `.sops.yaml`.

use std::path::Path;

use sops_core::{ErrorKind, Format, config::Config};

/// A `.sops.yaml`: every error says what to do, and asking twice gives the
/// same.
pub fn config(data: &[u8]) {
    let refused = |error: sops_core::Error| {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Config | ErrorKind::Limit),
            "{error}"
        );
        assert!(error.advice().is_some(), "{error}");
    };
    let config = match Config::parse(data) {
        Ok(config) => config,
        Err(error) => return refused(error),
    };
    for path in ["p.yaml", "prod/secret.enc.yaml", "/w/\u{e9}.env", ""] {
        let path = Path::new(path);
        match config.creation_rule(path) {
            Ok(Some(rule)) => {
                let again = config.creation_rule(path).ok().flatten();
                let again = again.expect("the same rule again");
                assert!(rule.key_groups() == again.key_groups());
                assert!(!rule.key_groups().is_empty());
                if rule.has_groups() {
                    // Each recipient once.
                    for group in rule.key_groups() {
                        let mut names: Vec<_> = group
                            .iter()
                            .map(|recipient| (recipient.kind(), recipient.to_string()))
                            .collect();
                        names.sort();
                        names.dedup();
                        assert_eq!(names.len(), group.len());
                    }
                }
            }
            Ok(None) => {}
            Err(error) => refused(error),
        }
        if let Err(error) = config.destination_rule(path) {
            refused(error);
        }
    }
    for format in Format::ALL {
        match config.style(format) {
            Ok(style) => assert!((2..=9).contains(&style.yaml_indent)),
            Err(error) => refused(error),
        }
    }
}
