# Set-up that ./run and ./test share: installs what is missing, saying what and why, and builds.
# Read by bash with `.`; the caller stands in the root of the repository.

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# One fixed folder outside the checkout: the heavy dependencies are compiled once for every checkout.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/andon/target}
mkdir -p "$CARGO_TARGET_DIR"

# What was built last in another checkout counts as fresh to cargo when the files here are older, and has that one's
# paths and perhaps its code in it. So our own crates, and only they, are built again after a change of checkouts.
own_the_target() {
  local last=$CARGO_TARGET_DIR/checkout
  [ "$(cat "$last" 2>/dev/null)" = "$PWD" ] && return 0
  find bin crates fuzz xtask -name '*.rs' -type f -exec touch {} +
  printf '%s\n' "$PWD" >"$last"
}
own_the_target

say() { printf '%s\n' "andon: $*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 127; fi
}

# need_packages NAME…: Debian packages
need_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq \
      && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }; then
    say "these packages are missing and cannot be installed by this user; run: sudo apt-get install ${missing[*]}"
    exit 1
  fi
}

need_rust() {
  [ -x "$HOME/.cargo/bin/cargo" ] && PATH=$HOME/.cargo/bin:$PATH
  command -v cargo >/dev/null || { say "Rust is missing; install it with rustup (https://rustup.rs), then run this again"; exit 1; }
}

need_node() {
  command -v node >/dev/null || need_packages nodejs npm
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || { say "Node $major is too old; version 20 or newer is needed"; exit 1; }
}

# npm_ci FOLDER: installs what the lock file says, unless it is there already
npm_ci() {
  local stamp=$1/node_modules/.andon-lock
  if [ -f "$stamp" ] && cmp -s "$1/package-lock.json" "$stamp"; then return; fi
  say "installing the packages of $1"
  npm ci --prefix "$1" --no-audit --no-fund --loglevel=error >&2
  cp "$1/package-lock.json" "$stamp"
}

# build_ui: builds the web UI when its sources have changed since the last build
build_ui() {
  npm_ci ui
  if [ -f ui/dist/index.html ] && [ -z "$(find ui/src ui/index.html ui/package-lock.json ui/vite.config.ts -newer ui/dist/index.html -print -quit)" ]; then return; fi
  say "building the web UI"
  npm run --silent --prefix ui build >&2
}

build_andon() {
  say "building andon (the first time compiles its dependencies, which takes a while)"
  cargo build --locked -p andon -p andon-dependencies >&2
}

# wait_for URL PROCESS LOG: waits until a server answers, or says why it has stopped
wait_for() {
  for _ in $(seq 1 600); do
    if curl -fsS -o /dev/null "$1" 2>/dev/null; then return 0; fi
    kill -0 "$2" 2>/dev/null || { say "the server has stopped:"; tail -n 20 "$3" >&2; exit 1; }
    sleep 0.1
  done
  say "$1 does not answer"; tail -n 20 "$3" >&2; exit 1
}
