# shellcheck shell=bash
# Source it after venv.sh. `has PROGRAM` tells whether there is a program. `want_debian PACKAGE PROGRAM` installs the
# program's Debian package if the program is missing and it can: as root, or with a sudo that asks for no password.

has() {
    command -v "$1" >/dev/null
}

want_debian() {
    local package=$1 program=$2 as=()
    has "$program" && return
    has apt-get || return
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return
        as=(sudo -n)
    fi
    say "installing the Debian package $package"
    {
        "${as[@]}" apt-get update &&
            "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$package"
    } >&2 || say "could not install the Debian package $package; the lines above say why"
    has "$program"
}
