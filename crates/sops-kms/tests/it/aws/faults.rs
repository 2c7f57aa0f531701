//! What servers do wrong, and what is said of it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use sops_core::keys::{Effort, KeyError, KeyService, Reason, Recipient, Secret, WrappedKey};
use sops_kms::AwsKms;

use super::{ARN, KEYS, SECRET, answer, env, key, kms, refuse, round};
use crate::fake::{Fake, Got, Reply, nobody};

/// A service whose AWS is this address.
fn at(url: &str) -> AwsKms {
    AwsKms::new(env(&[&KEYS[..], &[("AWS_ENDPOINT_URL", url)]].concat()))
}

fn failure(handler: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> KeyError {
    let fake = Fake::http(handler);
    let error = round(&at(&fake.url()), &key()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("planted-secret"));
    error
}

fn shown(error: &KeyError) -> String {
    let retry = if error.is_transient() { " [retry]" } else { "" };
    format!("{error}{retry}\n  {}", error.advice().unwrap_or("-"))
}

#[test]
fn refusals() {
    let of = |status, code: &'static str| shown(&failure(move |_| refuse(status, code)));
    insta::assert_snapshot!([
        of(400, "AccessDeniedException"),
        of(400, "com.amazonaws.kms#NotFoundException"),
        of(400, "DisabledException"),
        of(400, "InvalidCiphertextException"),
        of(400, "IncorrectKeyException"),
        of(400, "ExpiredTokenException"),
        of(400, "UnrecognizedClientException"),
        of(400, "InvalidSignatureException"),
        of(400, "InvalidKeyUsageException"),
        of(400, "ThrottlingException"),
        of(429, "TooManyRequestsException"),
        of(500, "KMSInternalException"),
        of(400, "SomethingNew"),
        // What is no code is not shown.
        of(400, "planted-secret <with> blanks"),
        of(403, ""),
    ]
    .join("\n"), @r"
    denied: kms:Encrypt is not allowed for the access key in AWS_ACCESS_KEY_ID on arn:aws:kms:eu-west-1:123456789012:key/a-key (400 AccessDeniedException, request 0f00-ba4)
      allow kms:Encrypt on arn:aws:kms:eu-west-1:123456789012:key/a-key in the key's policy, or in an IAM policy of the access key in AWS_ACCESS_KEY_ID
    there is no such key: arn:aws:kms:eu-west-1:123456789012:key/a-key (400 NotFoundException, request 0f00-ba4)
      check the ARN: its region, its account, its id or alias
    unavailable: arn:aws:kms:eu-west-1:123456789012:key/a-key is disabled, or waits to be deleted (400 DisabledException, request 0f00-ba4)
      enable the key, or cancel its deletion, in the AWS console
    no matching identity: not made with arn:aws:kms:eu-west-1:123456789012:key/a-key and the encryption context of the file (400 InvalidCiphertextException, request 0f00-ba4)
      restore arn, context and enc of the file's `sops` block from version control
    no matching identity: not made with arn:aws:kms:eu-west-1:123456789012:key/a-key and the encryption context of the file (400 IncorrectKeyException, request 0f00-ba4)
      restore arn, context and enc of the file's `sops` block from version control
    denied: the credentials of the access key in AWS_ACCESS_KEY_ID have expired (400 ExpiredTokenException, request 0f00-ba4)
      renew the credentials of the access key in AWS_ACCESS_KEY_ID
    denied: the access key in AWS_ACCESS_KEY_ID is not known to AWS (400 UnrecognizedClientException, request 0f00-ba4)
      check id, secret and session token of the access key in AWS_ACCESS_KEY_ID
    denied: the signature by the access key in AWS_ACCESS_KEY_ID is not right (400 InvalidSignatureException, request 0f00-ba4)
      check the secret access key of the access key in AWS_ACCESS_KEY_ID, and this machine's clock
    not supported: arn:aws:kms:eu-west-1:123456789012:key/a-key is not a key for encryption (400 InvalidKeyUsageException, request 0f00-ba4)
      use a symmetric key whose usage is to encrypt and decrypt
    unavailable: kms:Encrypt failed for now (400 ThrottlingException, request 0f00-ba4) [retry]
      try again: the service is busy, or has a fault that will pass
    unavailable: kms:Encrypt failed for now (429 TooManyRequestsException, request 0f00-ba4) [retry]
      try again: the service is busy, or has a fault that will pass
    unavailable: kms:Encrypt failed for now (500 KMSInternalException, request 0f00-ba4) [retry]
      try again: the service is busy, or has a fault that will pass
    unavailable: kms:Encrypt failed (400 SomethingNew, request 0f00-ba4)
      AWS's documentation of the call says what the error's code means
    unavailable: kms:Encrypt failed (400 no error code, request 0f00-ba4)
      AWS's documentation of the call says what the error's code means
    denied: kms:Encrypt failed (403 no error code, request 0f00-ba4)
      AWS's documentation of the call says what the error's code means
    ");
}

#[test]
fn refusals_in_xml() {
    let error = failure(|_| {
        Reply::with(
            403,
            &[],
            "<ErrorResponse><Error><Code>InvalidClientTokenId</Code>\
            <Message>planted-secret</Message></Error><RequestId>abc-1</RequestId></ErrorResponse>",
        )
    });
    assert_eq!(error.reason(), Reason::Denied);
    assert!(
        error
            .to_string()
            .ends_with("(403 InvalidClientTokenId, request abc-1)"),
        "{error}"
    );
}

#[test]
fn answers_that_are_none() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"Plaintext":"!","CiphertextBlob":""}"#,
        "<html>",
    ] {
        let error = failure(move |_| Reply::json(200, body));
        assert_eq!(error.reason(), Reason::Unavailable, "{body}: {error}");
    }
}

