# shellcheck shell=bash
# Sourced by the other scripts. `enter_venv GROUP…` creates or refreshes the virtual environment of this clone, installs
# lapinq and those groups of dependencies in it, and puts it on the PATH.
#
# It is `.venv`, with the Python it has or else the newest there is. PYTHON=python3.12 uses that interpreter, in a
# separate environment (`.venv-3.12`). A stamp records what was installed: while it is valid, no network is needed.
#
# Everything comes with the version and the hash in deploy/lock: uv by pip, the rest by uv. LAPINQ_PACKAGES=newest or
# =oldest installs the newest or the oldest versions that pyproject.toml allows instead, each in an environment of its
# own.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

enter_venv() {
    local python venv stamp
    python=$(choose_python)
    venv=$(venv_of "$python")
    stamp=$(IFS=- && echo "$venv/.stamp-$*")
    if command -v flock >/dev/null; then
        # If two scripts start at once, one creates the environment and the other waits for it.
        exec 9<"$root/scripts/venv.sh"
        flock 9
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$(wanted "$python" "$venv")" ]; then
        fill_venv "$python" "$venv" "$@"
        wanted "$python" "$venv" >"$stamp"
    fi
    exec 9<&-
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
    unset PYTHONHOME
}

fill_venv() {
    local python=$1 venv=$2 group groups=() versions=()
    shift 2
    for group; do
        groups+=(--group "$root/pyproject.toml:$group")
    done
    say "preparing ${venv#"$root/"} with $("$python" --version)"
    rm -f "$venv"/.stamp-*
    if ! is_usable "$python" "$venv"; then
        "$python" -m venv --clear "$venv" || fail "could not make a virtual environment in $venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        --requirement "$root/deploy/lock/build.txt" >&2 || fail "$cannot_install"
    case ${LAPINQ_PACKAGES-} in
        newest) ;;
        oldest) # of lapinq's own; the tools around them are the newest that get along with these
            into "$venv" --resolution lowest-direct --editable "${root}[embedded]"
            with_uv "$venv/bin/uv" pip freeze --python "$venv/bin/python" --exclude-editable >"$venv/oldest.txt"
            versions=(--constraints "$venv/oldest.txt")
            ;;
        *) versions=(--constraints "$root/deploy/lock/development.txt") ;;
    esac
    into "$venv" "${versions[@]}" --editable "${root}[embedded]" "${groups[@]}"
}

into() {
    local venv=$1
    shift
    with_uv "$venv/bin/uv" pip install --python "$venv/bin/python" \
        --build-constraints "$root/deploy/lock/build.txt" "$@" >&2 || fail "$cannot_install"
}

cannot_install='could not install what pyproject.toml asks for; the lines above say why'

# Runs a uv with the system's certificates and Pythons, and without a cache if there is no place for one.
with_uv() {
    local cache=${XDG_CACHE_HOME:-${HOME-}/.cache}
    export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1
    mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || export UV_NO_CACHE=1
    "$1" --quiet "${@:2}"
}

# Whether $2 was created at that path and with that very Python.
is_usable() {
    head -n 2 "$2/bin/pip" 2>/dev/null | grep -qF "$2/bin/python" &&
        [ "$(full_version "$1")" = "$(full_version "$2/bin/python")" ]
}

wanted() {
    cat "$root"/pyproject.toml "$root"/deploy/lock/{build,development}.txt - <<<"$(full_version "$1") $2" | cksum
}

full_version() {
    "$1" -c 'import sys; print(sys.version)' 2>/dev/null
}

venv_of() {
    local of=${LAPINQ_PACKAGES:+-$LAPINQ_PACKAGES}
    if [ -n "${PYTHON-}" ]; then
        echo "$root/.venv-$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')$of"
    else
        echo "$root/.venv$of"
    fi
}

choose_python() {
    local python
    case ${LAPINQ_PACKAGES-newest} in
        newest | oldest) ;;
        *) fail "LAPINQ_PACKAGES is newest or oldest, not $LAPINQ_PACKAGES" ;;
    esac
    if [ -n "${PYTHON-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is no Python 3.11 or newer"
        makes_venvs "$PYTHON" || install_venv_module "$PYTHON"
        echo "$PYTHON"
        return
    fi
    for python in "$(base_of "$root/.venv/bin/python")" python3.14 python3.13 python3.12 python3.11 python3; do
        if is_new_enough "$python" && makes_venvs "$python"; then
            echo "$python"
            return
        fi
    done
    install_venv_module python3
    echo python3
}

base_of() {
    "$1" -c 'import sys; print(sys._base_executable)' 2>/dev/null || true
}

is_new_enough() {
    [ "$("$1" -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)" = True ]
}

makes_venvs() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

# Debian keeps these modules in a separate package.
install_venv_module() {
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' 2>/dev/null) || package=python3-venv
    command -v apt-get >/dev/null || fail "found no Python 3.11 or newer that has the modules venv and ensurepip"
    [ "$(id -u)" = 0 ] || fail "the Debian package $package is missing: run 'apt-get install $package' as root"
    say "installing the Debian package $package"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$package"; } >&2 ||
        fail "could not install the Debian package $package"
    { is_new_enough "$1" && makes_venvs "$1"; } ||
        fail "found no Python 3.11 or newer that has the modules venv and ensurepip"
}

say() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

fail() {
    say "$*"
    exit 1
}
