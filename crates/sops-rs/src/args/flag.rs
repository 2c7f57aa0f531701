//! Every option, once: parsing, help, completions and manual pages are made
//! of these (sops-encrypt-and-edit §2).

#![cfg_attr(
    not(feature = "keyservice"),
    allow(dead_code, reason = "options of a command that is left out")
)]

/// An option.
pub(crate) struct Flag {
    /// The long name, and those that mean the same.
    pub(crate) names: &'static [&'static str],
    pub(crate) kind: Kind,
    /// The variable that is its default.
    pub(crate) env: Option<&'static str>,
    /// What its value is called; empty for switches.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Nothing, or a boolean behind `=`; with its default.
    Switch(bool),
    /// A text; of several the last counts.
    Text,
    /// A whole number.
    Number,
    /// A text, as often as one likes.
    Texts,
}

impl Flag {
    /// The long name.
    pub(crate) const fn name(&self) -> &'static str {
        self.names[0]
    }

    const fn switch(names: &'static [&'static str], help: &'static str) -> Self {
        Flag {
            names,
            kind: Kind::Switch(false),
            env: None,
            value: "",
            help,
        }
    }

    const fn text(names: &'static [&'static str], value: &'static str, help: &'static str) -> Self {
        Flag {
            kind: Kind::Text,
            value,
            ..Flag::switch(names, help)
        }
    }

    const fn texts(
        names: &'static [&'static str],
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Flag {
            kind: Kind::Texts,
            value,
            ..Flag::switch(names, help)
        }
    }

    const fn number(names: &'static [&'static str], help: &'static str) -> Self {
        Flag {
            kind: Kind::Number,
            value: "N",
            ..Flag::switch(names, help)
        }
    }

    const fn env(self, name: &'static str) -> Self {
        Flag {
            env: Some(name),
            ..self
        }
    }
}

macro_rules! flags {
    ($($name:ident = $flag:expr;)*) => {
        $(pub(crate) static $name: Flag = $flag;)*
    };
}

