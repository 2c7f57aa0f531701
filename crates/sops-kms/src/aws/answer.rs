//! What AWS's refusals mean. Of an answer only the status, the error's code
//! and the request's number are ever shown.

use sops_core::keys::{KeyError, Reason};

use crate::http::Answer;

/// An error's code: `AccessDeniedException`. A server could send anything:
/// what does not look like a code is none.
pub(crate) fn code(answer: &Answer) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Error {
        #[serde(alias = "code", alias = "__Type", alias = "Code")]
        __type: Option<String>,
    }
    let header = answer.header("x-amzn-errortype").map(str::to_owned);
    let json = || answer.json::<Error>()?.__type;
    let xml = || tag(std::str::from_utf8(answer.body()).ok()?, "Code").map(str::to_owned);
    let code = header.or_else(json).or_else(xml)?;
    // `com.amazonaws.kms#NotFoundException`, `NotFoundException:http://…`
    let code = code.rsplit('#').next()?.split(':').next()?;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    (!code.is_empty() && code.len() <= 64 && code.chars().all(good)).then(|| code.to_owned())
}

/// The text of an element of a small XML document. None of what is asked for
/// holds markup or needs escapes.
pub(crate) fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// Whether a refusal will pass.
pub(crate) fn passes(answer: &Answer) -> bool {
    !answer.is_success()
        && code(answer).is_some_and(|code| {
            matches!(
                &*code,
                "Throttling"
                    | "ThrottlingException"
                    | "ThrottledException"
                    | "RequestThrottledException"
                    | "TooManyRequestsException"
                    | "RequestLimitExceeded"
                    | "LimitExceededException"
                    | "SlowDown"
                    | "DependencyTimeoutException"
                    | "KMSInternalException"
                    | "IDPCommunicationError"
                    | "RequestTimeout"
                    | "RequestTimeoutException"
            )
        })
}

/// Whether a refusal may be because our clock is wrong.
pub(crate) fn may_be_the_clock(code: &str) -> bool {
    matches!(
        code,
        "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "RequestTimeTooSkewed"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "AuthFailure"
    )
}

/// Whether a refusal says that credentials have ended.
pub(crate) fn has_ended(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired"
    )
}

/// What was asked for, for messages.
pub(crate) struct Asked<'a> {
    /// `kms:Decrypt`.
    pub(crate) action: &'a str,
    /// The key, or the role.
    pub(crate) what: &'a str,
    /// Whose credentials were used.
    pub(crate) who: &'a str,
}

/// A refusal as a failure.
pub(crate) fn refusal(answer: &Answer, asked: &Asked<'_>) -> KeyError {
    let Asked { action, what, who } = asked;
    let code = code(answer);
    let status = answer.status();
    let name = code.as_deref().unwrap_or("no error code");
    let said = match request_id(answer) {
        Some(id) => format!("{status} {name}, request {id}"),
        None => format!("{status} {name}"),
    };
    let of = |reason, detail: String| KeyError::new(reason, format!("{detail} ({said})"));
    match code.as_deref().unwrap_or_default() {
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => {
            let not_allowed = format!("{action} is not allowed for {who} on {what}");
            let policy = match action.split(':').next() {
                Some("s3") => "the bucket's policy",
                Some("sts") => "the role's trust policy",
                _ => "the key's policy",
            };
            of(Reason::Denied, not_allowed).advise(format!(
                "allow {action} on {what} in {policy}, or in an IAM policy of {who}"
            ))
        }
        code if has_ended(code) => of(
            Reason::Denied,
            format!("the credentials of {who} have expired"),
        )
        .advise(format!("renew the credentials of {who}")),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => {
            of(Reason::Denied, format!("{who} is not known to AWS"))
                .advise(format!("check id, secret and session token of {who}"))
        }
        code if may_be_the_clock(code) || code == "IncompleteSignature" => of(
            Reason::Denied,
            format!("the signature by {who} is not right"),
        )
        .advise(format!(
            "check the secret access key of {who}, and this machine's clock"
        )),
        "NotFoundException" => of(Reason::NotFound, (*what).to_owned())
            .advise("check the ARN: its region, its account, its id or alias"),
        "DisabledException" | "KMSInvalidStateException" | "KeyUnavailableException" => of(
            Reason::Unavailable,
            format!("{what} is disabled, or waits to be deleted"),
        )
        .advise("enable the key, or cancel its deletion, in the AWS console"),
        "InvalidCiphertextException" | "IncorrectKeyException" => of(
            Reason::NotOurs,
            format!("not made with {what} and the encryption context of the file"),
        )
        .advise("restore arn, context and enc of the file's `sops` block from version control"),
        "NoSuchBucket" => of(Reason::NotFound, (*what).to_owned())
            .advise("check the bucket's name, and whether it is of this account"),
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => elsewhere(what),
        "InvalidKeyUsageException" => of(
            Reason::Unsupported,
            format!("{what} is not a key for encryption"),
        )
        .advise("use a symmetric key whose usage is to encrypt and decrypt"),
        "InvalidIdentityToken" | "InvalidIdentityTokenException" | "IDPRejectedClaim" => {
            of(Reason::Denied, format!("{who} is not accepted for {what}"))
                .advise("check the role's trust policy, and the cluster's OIDC provider in IAM")
        }
        _ if answer.is_transient() || passes(answer) => {
            of(Reason::Unavailable, format!("{action} failed for now"))
                .may_help_to_retry()
                .advise("try again: the service is busy, or has a fault that will pass")
        }
        _ => of(answer.reason(), format!("{action} failed"))
            .advise("AWS's documentation of the call says what the error's code means"),
    }
}

/// S3's servers know the buckets of their own region.
pub(crate) fn elsewhere(what: &str) -> KeyError {
    KeyError::new(Reason::Invalid, format!("{what} is of another region"))
        .advise("set AWS_REGION to the bucket's region")
}

fn request_id(answer: &Answer) -> Option<String> {
    let header = answer.header("x-amzn-requestid").map(str::to_owned);
    let xml = || tag(std::str::from_utf8(answer.body()).ok()?, "RequestId").map(str::to_owned);
    let id = header.or_else(xml)?;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!id.is_empty() && id.len() <= 64 && id.chars().all(good)).then_some(id)
}
