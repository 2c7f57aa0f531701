# What the scripts here share. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(uname -m)-unknown-linux-gnu
built=${CARGO_TARGET_DIR:-target}/$target/release
corpus=${CARGO_TARGET_DIR:-target}/bench-corpus

# Compiles as what is shipped is compiled.
build() {
  RUSTFLAGS="$(plugin/static-flags)" \
    cargo build --quiet --locked --target "$target" "$@"
}

# A release as it is shipped: static, stripped.
release() { build --release "$@"; }

# The files that whole processes are measured with, written once: remove the
# folder to have them anew.
make_corpus() {
  release -p benches
  [ -d "$corpus" ] || {
    "$built/make-corpus" "$corpus.new"
    mv "$corpus.new" "$corpus"
  }
}

# Those of the headline cases only, by the unoptimised program that the tests
# have built most of.
make_headline_corpus() {
  corpus+=-headline
  rm -rf "$corpus"
  cargo run --quiet --locked -p benches --bin make-corpus -- "$corpus" --headline
}
