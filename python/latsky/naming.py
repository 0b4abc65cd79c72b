"""Every key and file name of the suite: those of fermipy's diffuse analysis.

A file name here is relative to the base directory of an analysis. One rule differs from fermipy: an
unset time filter is always written ``none``, where fermipy writes ``None`` in some names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from latsky.config.selections import irf_name

NO_FILTER = "none"
"""key of the time filter of components that name none"""

TIME_FILTERS_YAML = "config/mktime_filters.yaml"
NULL_XML = "srcmdls/null.xml"


def zenith_key(zmax: float) -> str:
    """Key of a zenith cut in degrees, e.g. zmax105 (the fraction is dropped)."""
    return f"zmax{int(zmax)}"


def component_name(ebin: str, evtype: str) -> str:
    """Short name of a binning component, e.g. E3_PSF3."""
    return f"{ebin}_{evtype}"


def component_key(zmax: float, ebin: str, evtype: str) -> str:
    """Key of a binning component in file names, e.g. zmax105_E3_PSF3."""
    return f"{zenith_key(zmax)}_{ebin}_{evtype}"


def job_key(evclass: str, zmax: float, ebin: str, time_filter: str, evtype: str) -> str:
    """Key that is unique among all components, classes and filters of a run."""
    return f"{evclass}_{zenith_key(zmax)}_{ebin}_{time_filter}_{evtype}"


def livetime_key(time_filter: str, zmax: float) -> str:
    """Key of a livetime cube, e.g. none_zmax105."""
    return f"{time_filter}_{zenith_key(zmax)}"


def source_key(name: str, version: str) -> str:
    """Key of a model component, e.g. loopI_haslam."""
    return f"{name}_{version}"


def ring_name(merged: str, ring: int) -> str:
    """Name of a merged ring, e.g. merged_CO_2."""
    return f"{merged}_{ring}"


def galprop_ring_key(component: str, ring: int) -> str:
    """Key of an input ring map, e.g. pi0_decay_HIR_ring_11."""
    return f"{component}_ring_{ring}"


def catalog_part_key(catalog: str, version: str, rule: str) -> str:
    """Key of a part of a catalogue, e.g. FL8Y_v00_faint."""
    return f"{catalog}_{version}_{rule}"


def catalog_part_name(catalog: str, rule: str) -> str:
    """Name of the merged source of a catalogue rule, e.g. FL8Y_faint."""
    return f"{catalog}_{rule}"


def batch_key(number: int) -> str:
    """Key of a batch of event files, six digits."""
    return f"{number:06d}"


def with_suffix_key(file_name: str, key: str) -> str:
    """``file_name`` with ``_key`` before its ending: name_000003.fits."""
    path = PurePosixPath(file_name)
    return str(path.with_name(f"{path.stem}_{key}{path.suffix}"))


def partial(file_name: str, number: int) -> str:
    """Name of a part of a source-map file (planes, or a batch of a catalogue): name_03.fits."""
    return with_suffix_key(file_name, f"{number:02d}")


def stem(file_name: str) -> str:
    """Base name without directory and ending."""
    return PurePosixPath(file_name).stem


def base(file_name: str) -> str:
    """Base name without directory."""
    return PurePosixPath(file_name).name


@dataclass(frozen=True)
class Dataset:
    """What a data set contributes to names; methods give file names."""

    data_pass: str
    data_ver: str
    data_time: str
    evclass: str
    irf_ver: str
    coordsys: str = "GAL"

    @property
    def key(self) -> str:
        """Key of the data set, e.g. P8_P305_8years_source."""
        return f"{self.data_pass}_{self.data_ver}_{self.data_time}_{self.evclass}"

    @property
    def irfs(self) -> str:
        """Instrument response functions, e.g. P8R3_SOURCE_V2."""
        return irf_name(self.data_pass, self.data_ver, self.evclass, self.irf_ver)

    def _cut(self, time_filter: str | None, component: str) -> str:
        return f"{self.key}_{time_filter or NO_FILTER}_{component}"

    def event_list(self, zmax: float) -> str:
        """List of event files (FT1)."""
        return f"{self.key}_{zenith_key(zmax)}.lst"

    def spacecraft_list(self) -> str:
        """List of spacecraft files (FT2); the whole data set's key stands for its time."""
        return f"ft2_files/ft2_{self.key}.lst"

    def livetime_cube(self, time_filter: str | None, zmax: float) -> str:
        """Livetime cube (gtltcube, gtltsum)."""
        return (
            f"lt_cubes/ltcube_{self.data_time}_{time_filter or NO_FILTER}_{zenith_key(zmax)}.fits"
        )

    def selected_events(self, component: str) -> str:
        """Selected events (gtselect)."""
        return f"counts_cubes/select_{self.key}_{component}.fits"

    def filtered_events(self, time_filter: str | None, component: str) -> str:
        """Events in good times (gtmktime)."""
        return f"counts_cubes/mktime_{self._cut(time_filter, component)}.fits"

    def counts_cube(self, time_filter: str | None, component: str) -> str:
        """Counts cube (gtbin, coadd)."""
        return f"counts_cubes/ccube_{self._cut(time_filter, component)}_{self.coordsys}.fits"

    def exposure_cube(self, time_filter: str | None, component: str) -> str:
        """Exposure cube (gtexpcube2)."""
        return f"bexp_cubes/bexcube_{self._full(time_filter, component)}.fits"

    def _full(self, time_filter: str | None, component: str) -> str:
        return f"{self._cut(time_filter, component)}_{self.coordsys}_{self.irf_ver}"

    def source_maps(self, source: str, time_filter: str | None, component: str) -> str:
        """Source maps of one model component."""
        return f"srcmaps/srcmaps_{source}_{self._full(time_filter, component)}.fits"

    def model_cube(self, source: str, time_filter: str | None, component: str) -> str:
        """Model cube of one model component."""
        return f"model_cubes/mcube_{source}_{self._full(time_filter, component)}.fits"

    def residual_cosmic_rays(self, time_filter: str | None, component: str) -> str:
        """Residual cosmic-ray map."""
        return f"residual_cr/residual_cr_{self._full(time_filter, component)}.fits"

    def model_source_maps(self, model: str, time_filter: str | None, component: str) -> str:
        """Assembled source maps of a model."""
        return f"analysis/model_{model}/srcmaps_{self._full(time_filter, component)}.fits"

    def solar_livetime_cube(self, time_filter: str | None, zmax: float, body: str) -> str:
        """Livetime cube around the Sun or the Moon; ``body`` is sun or moon."""
        cut = livetime_key(time_filter or NO_FILTER, zmax)
        return f"sunmoon/ltcube_{self.data_time}_{cut}_{body}.fits"

    def solar_exposure_cube(self, time_filter: str | None, component: str, body: str) -> str:
        """Exposure around the Sun or the Moon; ``body`` is sun or moon."""
        cut = self._cut(time_filter, component)
        return f"bexp_cubes/bexcube_{cut}_{self.irf_ver}_{body}.fits"


