use std::fmt::Write;

use super::*;

fn vars(given: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    given.iter().map(own).collect()
}

fn layout() -> Layout {
    Layout {
        root: "/tmp/_argocd-repo/1".into(),
        private: "/tmp/ksops-guard-1".into(),
        programs: vec!["/usr/local/bin/kustomize".into()],
        keys: vec!["/keys/team-a".into(), "/keys/_shared".into()],
        ..Layout::default()
    }
}

fn shown(rules: &[Rule]) -> String {
    let mut all = String::new();
    for rule in rules {
        writeln!(all, "{rule}").unwrap();
    }
    all
}

/// Those that are not the system's.
fn own(given: &[(&str, &str)], layout: &Layout) -> String {
    let rules = rules(&vars(given), layout);
    let own = rules.iter().filter(|rule| {
        !SYSTEM
            .iter()
            .any(|(path, access)| rule.path == Path::new(path) && rule.access == *access)
    });
    shown(&own.cloned().collect::<Vec<_>>())
}

#[test]
fn a_tenant_of_argo_cd() {
    let vars = vars(&[
        ("HOME", "/home/argocd"),
        ("XDG_CONFIG_HOME", "/home/argocd/.config"),
        ("KUSTOMIZE_PLUGIN_HOME", "/home/argocd/ksops-plugin"),
        ("KSOPS_KEY_DIR", "/keys"),
        (
            "GIT_SSH_COMMAND",
            "ssh -i /dev/shm/123 -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/app/config/ssh/ssh_known_hosts",
        ),
        ("SSL_CERT_FILE", "/ca/bundle.pem"),
    ]);
    insta::assert_snapshot!(shown(&rules(&vars, &layout())));
}

#[test]
fn where_keys_are_not_kept_by_project_those_of_the_user_may_be_read() {
    let layout = Layout {
        own_keys: true,
        keys: Vec::new(),
        confined: Some("/repos".into()),
        more: vec!["/more".into()],
        ..layout()
    };
    let given = [
        ("HOME", "/home/u"),
        ("SOPS_AGE_KEY_FILE", "/secret/age.agekey"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"),
        ("KSOPS_VAULT_ROLE", "argocd"),
        ("AWS_REGION", "eu-west-1"),
    ];
    insta::assert_snapshot!(own(&given, &layout));
}

#[test]
fn only_one_folder_may_be_written() {
    for given in [
        &[][..],
        &[("HOME", "/home/u")],
        &[("XDG_CONFIG_HOME", "/c")],
    ] {
        let all = rules(&vars(given), &layout());
        let written = all.iter().filter(|rule| rule.access == Access::Write);
        let written: Vec<_> = written.map(|rule| &rule.path).collect();
        assert_eq!(written, [Path::new("/tmp/ksops-guard-1")]);
    }
}

#[test]
fn no_rule_is_for_all_of_the_disk_or_for_a_relative_path() {
    let given = [
        ("HOME", "/"),
        ("SSL_CERT_DIR", "/"),
        ("SSL_CERT_FILE", "ca.pem"),
        ("GIT_SSL_CAINFO", "../../etc"),
        ("GIT_SSH_COMMAND", "ssh -i / -o IdentityFile=x"),
        ("SOPS_AGE_KEY_FILE", "//"),
    ];
    for rule in rules(&vars(&given), &layout()) {
        assert!(rule.path.is_absolute(), "{rule}");
        assert!(rule.path.components().count() > 1, "{rule}");
    }
}

#[test]
fn a_command_for_ssh_names_files() {
    let ssh = |command: &str| {
        let layout = Layout::default();
        own(&[("GIT_SSH_COMMAND", command)], &layout)
    };
    assert_eq!(
        ssh("ssh -i \"/k/1\" -i/k/2 -F /k/3 -o IdentityFile=/k/4 -o 'UserKnownHostsFile=\"/k/5\"'"),
        "read /k/1\nread /k/2\nread /k/3\nread /k/4\nread /k/5\n"
    );
    assert_eq!(ssh("ssh -o StrictHostKeyChecking=no"), "");
}
