//! Generator manifests of one encrypted file, `secret.enc.yaml`.

/// For the plugin folder of kustomize.
pub const LEGACY: &str = "\
apiVersion: viaduct.ai/v1
kind: ksops
metadata:
  name: secrets
files:
- secret.enc.yaml
";

/// For kustomize's function style, which runs `ksops` by its name.
pub const KRM: &str = "\
apiVersion: viaduct.ai/v1
kind: ksops
metadata:
  name: secrets
  annotations:
    config.kubernetes.io/function: |
      exec:
        path: ksops
files:
- secret.enc.yaml
";
