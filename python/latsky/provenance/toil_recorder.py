"""Toil's tool class with records; apart, so that cwltool alone does not import Toil."""

from __future__ import annotations

from toil.cwl.cwltoil import ToilCommandLineTool

from latsky.provenance.recorder import _Recorded


class RecordedToilTool(_Recorded, ToilCommandLineTool):
    """A Toil tool with records."""
