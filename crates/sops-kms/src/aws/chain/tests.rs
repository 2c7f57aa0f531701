use std::path::Path;

use super::*;
use crate::Policy;

/// A home with these two files, and these variables.
fn source(vars: &[(&str, &str)], config: &str, credentials: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(".aws").join(name), text);
    write("config", config).unwrap();
    write("credentials", credentials).unwrap();
    in_home(home.path(), vars, None, Policy::default().with_programs())
}

fn in_home(home: &Path, vars: &[(&str, &str)], profile: Option<&str>, policy: Policy) -> String {
    let mut vars: Vec<_> = vars
        .iter()
        .map(|&(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    vars.push(("HOME".into(), home.display().to_string()));
    let env = Environment::new(
        move |name| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.into()),
        policy,
    );
    let mut chain = Chain::new(&env);
    match chain.source(profile) {
        Ok(source) => source.to_string(),
        Err(error) => format!("error: {error}").replace(&home.display().to_string(), "~"),
    }
}

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKID"),
    ("AWS_SECRET_ACCESS_KEY", "s"),
];
const ROLE: &str = "arn:aws:iam::1:role/irsa";
const IRSA: [(&str, &str); 2] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
    ("AWS_ROLE_ARN", ROLE),
];
const PROFILE: &str = "[default]\naws_access_key_id=a\naws_secret_access_key=b\n";

#[test]
fn the_order() {
    let all = [&KEYS[..], &IRSA[..]].concat();
    assert_eq!(
        source(&all, "", PROFILE),
        "the access key in AWS_ACCESS_KEY_ID"
    );
    let irsa = "role arn:aws:iam::1:role/irsa (by AWS_WEB_IDENTITY_TOKEN_FILE)";
    assert_eq!(source(&IRSA, "", PROFILE), irsa);
    assert_eq!(
        source(&[], "", PROFILE),
        "the access key in profile default"
    );
    // Half a key is none.
    assert_eq!(
        source(&KEYS[..1], "", PROFILE),
        "the access key in profile default"
    );
    let old = [("AWS_ACCESS_KEY", "a"), ("AWS_SECRET_KEY", "b")];
    assert_eq!(
        source(&old, "", PROFILE),
        "the access key in AWS_ACCESS_KEY_ID"
    );
    let ecs = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    assert_eq!(
        source(&ecs, "", PROFILE),
        "the access key in profile default"
    );
    assert_eq!(
        source(&ecs, "", ""),
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
    );
    assert_eq!(
        source(&[], "", ""),
        "the role of this machine (instance metadata)"
    );
    let off = [("AWS_EC2_METADATA_DISABLED", "true")];
    assert_eq!(source(&off, "", ""), "error: no credentials");
    assert_eq!(
        source(&IRSA[..1], "", PROFILE),
        "error: no credentials: AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not set"
    );
}

