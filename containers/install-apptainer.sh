#!/usr/bin/env bash
# Apptainer for a Debian without the package (bookworm): packages of a later suite unpacked into a
# prefix of their own, with their own loader and libraries. Nothing of the system is changed, there
# is no setuid program; root only where the prefix needs it. Signatures are checked as apt does.
#   containers/install-apptainer.sh [PREFIX]        default /opt/apptainer
#   DEBIAN_MIRROR=URL   archive [the one this system's apt uses]
#   APT_STALE_OK=1      take an archive whose release file has expired (snapshots)
set -euo pipefail
prefix=$(realpath -m "${1:-/opt/apptainer}")
if [ -e "$prefix" ] && [ ! -e "$prefix/.apptainer-prefix" ] && [ -n "$(ls -A "$prefix")" ]; then
    echo "$prefix exists and was not made by this script" >&2
    exit 1
fi
case $(dpkg --print-architecture) in
    amd64) triple=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
    arm64) triple=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
    *) echo "no recipe for this architecture" >&2; exit 1 ;;
esac
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep -m1 '/debian/*$')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages=(apptainer squashfs-tools squashfuse fuse-overlayfs libc6 libgcc-s1 libseccomp2 libsqlite3-0
    liblz4-1 liblzma5 liblzo2-2 libzstd1 zlib1g libsquashfuse0 libfuse3-4 patchelf libstdc++6)
mkdir -p "$work"/apt/{sources,preferences,state/lists/partial,cache/archives/partial} "$work"/{debs,root}
: >"$work/apt/state/status"
cat >"$work/apt/sources/sid.sources" <<END
Types: deb
URIs: $mirror
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
${APT_STALE_OK:+Check-Valid-Until: no}
END
apt=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/apt/sources"
    -o Dir::Etc::Preferences=/dev/null -o "Dir::Etc::PreferencesParts=$work/apt/preferences"
    -o "Dir::State=$work/apt/state" -o "Dir::State::status=$work/apt/state/status"
    -o "Dir::Cache=$work/apt/cache" -o Acquire::Languages=none -o Acquire::Retries=3
    -o APT::Sandbox::User= -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
apt-get "${apt[@]}" -o APT::Update::Error-Mode=any update
(cd "$work/debs" && apt-get "${apt[@]}" download "${packages[@]}")
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done

new=$work/new usr=$work/root/usr
mkdir -p "$new"/{bin,etc,var/lib,libexec/apptainer/bin} "$new/lib/$triple"
find "$usr/lib/$triple" -maxdepth 1 -name '*.so*' -exec cp -a {} "$new/lib/$triple/" \;
cp -a "$work/root/etc/apptainer" "$new/etc/"
cp -a "$work/root/var/lib/apptainer" "$new/var/lib/"
# Apptainer finds its prefix from libexec/apptainer/bin/starter; Debian's has it in lib/TRIPLET
cp -a "$usr/lib/$triple/apptainer/." "$new/libexec/apptainer/"
ln -s ../../libexec/apptainer "$new/lib/$triple/apptainer"
cp -a "$usr/bin/apptainer" "$new/bin/"
ln -s apptainer "$new/bin/singularity"
for program in mksquashfs unsquashfs squashfuse squashfuse_ll fuse-overlayfs; do
    cp -L "$usr/bin/$program" "$new/libexec/apptainer/bin/"
done
patchelf() { "$usr/lib/$triple/$loader" --library-path "$usr/lib/$triple" "$usr/bin/patchelf" "$@"; }
for program in "$new"/bin/apptainer "$new"/libexec/apptainer/bin/*; do
    patchelf --set-interpreter "$prefix/lib/$triple/$loader" "$program"
    # DT_RPATH, which also serves what the libraries need
    patchelf --force-rpath --set-rpath "$prefix/lib/$triple" "$program"
done
# with all capabilities, the default, no container starts where the outer root lacks one
sed -i 's/^root default capabilities = .*/root default capabilities = no/' "$new/etc/apptainer/apptainer.conf"
(cd "$work/debs" && sha256sum ./*.deb) >"$new/.apptainer-prefix"
rm -rf "$prefix"
mkdir -p "$(dirname "$prefix")"
cp -a "$new" "$prefix"
"$prefix/bin/apptainer" --version