#[test]
fn throttled_for_a_while() {
    let count = AtomicUsize::new(0);
    let fake = Fake::http(move |got| match count.fetch_add(1, Ordering::SeqCst) {
        0 => refuse(400, "ThrottlingException"),
        1 => refuse(500, "KMSInternalException"),
        _ => kms(got),
    });
    round(&at(&fake.url()), &key()).unwrap();
    assert_eq!(fake.got().len(), 4);
}

/// A server whose clock is an hour ahead refuses what is signed now.
#[test]
fn a_wrong_clock_is_corrected_once() {
    fn hour_ahead(got: &Got) -> Reply {
        let stamp = |time: SystemTime| {
            let seconds = time
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs();
            (
                seconds / 86_400,
                seconds / 3600 % 24,
                seconds / 60 % 60,
                seconds % 60,
            )
        };
        let theirs = SystemTime::now() + Duration::from_secs(3600);
        let (days, hour, minute, second) = stamp(theirs);
        let sent = got.header("x-amz-date");
        if sent[9..11] == format!("{hour:02}") {
            return kms(got);
        }
        // The date, from the day's number: 2024-01-01 was day 19,723.
        let (mut year, mut day) = (2024, days - 19_723);
        let length = |year: u64| if year.is_multiple_of(4) { 366 } else { 365 };
        while day >= length(year) {
            day -= length(year);
            year += 1;
        }
        let february = length(year) - 337;
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let names = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let mut month = 0;
        while day >= months[month] {
            day -= months[month];
            month += 1;
        }
        let date = format!(
            "Xyz, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT",
            day + 1,
            names[month]
        );
        Reply::with(
            400,
            &[("date", &date)],
            r#"{"__type":"InvalidSignatureException"}"#,
        )
    }
    let fake = Fake::http(hour_ahead);
    let service = at(&fake.url());
    round(&service, &key()).unwrap();
    // The first request twice; the clock is right from then on.
    assert_eq!(fake.got().len(), 3);
    // A signature that is wrong for another reason is not tried again.
    let fake = Fake::http(|_| refuse(400, "InvalidSignatureException"));
    round(&at(&fake.url()), &key()).unwrap_err();
    assert_eq!(fake.got().len(), 1);
}

