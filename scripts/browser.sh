# shellcheck shell=bash disable=SC2154
# Source it after venv.sh, which sets `root`, and after entering the virtual environment. `want_browser` installs
# Debian's
# Chromium if there is no browser for the browser tests and it can: as root, with apt-get. Without a browser these
# tests
# are skipped, or fail if CI is set.

want_browser() {
    (cd "$root" && python -m tests.support.pages.browser >/dev/null 2>&1) && return
    if [ -n "${LAPINQ_TEST_BROWSER-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        without_browser "there is no browser: as root, 'apt-get install chromium' gets one"
        return
    fi
    say "installing the Debian package chromium, for the browser tests"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        chromium fonts-dejavu-core; } >&2 || true
    (cd "$root" && python -m tests.support.pages.browser >/dev/null) ||
        without_browser "could not install the Debian package chromium; the lines above say why"
}

without_browser() {
    [ -z "${CI-}" ] || fail "$1"
    say "$1; the browser tests are left out"
}
