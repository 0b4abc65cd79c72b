#!/bin/sh
# Runs the commands once on a very small simulated sky, so that the image holds their compiled
# kernels (/opt/latsky/numba). Run at the end of an image's build.
set -eu
NUMBA_CACHE_DIR=/opt/latsky/numba
NUMBA_CPU_NAME=x86-64-v3
NUMBA_CPU_FEATURES=
export NUMBA_CACHE_DIR NUMBA_CPU_NAME NUMBA_CPU_FEATURES
mkdir -p "$NUMBA_CACHE_DIR"
if ! grep -q avx2 /proc/cpuinfo || [ "$(uname -m)" != x86_64 ]; then
    echo "warm-up: this processor cannot run x86-64-v3; kernels will be compiled by each job" >&2
    exit 0
fi
# not in /tmp, which is the host's during a build
work=/opt/latsky/warm-up
mkdir "$work"
cd "$work"
PATH=$(python3 -c 'import latsky, pathlib; print(pathlib.Path(latsky.__file__).parent)')/embedded/bin:$PATH
latsky demo sky --days 0.05 --event-files 1 >/dev/null
gtselect infile="$(ls sky/events/ft1_0.fits*)" outfile=selected.fits emin=100 emax=1000 zmax=90 >/dev/null
latsky-step match-spacecraft --output spacecraft.fits --events selected.fits --spacecraft sky/events/ft2_*.fits* >/dev/null
for step in 0.025 0.2; do
    gtltcube evfile=selected.fits scfile=spacecraft.fits outfile=livetime.fits dcostheta=$step binsz=10 \
        zmax=90 clobber=yes >/dev/null
done
cd /
rm -rf "$work"
# numba notes the time of a source file to see whether it changed; the image keeps whole seconds
find "$NUMBA_CACHE_DIR" -name '*.tmp*' -exec rm -f {} +
# kernels keep notes on what they were made from, with the addresses of functions in that process
find "$NUMBA_CACHE_DIR" -name '*.nbc' -exec env LC_ALL=C \
    sed -i -E 's/ at 0x[0-9a-f]{12}>/ at 0x000000000000>/g' {} +
