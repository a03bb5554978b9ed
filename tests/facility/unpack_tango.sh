#!/bin/sh
# Unpack Debian's MariaDB, C++ Tango database and Starter into FOLDER/root; neither needs root nor changes the system
set -eu
folder=$(realpath "${1:?usage: unpack_tango.sh FOLDER}")
mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial" "$folder/root"

apt() {
    apt-get -qq -o Dir::State="$folder/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$folder/cache" \
        -o APT::Sandbox::User= -o Debug::NoLocking=1 "$@"
}

apt update
apt install --yes --no-install-recommends --reinstall --download-only \
    mariadb-client-core mariadb-server-core tango-db tango-starter
for package in "$folder"/cache/archives/*.deb; do
    dpkg --extract "$package" "$folder/root"
done
touch "$folder/unpacked"
