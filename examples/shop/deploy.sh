#!/bin/sh
# Deploys one version of one service of the shop, and asks Andon first.
#
#   deploy.sh SERVICE VERSION [--no-test]    test, ask, build, switch, record
#   deploy.sh SERVICE --rollback             back to the version before, without a build
#
# Environment: SHOP_DIR (the shop's work folder), ANDON_URL, ANDON_TOKEN, and where they differ from
# the usual ANDON_BIN (the andon command) and DEPLOYED_BY (who deploys; the commit's author).
set -eu

home=$(cd "$(dirname "$0")" && pwd)
andon=${ANDON_BIN:-andon}
shop() { command=$1; shift; node "$home/shop.mjs" "$command" "$@" --dir "$SHOP_DIR"; }
now() { node -p 'new Date().toISOString()'; }
say() { printf '%s\n' "deploy: $*" >&2; }
usage() { sed -n '4,5s/^#   /usage: /p' "$0" >&2; exit 2; }

service=${1:-}; version=''; run_tests=yes; rollback=''
[ -n "$service" ] || usage
shift
for argument in "$@"; do
  case $argument in
    --no-test) run_tests=no ;;
    --rollback) rollback=--rollback ;;
    -*) usage ;;
    *) [ -z "$version" ] || usage; version=$argument ;;
  esac
done
[ -n "${SHOP_DIR:-}" ] || { say "SHOP_DIR is not set; it names the shop's work folder"; exit 2; }
command -v "$andon" >/dev/null || { say "there is no \`$andon\`; set ANDON_BIN to the andon command"; exit 2; }
[ -z "$rollback" ] || version=$(shop previous "$service")
[ -n "$version" ] || usage

repository=$SHOP_DIR/repos/$service
notes=$SHOP_DIR/services/$service/changes
commit=$(git -C "$repository" rev-parse --verify --quiet "refs/tags/v$version^{commit}") || {
  say "$service $version is not committed; run: shop.mjs commit $service $version"; exit 2
}
author=$(git -C "$repository" log -1 --format=%ae "$commit")
by=${DEPLOYED_BY:-$author}

# The idempotency test, on a clean checkout of exactly this commit. A rollback does not wait for it.
tested=missing; test_stage=''
if [ "$run_tests" = yes ] && [ -z "$rollback" ]; then
  checkout=$(shop checkout "$service" "$version")
  if [ -f "$checkout/test/idempotency.test.mjs" ]; then
    started=$(now)
    # A test run around this script must not swallow the result of this one.
    unset NODE_TEST_CONTEXT
    if (cd "$checkout" && node --test test/idempotency.test.mjs >&2); then tested=passed; else tested=failed; fi
    test_stage="$started..$(now),$by"
  fi
fi

# Andon says whether the line runs and the policies agree. A rollback goes even when nobody answers.
"$andon" check --scope "component:default/$service" --change-version "$version" --commit "$commit" \
  --environment production --test "idempotency=$tested" $rollback || {
  code=$?
  [ -n "$rollback" ] && [ "$code" -eq 4 ] || { say "$service $version was not deployed"; exit "$code"; }
  say "Andon does not answer; the rollback goes on without it"
}
[ "$tested" != failed ] || { say "the idempotency test failed; $service $version was not deployed"; exit 1; }

build_stage=''
if [ -z "$rollback" ]; then
  started=$(now)
  shop build "$service" "$version" >&2
  build_stage="$started..$(now),$by"
fi

outcome=succeeded
started=$(now)
shop switch "$service" "$version" >&2 || outcome=failed
deploy_stage="$started..$(now),$by"

# The record: what went where, when, by whom, and which change a rollback takes back.
left=''
[ -z "$rollback" ] || left=$(cat "$notes/current" 2>/dev/null || true)
title=$(git -C "$repository" log -1 --format=%s "$commit")
commit_stage="$(git -C "$repository" log -1 --format=%aI "$commit"),$author"
[ -z "$rollback" ] || { title="Back to version $version"; commit_stage=''; }
set -- --service "component:default/$service" --version "$version" --commit "$commit" --repo "$repository" \
  --title "$title" --environment production ${commit_stage:+--stage "commit=$commit_stage"} \
  ${test_stage:+--stage "test=$test_stage"} ${build_stage:+--stage "build=$build_stage"} \
  --stage "deploy=$deploy_stage" --outcome "$outcome" --test "idempotency=$tested" \
  $rollback ${left:+--rolls-back "$left"}
if change=$("$andon" change record "$@"); then
  printf '%s\n' "$change"
  mkdir -p "$notes"
  [ "$outcome" = failed ] || printf '%s\n' "$change" | grep -o 'chg-[0-9]*' | head -n 1 >"$notes/current"
else
  say "$service $version runs, but Andon did not record it (exit $?)"
  [ -n "$rollback" ] || exit 1
fi
[ "$outcome" = succeeded ] || { say "$service $version did not become healthy; the version before runs"; exit 1; }