flags! {
    HELP = Flag::switch(&["help", "h"], "Show help");
    ERROR_FORMAT = Flag::text(&["error-format"], "FORMAT",
        "How errors and warnings are written to stderr: `text`, or `json`, one object on each line");

    // Which mode, in the old style.
    DECRYPT = Flag::switch(&["decrypt", "d"], "Decrypt a file and print it");
    ENCRYPT = Flag::switch(&["encrypt", "e"], "Encrypt a file and print it");
    ROTATE = Flag::switch(&["rotate", "r"], "Encrypt all values of a file anew, with a new data key");
    SET = Flag::text(&["set"], "'PATH JSON'", "Set one value, as in '[\"db\"][\"ports\"][0] 5432'");
    VERSION = Flag::switch(&["version", "v"], "Print the version");
    DISABLE_VERSION_CHECK = Flag::switch(&["disable-version-check"],
        "Accepted: no version of this program asks the network").env("SOPS_DISABLE_VERSION_CHECK");
    CHECK_FOR_UPDATES = Flag::switch(&["check-for-updates"],
        "Accepted: no version of this program asks the network");

    // What is read and written.
    IN_PLACE = Flag::switch(&["in-place", "i"], "Write the result in the place of the file");
    OUTPUT = Flag::text(&["output"], "FILE", "Write to this file instead of stdout");
    EXTRACT = Flag::text(&["extract"], "PATH", "Print one value only, such as '[\"db\"][\"hosts\"][0]'");
    INPUT_TYPE = Flag::text(&["input-type"], "TYPE",
        "Format of the input: yaml, json, dotenv, ini or binary; else what its name says");
    OUTPUT_TYPE = Flag::text(&["output-type"], "TYPE",
        "Format of the output: yaml, json, dotenv, ini or binary; else what the input's name says");
    FILENAME_OVERRIDE = Flag::text(&["filename-override"], "NAME",
        "The name that decides about formats and creation rules, instead of the file's own");
    IGNORE_MAC = Flag::switch(&["ignore-mac"], "Go on where the MAC is not valid: anyone may have changed the file");
    CONFIG = Flag::text(&["config"], "FILE",
        "The configuration, instead of the nearest .sops.yaml at or above the working directory").env("SOPS_CONFIG");
    INDENT = Flag::number(&["indent"], "How many spaces YAML and JSON are indented by");
    VERBOSE = Flag::switch(&["verbose"], "Say what is done");

    // For whom.
    AGE = Flag::text(&["age", "a"], "RECIPIENTS", "Encrypt to these age recipients (commas between)").env("SOPS_AGE_RECIPIENTS");
    PGP = Flag::text(&["pgp", "p"], "FINGERPRINTS", "Encrypt to these PGP keys").env("SOPS_PGP_FP");
    KMS = Flag::text(&["kms", "k"], "ARNS", "Encrypt to these AWS KMS keys").env("SOPS_KMS_ARN");
    AWS_PROFILE = Flag::text(&["aws-profile"], "NAME", "The AWS profile that the KMS keys are used with");
    GCP_KMS = Flag::text(&["gcp-kms"], "IDS", "Encrypt to these Google Cloud KMS keys").env("SOPS_GCP_KMS_IDS");
    HCKMS = Flag::text(&["hckms"], "IDS", "Encrypt to these Huawei Cloud KMS keys (REGION:UUID)").env("SOPS_HUAWEICLOUD_KMS_IDS");
    AZURE_KV = Flag::text(&["azure-kv"], "URLS", "Encrypt to these Azure Key Vault keys").env("SOPS_AZURE_KEYVAULT_URLS");
    HC_VAULT = Flag::text(&["hc-vault-transit"], "URIS", "Encrypt to these Vault transit keys").env("SOPS_VAULT_URIS");
    ENCRYPTION_CONTEXT = Flag::text(&["encryption-context"], "K:V,…", "The encryption context of the KMS keys");
    THRESHOLD = Flag::number(&["shamir-secret-sharing-threshold"], "How many key groups must be opened to decrypt");
    ADD_AGE = Flag::text(&["add-age"], "RECIPIENTS", "Add age recipients");
    RM_AGE = Flag::text(&["rm-age"], "RECIPIENTS", "Remove age recipients");
    ADD_PGP = Flag::text(&["add-pgp"], "FINGERPRINTS", "Add PGP keys");
    RM_PGP = Flag::text(&["rm-pgp"], "FINGERPRINTS", "Remove PGP keys");
    ADD_KMS = Flag::text(&["add-kms"], "ARNS", "Add AWS KMS keys");
    RM_KMS = Flag::text(&["rm-kms"], "ARNS", "Remove AWS KMS keys");
    ADD_GCP_KMS = Flag::text(&["add-gcp-kms"], "IDS", "Add Google Cloud KMS keys");
    RM_GCP_KMS = Flag::text(&["rm-gcp-kms"], "IDS", "Remove Google Cloud KMS keys");
    ADD_HCKMS = Flag::text(&["add-hckms"], "IDS", "Add Huawei Cloud KMS keys");
    RM_HCKMS = Flag::text(&["rm-hckms"], "IDS", "Remove Huawei Cloud KMS keys");
    ADD_AZURE_KV = Flag::text(&["add-azure-kv"], "URLS", "Add Azure Key Vault keys");
    RM_AZURE_KV = Flag::text(&["rm-azure-kv"], "URLS", "Remove Azure Key Vault keys");
    ADD_HC_VAULT = Flag::text(&["add-hc-vault-transit"], "URIS", "Add Vault transit keys");
    RM_HC_VAULT = Flag::text(&["rm-hc-vault-transit"], "URIS", "Remove Vault transit keys");

    // Which values.
    UNENCRYPTED_SUFFIX = Flag::text(&["unencrypted-suffix"], "SUFFIX", "Leave in clear what stands under keys with this suffix");
    ENCRYPTED_SUFFIX = Flag::text(&["encrypted-suffix"], "SUFFIX", "Encrypt only what stands under keys with this suffix");
    UNENCRYPTED_REGEX = Flag::text(&["unencrypted-regex"], "REGEX", "Leave in clear what stands under keys that match");
    ENCRYPTED_REGEX = Flag::text(&["encrypted-regex"], "REGEX", "Encrypt only what stands under keys that match");
    UNENCRYPTED_COMMENT_REGEX = Flag::text(&["unencrypted-comment-regex"], "REGEX", "Leave in clear what stands behind a comment that matches");
    ENCRYPTED_COMMENT_REGEX = Flag::text(&["encrypted-comment-regex"], "REGEX", "Encrypt only what stands behind a comment that matches");
    MAC_ONLY_ENCRYPTED = Flag::switch(&["mac-only-encrypted"], "Let only encrypted values count for the MAC");

    // How files are opened.
    DECRYPTION_ORDER = Flag::text(&["decryption-order"], "KINDS", "Which kinds of key are tried first (age,pgp)").env("SOPS_DECRYPTION_ORDER");
    LOCAL_KEYSERVICE = Flag {
        kind: Kind::Switch(true),
        ..Flag::switch(&["enable-local-keyservice"], "Use the keys of this machine")
    }.env("SOPS_ENABLE_LOCAL_KEYSERVICE");
    KEYSERVICE = Flag::texts(&["keyservice"], "URI", "Ask this key service too (tcp://HOST:PORT or unix:///PATH)").env("SOPS_KEYSERVICE");

    // Of one command each.
    SHOW_MASTER_KEYS = Flag::switch(&["show-master-keys", "s"], "Show the sops block in the editor, to be edited too");
    VALUE_FILE = Flag::switch(&["value-file"], "The value is the name of a file that holds it");
    VALUE_STDIN = Flag::switch(&["value-stdin"], "Read the value from stdin");
    IDEMPOTENT = Flag::switch(&["idempotent"], "Leave the file alone where nothing would change");
    YES = Flag::switch(&["yes", "y"], "Do not ask");
    CHECK = Flag::switch(&["check", "dry-run"], "Change nothing and need no key; exit 1 where a file's recipients are not those of the configuration");
    NETWORK = Flag::text(&["network", "net"], "KIND", "What kind of socket: tcp or unix (tcp)");
    ADDRESS = Flag::text(&["address", "addr"], "ADDRESS", "Where to listen: HOST:PORT, or a path (127.0.0.1:5000)");
    PROMPT = Flag::switch(&["prompt"], "Ask on the terminal before each answer");
    FORMAT = Flag::text(&["format"], "FORM", "How the report is written to stdout: text, json, or sarif (2.1.0)");
    EXCLUDE = Flag::texts(&["exclude"], "GLOB", "Leave out what matches, as in .gitignore: testdata, '*.tpl', 'charts/**/templates'");
    RESOLVE = Flag::text(&["resolve"], "SIDE", "Settle the conflicts that a merge left in a file for one side, ours or theirs, or in an editor: edit");
    OMIT_EXTENSIONS = Flag::switch(&["omit-extensions"], "Leave the extension out of the published name");
    RECURSIVE = Flag::switch(&["recursive"], "Publish all files in a folder");
    BACKGROUND = Flag::switch(&["background"], "Start the command and do not wait for it");
    USER = Flag::text(&["user"], "NAME", "Run the command as this user");
    PRISTINE = Flag::switch(&["pristine"], "Give the command no other variables");
    SAME_PROCESS = Flag::switch(&["same-process"], "Become the command instead of starting it");
    NO_FIFO = Flag::switch(&["no-fifo"], "Write a file instead of a named pipe");
    FILENAME = Flag::text(&["filename"], "NAME", "The name of the file that the command gets (tmp-file)");
    FILE = Flag::text(&["file", "f"], "FILE", "The file whose groups are changed");
    GROUP_AGE = Flag::texts(&["age"], "RECIPIENT", "An age recipient of the new group");
    GROUP_PGP = Flag::texts(&["pgp"], "FINGERPRINT", "A PGP key of the new group");
    GROUP_KMS = Flag::texts(&["kms"], "ARN", "An AWS KMS key of the new group");
    GROUP_GCP_KMS = Flag::texts(&["gcp-kms"], "ID", "A Google Cloud KMS key of the new group");
    GROUP_HCKMS = Flag::texts(&["hckms"], "ID", "A Huawei Cloud KMS key of the new group");
    GROUP_AZURE_KV = Flag::texts(&["azure-kv"], "URL", "An Azure Key Vault key of the new group");
    GROUP_HC_VAULT = Flag::texts(&["hc-vault-transit"], "URI", "A Vault transit key of the new group");
}

