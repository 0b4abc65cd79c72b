"""The XML source models of a model: what all binning components share, and what differs.

Sources stand as the Fermitools and fermipy read them. A merged part of a catalogue is a
CompositeSource: its map holds the sum of its sources with their spectra, and its spectrum is the
factor of that sum. Its library of members is empty, since the map is given and the members' own
spectra must not be applied twice; fermipy's external source maps work in this way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from latsky import naming
from latsky.catalog.read import CatalogSource, source_xml
from latsky.config.library import DiffuseSource
from latsky.config.models import CatalogPart, ModelComponent
from latsky.fits.source_model import Model, Parameter, Source, SourceModel
from latsky.models.contents import ModelContents
from latsky.plan import Cut

Locate = Callable[[str], str]
"""name of a file relative to the analysis' directory → as the source model names it"""

_FIXED = {"MapCubeSource": "Normalization", "SpatialMap": "Prefactor"}


def per_component(component: ModelComponent) -> bool:
    """Whether the source has other files for other binning components."""
    source = component.source
    return isinstance(source, DiffuseSource) and (source.moving or source.selection_dependent)


def master_model(contents: ModelContents, locate: Locate) -> SourceModel:
    """The sources that all binning components share: point sources first."""
    any_cut = contents.cuts[0]
    sources = [
        source
        for component in contents.components
        if not per_component(component)
        for source in _sources(contents, component, any_cut, locate)
    ]
    points = [source for source in sources if source.kind == "PointSource"]
    others = [source for source in sources if source.kind != "PointSource"]
    return SourceModel((*points, *others))


def component_model(contents: ModelContents, cut: Cut, locate: Locate) -> SourceModel:
    """The sources with files of their own for one binning component."""
    return SourceModel(
        tuple(
            source
            for component in contents.components
            if per_component(component)
            for source in _sources(contents, component, cut, locate)
        )
    )


def _sources(
    contents: ModelContents, component: ModelComponent, cut: Cut, locate: Locate
) -> list[Source]:
    source = component.source
    if component.single:
        return [
            _single(contents, component, entry, locate) for entry in contents.single[component.key]
        ]
    assert component.spectrum is not None
    spectrum = _flagged(component.spectrum, component)
    if isinstance(source, CatalogPart):
        return [Source(component.name, "CompositeSource", spectrum, None)]
    file = source.file_name(cut.binning)
    if source.model_type == "IsoSource":
        spectrum = replace(
            spectrum,
            attributes={"file": isotropic_file(file), "ctype": "-1", **spectrum.attributes},
        )
        spatial = Model("ConstantValue", (Parameter("Value", 1.0, 1.0, 0.0, 10.0),))
    else:
        kind = "MapCubeFunction" if source.model_type == "MapCubeSource" else "SpatialMap"
        factor = Parameter(_FIXED[source.model_type], 1.0, 1.0, 0.0, 10.0)
        spatial = Model(kind, (factor,), {"file": locate(file), "map_based_integral": "True"})
    return [Source(component.name, "DiffuseSource", spectrum, spatial)]


def isotropic_file(name: str) -> str:
    """Name of a spectrum file in the model's directory, where it is copied: a fit reads it."""
    return naming.base(name)


def _flagged(spectrum: Model, component: ModelComponent) -> Model:
    if not component.edisp_disable:
        return spectrum
    return replace(spectrum, attributes={**spectrum.attributes, "apply_edisp": "false"})


def _single(
    contents: ModelContents, component: ModelComponent, entry: CatalogSource, locate: Locate
) -> Source:
    source = source_xml(entry)
    spectrum = _flagged(contents.own_spectrum(component, entry), component)
    spatial = source.spatial
    assert spatial is not None
    if entry.shape.template is not None:
        assert isinstance(component.source, CatalogPart)
        directory = PurePosixPath(component.source.catalog.extended_path)
        beneath = "Templates" if entry.shape.template.parent.name == "Templates" else ""
        file = str(directory / beneath / entry.shape.template.name)
        spatial = replace(spatial, attributes={**spatial.attributes, "file": locate(file)})
    return replace(source, spectrum=spectrum, spatial=spatial)
