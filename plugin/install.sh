#!/bin/sh
# Installs ksops and sops of a release on a laptop or a CI machine:
#   curl --proto '=https' -sSfL https://github.com/example/ksops-rs/releases/latest/download/install.sh | sh
#
#   DEST      where to: ~/.local/bin unless set
#   VERSION   which release, such as 0.1.0: the latest unless set
#   PROGRAMS  "ksops sops" unless set
#   BASE_URL  where releases are
# What is downloaded must have the checksum that the release names. Who made it,
# `gh attestation verify FILE --repo example/ksops-rs` says.
set -eu

BASE_URL=${BASE_URL:-https://github.com/example/ksops-rs/releases}
DEST=${DEST:-$HOME/.local/bin}
PROGRAMS=${PROGRAMS:-ksops sops}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

case $(uname -s) in
  Linux) system=Linux os=linux ;;
  Darwin) system=Darwin os=darwin ;;
  *) fail "there is no program for $(uname -s); build it with cargo" ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=x86_64 short=amd64 ;;
  aarch64 | arm64) arch=arm64 short=arm64 ;;
  *) fail "there is no program for $(uname -m); build it with cargo" ;;
esac

if [ -n "${VERSION:-}" ]; then
  VERSION=${VERSION#v}
  from=$BASE_URL/download/v$VERSION
else
  from=$BASE_URL/latest/download
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

get() {
  if command -v curl >/dev/null 2>&1; then
    curl -sSfL -o "$work/$1" "$from/$1" || fail "cannot download $from/$1"
  else
    wget -q -O "$work/$1" "$from/$1" || fail "cannot download $from/$1"
  fi
}

sum() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1"
  else
    shasum -a 256 "$1"
  fi | cut -d ' ' -f 1
}

# Downloads a file of the release, and compares it with its checksum.
checked() {
  get "$1"
  wanted=$(awk -v name="$1" '$2 == name || $2 == "*" name { print $1 }' "$work/checksums.txt")
  [ -n "$wanted" ] || fail "checksums.txt does not name $1"
  [ "$wanted" = "$(sum "$work/$1")" ] || fail "$1 does not have the checksum of the release"
}

get checksums.txt
if [ -z "${VERSION:-}" ]; then
  VERSION=$(sed -n "s/^.* sops-v\(.*\)\.$os\.$short\$/\1/p" "$work/checksums.txt")
  [ -n "$VERSION" ] || fail "the latest release has no program for $system $arch"
fi

mkdir -p "$DEST"
for program in $PROGRAMS; do
  case $program in
    ksops)
      archive=ksops_${VERSION}_${system}_$arch.tar.gz
      checked "$archive"
      tar -xzf "$work/$archive" -C "$work" ksops
      ;;
    sops)
      checked "sops-v$VERSION.$os.$short"
      mv "$work/sops-v$VERSION.$os.$short" "$work/sops"
      ;;
    *) fail "there is no program $program: ksops and sops are" ;;
  esac
  chmod 0755 "$work/$program"
  # Beside its place, then renamed: one that runs stays whole.
  cp "$work/$program" "$DEST/.$program.new"
  mv "$DEST/.$program.new" "$DEST/$program"
  echo "installed $DEST/$program, $VERSION"
done
case :$PATH: in
  *":$DEST:"*) ;;
  *) echo "$DEST is not on PATH" ;;
esac
