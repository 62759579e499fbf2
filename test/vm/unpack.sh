#!/bin/sh
# Unpacks Debian packages into a folder, once; installs nothing, starts nothing. unpack.sh FOLDER PACKAGE...
# Unpacked beside its place and renamed, so that two runs do not meet half of it. Exit status 1 when a package cannot be had.
set -eu
folder=$1
shift
[ -e "$folder/complete" ] && exit
printf 'fetching %s into %s …\n' "$*" "$folder" >&2
mkdir -p "$(dirname "$folder")"
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir "$new/debs"
fetch() { (cd "$new/debs" && apt-get download -qq "$@" >/dev/null 2>"$new/said"); }
# Lists that are old name packages that are gone.
fetch "$@" || { apt-get update -qq >/dev/null 2>&1 || :; fetch "$@"; } || { tail -n 1 "$new/said" >&2; exit 1; }
for deb in "$new"/debs/*.deb; do dpkg-deb -x "$deb" "$new"; done
rm -rf "$new/debs" "$new/said"
if [ -d "$new/lib/modules" ]; then depmod -b "$new" "$(ls "$new/lib/modules")"; fi
touch "$new/complete"
chmod 755 "$new"
[ -e "$folder/complete" ] || { rm -rf "$folder"; mv "$new" "$folder"; }