def galprop_gasmap(component: str, ring: int, run: str, projection: str = "healpix") -> str:
    """Ring map of GALPROP."""
    return f"gasmap/{galprop_ring_key(component, ring)}_{projection}_{run}.gz"


def merged_gasmap(source: str, projection: str = "healpix") -> str:
    """Merged ring; ``source`` is e.g. merged_CO_2_ref."""
    return f"merged_gasmaps/{source}_{projection}.fits"


def template(source: str) -> str:
    """Intensity template of a model component."""
    return f"templates/template_{source}.fits"


def spectral_template(source: str) -> str:
    """Spectrum of an isotropic component."""
    return f"templates/spectral_{source}.txt"


def solar_template(source: str, zmax: float) -> str:
    """Template of the Sun or Moon for a zenith cut."""
    return f"templates/template_{source}_{zenith_key(zmax)}.fits"


def angular_profile(source: str) -> str:
    """Emission against angle from the Sun or Moon."""
    return f"templates/profile_{source}.fits"


def source_xml(source: str) -> str:
    """Source model of one component."""
    return f"srcmdls/{source}.xml"


def nested_source_xml(source: str) -> str:
    """Source model of the sources merged in a component."""
    return f"srcmdls/{source}_sources.xml"


def galprop_rings_yaml(version: str) -> str:
    """Definition of merged rings."""
    return f"models/galprop_rings_{version}.yaml"


def catalog_yaml(source: str) -> str:
    """Definition of the parts of a catalogue."""
    return f"models/catalog_{source}.yaml"


def model_yaml(model: str) -> str:
    """Definition of a model."""
    return f"models/model_{model}.yaml"


def model_directory(model: str) -> str:
    """Directory of a model."""
    return f"analysis/model_{model}"


def master_xml(model: str) -> str:
    """Sources that all binning components of a model share."""
    return f"analysis/model_{model}/srcmdl_{model}_master.xml"


def component_xml(model: str, component: str) -> str:
    """Sources of a model that differ between binning components."""
    return f"analysis/model_{model}/srcmdl_{model}_{component}.xml"


def manifest(model: str) -> str:
    """Which source map of a model is in which file."""
    return f"analysis/model_{model}/srcmap_manifest_{model}.yaml"


def model_config(model: str) -> str:
    """Configuration of a model for fermipy."""
    return f"analysis/model_{model}/config.yaml"
