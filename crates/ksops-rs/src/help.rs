//! What `--help` prints.

/// The text of `--help`.
pub(crate) const HELP: &str = "\
ksops-rs decrypts SOPS files for kustomize, as KSOPS does.

As a kustomize plugin:
  ksops-rs GENERATOR.yaml     print what the generator names (legacy exec plugin)
  ksops-rs < RESOURCELIST     the same as a KRM function, on stdin and stdout

By hand:
  ksops-rs decrypt [FILE]     print one file decrypted; see `ksops-rs decrypt --help`
  ksops-rs doctor [DIR]       say why a build does not work here, and what to do
  ksops-rs install DIR        copy the plugin into DIR, as Argo CD needs it
  ksops-rs guard -- kustomize build …
                              keep tenants apart, even when they run programs
  ksops-rs completion SHELL   print a script for bash, zsh or fish; or for man
  ksops-rs --version          print the version
  ksops-rs --help             print this text

A generator:
  apiVersion: viaduct.ai/v1
  kind: ksops
  metadata:
    name: secrets
  files:                      # printed decrypted, as they are
    - secret.enc.yaml
  secretFrom:                 # made into a Secret
    - metadata:
        name: app
      files:                  # stringData; `key=path` names the key
        - config.yaml=app.enc.yaml
      binaryFiles:            # data, as base64
        - logo.enc.png
      envs:                   # stringData, one per variable
        - app.enc.env

A name may be a glob: `secrets/*.enc.yaml`.

Keys come from SOPS_AGE_KEY, SOPS_AGE_KEY_FILE and the files sops looks in,
and from KSOPS_KEY_DIR: *.agekey, *.asc, sops.aws-kms and others, as Flux has
them; PGP keys from GnuPG's home; clouds are asked as the pod or the user may.
KSOPS_CONCURRENCY_LIMIT bounds how many files are decrypted at once (20).
KSOPS_PLACEHOLDER=true renders placeholders, without any key.
KSOPS_CONFINE=auto|off|/path limits which files are read: for Argo CD, to the
repository of the application.
";