/// Key services, which nearly every command may ask.
pub(crate) static SERVICES: &[&Flag] = &[&LOCAL_KEYSERVICE, &KEYSERVICE];

/// The recipients that a file is encrypted to.
pub(crate) static KEYS: &[&Flag] = &[
    &AGE,
    &PGP,
    &KMS,
    &AWS_PROFILE,
    &GCP_KMS,
    &HCKMS,
    &AZURE_KV,
    &HC_VAULT,
    &ENCRYPTION_CONTEXT,
    &THRESHOLD,
];

/// Which values are encrypted.
pub(crate) static SELECTION: &[&Flag] = &[
    &UNENCRYPTED_SUFFIX,
    &ENCRYPTED_SUFFIX,
    &UNENCRYPTED_REGEX,
    &ENCRYPTED_REGEX,
];

/// Recipients to be added and removed.
pub(crate) static CHANGES: &[&Flag] = &[
    &ADD_AGE,
    &RM_AGE,
    &ADD_PGP,
    &RM_PGP,
    &ADD_KMS,
    &RM_KMS,
    &ADD_GCP_KMS,
    &RM_GCP_KMS,
    &ADD_HCKMS,
    &RM_HCKMS,
    &ADD_AZURE_KV,
    &RM_AZURE_KV,
    &ADD_HC_VAULT,
    &RM_HC_VAULT,
];