/// Two hundred keys, twenty at a time, 50 ms each: half a second, and the
/// credentials are fetched once.
#[test]
fn many_at_a_time() {
    let fake = Fake::http(|got| match got.target.as_str() {
        "/container" => answer(got),
        _ => kms(got).slow(50),
    });
    let url = fake.url();
    let container = format!("{url}/container");
    let service = AwsKms::new(env(&[
        ("AWS_ENDPOINT_URL", &url),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
    ]));
    let wrapped = service
        .wrap(&key(), &Secret::from(SECRET.to_vec()))
        .unwrap();
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..10 {
                    service.unwrap(&wrapped, Effort::Network).unwrap();
                }
            });
        }
    });
    eprintln!(
        "200 keys at 50 ms each, 20 at a time: {:?}",
        start.elapsed()
    );
    let asked = fake
        .got()
        .iter()
        .filter(|got| got.target == "/container")
        .count();
    assert_eq!(asked, 1);
    // As many as there are threads; not one for each request.
    assert!(fake.connections() <= 22, "{}", fake.connections());
}

#[test]
fn files_that_are_not_to_be_believed() {
    let fake = Fake::http(kms);
    let service = at(&fake.url());
    let unwrap = |recipient: Recipient, enc: &str| {
        service
            .unwrap(&WrappedKey::new(recipient, enc), Effort::Network)
            .unwrap_err()
    };
    for arn in [
        "",
        "foo",
        "arn:aws:kms:evil.example:1:key/x",
        "arn:aws:kms:eu-west-1.evil.example/:1:key/x",
        "arn:aws:kms:eu-west-1@evil.example:1:key/x",
    ] {
        assert_eq!(
            unwrap(Recipient::aws_kms(arn), "AAAA").reason(),
            Reason::Invalid,
            "{arn}"
        );
    }
    for enc in ["", "not base64", "====", "\u{0}"] {
        let error = unwrap(Recipient::aws_kms(ARN), enc);
        assert_eq!(error.reason(), Reason::Damaged, "{enc:?}");
    }
    assert_eq!(fake.connections(), 0);
}

#[test]
fn no_credentials() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().display().to_string();
    let of = |vars: &[(&str, &str)]| {
        let vars = [vars, &[("HOME", home.as_str())]].concat();
        shown(&round(&AwsKms::new(env(&vars)), &key()).unwrap_err()).replace(&home, "~")
    };
    // A metadata server that is not there.
    let endpoint = format!("http://{}", nobody());
    insta::assert_snapshot!([
        of(&[("AWS_EC2_METADATA_DISABLED", "true")]),
        of(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]),
        of(&[("AWS_PROFILE", "gone")]),
        of(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/token"), ("AWS_ROLE_ARN", "arn:x")]),
        of(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/")]),
    ]
    .join("\n"), @r"
    no credentials
      in EKS, annotate the service account with a role (eks.amazonaws.com/role-arn) or associate one with it (Pod Identity); elsewhere set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE
    no credentials
      in EKS, annotate the service account with a role (eks.amazonaws.com/role-arn) or associate one with it (Pod Identity); elsewhere set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE
    no credentials: there is no profile gone in ~/.aws/config or ~/.aws/credentials
      add the profile gone in ~/.aws/config or ~/.aws/credentials, or name the file with AWS_CONFIG_FILE
    no credentials: /no/token: entity not found
      see whether the service account's token is mounted into this pod
    refused: AWS_CONTAINER_CREDENTIALS_FULL_URI: neither https nor an address of this machine, of ECS or of EKS
      set AWS_CONTAINER_CREDENTIALS_FULL_URI to an https address
    ");
}

#[test]
fn tokens_of_a_pod_that_are_refused() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "web.identity.token").unwrap();
    let path = token.path().display().to_string();
    let fake = Fake::http(|_| {
        Reply::with(
            400,
            &[],
            "<ErrorResponse><Error><Code>InvalidIdentityToken</Code>\
            <Message>planted-secret</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
        )
    });
    let service = AwsKms::new(env(&[
        ("AWS_ENDPOINT_URL", &fake.url()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/irsa"),
    ]));
    let errors: Vec<_> = (0..3)
        .map(|_| round(&service, &key()).unwrap_err())
        .collect();
    insta::assert_snapshot!(shown(&errors[0]), @r"
    denied: the service account's token is not accepted for arn:aws:iam::1:role/irsa (400 InvalidIdentityToken, request r-1)
      check the role's trust policy, and the cluster's OIDC provider in IAM
    ");
    // Asked once: the failure is remembered.
    assert_eq!(fake.got().len(), 1);
    service.forget_failures();
    round(&service, &key()).unwrap_err();
    assert_eq!(fake.got().len(), 2);
}
