# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# lib.sh - what the scripts of tools/ share: saying what they do, being root or not, knowing the
# distribution, installing packages of tools/packages, folders, building. Sourced, not run:
#
#     . "$(dirname "$0")/lib.sh"
#
# Functions end the script by `die` (status 1) when they cannot do what they are for.

PUM_TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PUM_ROOT=$(dirname "$PUM_TOOLS")
PUM_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pumice
# shellcheck disable=SC2034 # used by the scripts
{
    PUM_DRIVERS=$PUM_CACHE/drivers
    PUM_MODELS=$PUM_CACHE/models/ocr-models-1.4.2
    PUM_VAD_MODELS=$PUM_CACHE/models/silero-vad-0.0.31
}

# say TEXT...: one line about what happens now
say() { printf '== %s\n' "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# show_help FILE: the comment at the top of a script, without the SPDX line
show_help() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 && !/SPDX/ { sub(/^# ?/, ""); print }' "$1" | sed '/./,$!d'
}

have() { command -v "$1" > /dev/null 2>&1; }

# as_root COMMAND...: run it as root: at once, by sudo, or not at all
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root (and there is no sudo): $*"
    fi
}

# os_release KEY: a value of /etc/os-release, "" if there is none
os_release() { (
    # shellcheck disable=SC1091
    [ ! -r /etc/os-release ] || . /etc/os-release
    printf '%s' "${!1-}"
); }

# has_apt: is this a distribution whose packages tools/packages names?
has_apt() {
    have apt-get && have dpkg-query || return 1
    case " $(os_release ID) $(os_release ID_LIKE) " in
    *' debian '* | *' ubuntu '*) return 0 ;;
    esac
    return 1
}

# list_packages GROUP...: the entries of the groups, "name" or "name|other name", one a line
list_packages() {
    local group
    for group; do
        awk -v group="$group" '{ sub(/#.*/, "") } $1 == group { print $2; n++ }
            END { exit n == 0 }' "$PUM_TOOLS/packages" ||
            die "tools/packages has no group '$group'"
    done
}

package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2> /dev/null)" = 'ii ' ]
}

# missing_packages GROUP...: the entries of which no alternative is installed
missing_packages() {
    local entry name found
    for entry in $(list_packages "$@"); do
        found=
        for name in ${entry//|/ }; do
            if package_installed "$name"; then found=1; fi
        done
        [ -n "$found" ] || printf '%s\n' "$entry"
    done
}

# keep_ca: installing the package ca-certificates writes the system's bundle anew, and would take
# away a certificate authority that the user put there for npm; a copy is kept, npm pointed to it
keep_ca() {
    local kept=$PUM_CACHE/npm-ca.pem
    case ${NODE_EXTRA_CA_CERTS-} in
    /etc/ssl/certs/*)
        if [ -r "$NODE_EXTRA_CA_CERTS" ]; then
            mkdir -p "$PUM_CACHE"
            cp "$NODE_EXTRA_CA_CERTS" "$kept"
            export NODE_EXTRA_CA_CERTS=$kept
        fi
        ;;
    esac
}

# install_packages GROUP...: installs what is missing. On other distributions, says what to install
# and ends with status 1.
install_packages() {
    local missing entry name names=()
    list_packages "$@" > /dev/null
    if ! has_apt; then
        printf 'This system (%s) is neither Debian nor Ubuntu. Please install by its means:\n' \
            "$(os_release PRETTY_NAME)" >&2
        list_packages "$@" | sed 's/|/ or /g; s/^/    /' >&2
        printf "(Debian's names), then build by: cmake -G Ninja -B build && ninja -C build\n" >&2
        exit 1
    fi
    missing=$(missing_packages "$@")
    if [ -z "$missing" ]; then
        say "packages ($*): all installed"
        return
    fi
    keep_ca
    # shellcheck disable=SC2086
    say "installing packages ($*):" ${missing//$'\n'/ }
    as_root apt-get -q update > /dev/null || die "apt-get update failed"
    for entry in $missing; do
        for name in ${entry//|/ }; do
            if [ -n "$(apt-cache madison "$name" 2> /dev/null)" ]; then break; fi
        done
        names+=("$name")
    done
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        "${names[@]}" > "$(log_file apt)" 2>&1 || {
        tail -n 20 "$(log_file apt)" >&2
        die "apt-get install failed: ${names[*]}"
    }
}

# apt_mirror SUFFIX: base address of the archive that serves "<this release>SUFFIX" by the machine's
# own apt sources ('' or -security); needs neither root nor downloaded lists
apt_mirror() {
    apt-get --print-uris update 2> /dev/null |
        sed -n "s|^'\(.*\)/dists/$(os_release VERSION_CODENAME)$1/InRelease'.*|\1|p" | head -n 1
}

# log_file NAME: where the output of a step goes
log_file() {
    mkdir -p "$PUM_CACHE/log"
    printf '%s/%s' "$PUM_CACHE/log" "$1"
}

# build FOLDER CMAKE_OPTION...: configures and builds; the output goes to FOLDER/build.log
build() {
    local folder=$1 log
    shift
    mkdir -p "$folder"
    log=$folder/build.log
    say "building in ${folder#"$PUM_ROOT"/} (log: build.log there)"
    {
        cmake -G Ninja -S "$PUM_ROOT" -B "$folder" "$@" && ninja -C "$folder" -j"$(nproc)"
    } > "$log" 2>&1 || {
        { grep -E -A 12 'CMake Error|FAILED:|error:' "$log" || tail -n 40 "$log"; } |
            cut -c 1-300 | head -n 60 >&2 || true
        die "the build failed; see $log"
    }
}

# have_gpu: is there a driver node of a GPU?
have_gpu() {
    local node
    for node in /dev/dri/renderD* /dev/nvidiactl /dev/dxg; do
        if [ -e "$node" ]; then return 0; fi
    done
    return 1
}