/// The recipients of a new key group.
pub(crate) static GROUP: &[&Flag] = &[
    &GROUP_AGE,
    &GROUP_PGP,
    &GROUP_KMS,
    &AWS_PROFILE,
    &GROUP_GCP_KMS,
    &GROUP_HCKMS,
    &GROUP_AZURE_KV,
    &GROUP_HC_VAULT,
    &ENCRYPTION_CONTEXT,
];

/// In front of a command, or of a file in the old style.
pub(crate) static GLOBAL: &[&[&Flag]] = &[
    &[
        &DECRYPT,
        &ENCRYPT,
        &ROTATE,
        &SET,
        &IN_PLACE,
        &OUTPUT,
        &EXTRACT,
        &INPUT_TYPE,
        &OUTPUT_TYPE,
        &FILENAME_OVERRIDE,
        &IGNORE_MAC,
        &SHOW_MASTER_KEYS,
        &CONFIG,
        &INDENT,
        &DECRYPTION_ORDER,
    ],
    KEYS,
    CHANGES,
    SELECTION,
    &[
        &UNENCRYPTED_COMMENT_REGEX,
        &ENCRYPTED_COMMENT_REGEX,
        &MAC_ONLY_ENCRYPTED,
    ],
    SERVICES,
    &[
        &VERBOSE,
        &ERROR_FORMAT,
        &DISABLE_VERSION_CHECK,
        &CHECK_FOR_UPDATES,
        &VERSION,
        &HELP,
    ],
];
