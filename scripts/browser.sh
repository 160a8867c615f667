# shellcheck shell=bash disable=SC2154
# Source it after venv.sh, which sets `root`, and after entering the virtual environment. `want_browser` installs
# Debian's Chromium without windows, or its Chromium, if there is no browser for the browser tests and it can: as root,
# with apt-get. Without a browser these tests are skipped, or fail if CI is set.

want_browser() {
    (cd "$root" && python -m tests.support.pages.browser >/dev/null 2>&1) && return
    if [ -n "${LAPINQ_TEST_BROWSER-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        without_browser "there is no browser: as root, 'apt-get install chromium-headless-shell' gets one"
        return
    fi
    say "installing the Debian package chromium-headless-shell, for the browser tests"
    { apt-get update && { install_browser chromium-headless-shell || install_browser chromium; }; } >&2 || true
    (cd "$root" && python -m tests.support.pages.browser >/dev/null) ||
        without_browser "could not install a Chromium of Debian; the lines above say why"
}

install_browser() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$1" fonts-dejavu-core
}

without_browser() {
    [ -z "${CI-}" ] || fail "$1"
    say "$1; the browser tests are left out"
}
