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
for step in 0.2 0.025; do
    gtltcube evfile=selected.fits scfile=spacecraft.fits outfile=livetime.fits dcostheta=$step binsz=10 \
        zmax=90 clobber=yes >/dev/null
done
CALDB=$work/sky/caldb
CALDBCONFIG=$CALDB/software/tools/caldb.config
export CALDB CALDBCONFIG
gtbin evfile=selected.fits scfile=NONE outfile=counts.fits algorithm=HEALPIX hpx_ordering_scheme=RING \
    hpx_order=4 coordsys=GAL hpx_ebin=yes ebinalg=LOG emin=316.2 emax=1000 enumbins=2 hpx_region= >/dev/null
gtexpcube2 infile=livetime.fits cmap=counts.fits outfile=exposure.fits irfs=P8R3_SOURCE_V3 evtype=56 \
    hpx_ordering_scheme=RING hpx_order=3 bincalc=EDGE >/dev/null
source_maps() { # command, options
    command=$1
    shift
    latsky-step "source-maps-$command" --engine embedded --counts-cube counts.fits --exposure-cube exposure.fits \
        --livetime-cube livetime.fits --irfs P8R3_SOURCE_V3 --evtype 56 --output maps.fits "$@" >/dev/null
}
# a template of pixels of another frame than the counts, and one of the same
for template in sky/templates/template_loopI_demo.fits sky/gasmap/ics_ring_1_healpix_DEMO.gz; do
    source_maps diffuse --kind cube --source x --template $template
done
source_maps catalog --catalog sky/catalog/gll_psc_demo.fits --extended sky/catalog/Extended_demo \
    --definition sky/models/catalog_DEMO4FGL_v00.yaml --first 0 --last 40
cd /
rm -rf "$work"
# numba notes the time of a source file to see whether it changed; the image keeps whole seconds
find "$NUMBA_CACHE_DIR" -name '*.tmp*' -exec rm -f {} +
# kernels keep notes on what they were made from, with the addresses of functions in that process
find "$NUMBA_CACHE_DIR" -name '*.nbc' -exec env LC_ALL=C \
    sed -i -E 's/ at 0x[0-9a-f]{12}>/ at 0x000000000000>/g' {} +