#[test]
fn profiles() {
    let config = "[profile base]\naws_access_key_id=a\naws_secret_access_key=b\n\
        [profile admin]\nrole_arn=R1\nsource_profile=base\n\
        [profile deep]\nrole_arn=R2\nsource_profile=admin\n\
        [profile self]\nrole_arn=R3\nsource_profile=self\naws_access_key_id=a\naws_secret_access_key=b\n\
        [profile round]\nrole_arn=R4\nsource_profile=about\n\
        [profile about]\nrole_arn=R5\nsource_profile=round\n\
        [profile env]\nrole_arn=R6\ncredential_source=Environment\n\
        [profile ec2]\nrole_arn=R7\ncredential_source=Ec2InstanceMetadata\n\
        [profile ecs]\nrole_arn=R8\ncredential_source=EcsContainer\n\
        [profile web]\nrole_arn=R9\nweb_identity_token_file=/t\n\
        [profile mfa]\nrole_arn=R\nsource_profile=base\nmfa_serial=arn:x\n\
        [profile sso]\nsso_session=corp\nsso_account_id=1\nsso_role_name=Dev\n\
        [sso-session corp]\nsso_region=eu-west-1\nsso_start_url=https://x.awsapps.com/start\n\
        [profile old]\nsso_region=eu-west-1\nsso_start_url=u\nsso_account_id=1\nsso_role_name=Dev\n\
        [profile half]\nsso_session=none\n\
        [profile evil]\nsso_region=x.evil/\nsso_start_url=u\nsso_account_id=1\nsso_role_name=Dev\n\
        [profile run]\ncredential_process=/bin/x --y\n\
        [profile login]\nlogin_session=arn:x\n\
        [profile gone]\nrole_arn=R\nsource_profile=missing\n";
    let of = |name: &str, more: &[(&str, &str)]| {
        source(&[&[("AWS_PROFILE", name)], more].concat(), config, "")
    };
    let ecs = [(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://169.254.170.23/v1/credentials",
    )];
    insta::assert_snapshot!([
        of("base", &[]),
        of("admin", &[]),
        of("deep", &[]),
        of("self", &[]),
        of("round", &[]),
        // Variables with keys win over a profile that a variable names.
        of("admin", &KEYS),
        of("env", &[]),
        of("ec2", &[]),
        of("ecs", &ecs),
        of("ecs", &[]),
        of("web", &[]),
        of("mfa", &[]),
        of("sso", &[]),
        of("old", &[]),
        of("half", &[]),
        of("evil", &[]),
        of("run", &[]),
        of("login", &[]),
        of("gone", &[]),
        of("nobody", &[]),
    ]
    .join("\n"), @r"
    the access key in profile base
    role R1 (by the access key in profile base)
    role R2 (by role R1 (by the access key in profile base))
    role R3 (by the access key in profile self)
    error: no credentials: profile round leads round in a circle
    the access key in AWS_ACCESS_KEY_ID
    error: no credentials: AWS_ACCESS_KEY_ID is not set, which the profile names
    role R7 (by the role of this machine (instance metadata))
    role R8 (by AWS_CONTAINER_CREDENTIALS_FULL_URI)
    error: no credentials: this is no container with credentials of its own
    role R9 (by profile web)
    error: no credentials: profile mfa wants a code of a second factor
    SSO role Dev (of profile sso)
    SSO role Dev (of profile old)
    error: no credentials: profile half has no sso-session none
    error: no credentials: profile evil: sso_region is not a region
    credential_process of profile run
    error: no credentials: profile login has a login session
    error: no credentials: there is no profile missing in ~/.aws/config or ~/.aws/credentials
    error: no credentials: there is no profile nobody in ~/.aws/config or ~/.aws/credentials
    ");
}

#[test]
fn a_key_s_profile_beats_the_variables() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let path = home.path().join(".aws").join("credentials");
    std::fs::write(path, "[a]\naws_access_key_id=a\naws_secret_access_key=b\n").unwrap();
    let all = [&KEYS[..], &IRSA[..]].concat();
    let of = |profile| in_home(home.path(), &all, Some(profile), Policy::default());
    assert_eq!(of("a"), "the access key in profile a");
    assert_eq!(
        of("b"),
        "error: no credentials: there is no profile b in ~/.aws/config or ~/.aws/credentials"
    );
}

#[test]
fn programs_are_run_where_that_is_allowed() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let path = home.path().join(".aws").join("config");
    std::fs::write(path, "[default]\ncredential_process=/bin/x\n").unwrap();
    let of = |policy| in_home(home.path(), &[], None, policy);
    assert_eq!(
        of(Policy::default().with_programs()),
        "credential_process of profile default"
    );
    assert_eq!(
        of(Policy::default()),
        "error: refused: profile default has a credential_process, and programs are not run here"
    );
}

#[test]
fn who_may_be_asked_for_a_container_s_credentials() {
    for good in [
        "http://169.254.170.2/x",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://127.0.0.1:8080/x",
        "http://[::1]/x",
        "http://localhost/x",
        "https://credentials.example.org/x",
    ] {
        assert!(may_serve_container(good), "{good}");
    }
    for bad in [
        "http://169.254.169.254/x",
        "http://evil.example/x",
        "ftp://localhost/x",
        "/x",
    ] {
        assert!(!may_serve_container(bad), "{bad}");
    }
}

/// What refers to itself is about its own keys; others lead nowhere.
#[test]
fn profiles_that_lead_round() {
    let config = "[profile a]\nrole_arn=R1\nsource_profile=b\n\
        [profile b]\nrole_arn=R2\nsource_profile=a\n\
        [profile own]\nrole_arn=R3\nsource_profile=own\naws_access_key_id=i\naws_secret_access_key=s\n";
    assert_eq!(
        source(&[("AWS_PROFILE", "a")], config, ""),
        "error: no credentials: profile a leads round in a circle"
    );
    assert_eq!(
        source(&[("AWS_PROFILE", "own")], config, ""),
        "role R3 (by the access key in profile own)"
    );
}
