"""Toil's tool classes with records; apart, so that cwltool alone does not import Toil."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from toil.cwl.cwltoil import ToilCommandLineTool, ToilExpressionTool

from latsky.provenance.recorder import _RecordedExpression, _RecordedTool
from latsky.run.causes import EXIT_CODES


class RecordedToilTool(_RecordedTool, ToilCommandLineTool):
    """A Toil tool with records, whose failures tell Toil whether more memory or time would help."""

    def job(self, order: Any, callbacks: Any, context: Any) -> Iterator[Any]:
        """A job with the time limit of this attempt; its worker ends with a code for the cause."""
        # Toil raises it after a job that ran out of time, the document does not change
        limit = self._toil_job.description.walltime
        for job in super().job(order, callbacks, context):
            if getattr(job, "timelimit", None):
                job.timelimit = max(job.timelimit, limit)
            yield job
            if cause := getattr(job, "latsky_cause", None):
                sys.exit(EXIT_CODES[cause])


class RecordedToilExpression(_RecordedExpression, ToilExpressionTool):
    """A Toil expression with records."""
