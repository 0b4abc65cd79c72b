"""Toil's tool classes with records; apart, so that cwltool alone does not import Toil."""

from __future__ import annotations

from toil.cwl.cwltoil import ToilCommandLineTool, ToilExpressionTool

from latsky.provenance.recorder import _RecordedExpression, _RecordedTool


class RecordedToilTool(_RecordedTool, ToilCommandLineTool):
    """A Toil tool with records."""


class RecordedToilExpression(_RecordedExpression, ToilExpressionTool):
    """A Toil expression with records."""
