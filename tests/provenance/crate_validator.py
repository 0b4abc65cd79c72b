"""roc-validator without a network: the JSON-LD contexts come from ``contexts/``.

``python crate_validator.py CRATE REQUIRED|RECOMMENDED PROFILE…`` prints an issue a line.
"""

import io
import logging
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import requests
import requests.adapters
import urllib3

CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": "1.1",
    "https://w3id.org/ro/terms/workflow-run": "wfrun",
    "https://w3id.org/ro/terms/workflow-run/context": "wfrun",
}
PROFILES = ("process-run-crate-0.5", "workflow-run-crate-0.5", "provenance-run-crate-0.5")


def _send(adapter, request, **options):
    name = CONTEXTS.get(request.url.rstrip("/"))
    if name is None:
        raise requests.ConnectionError(f"offline: {request.url}")
    body = (Path(__file__).parent / "contexts" / f"{name}.json").read_bytes()
    response = requests.Response()
    response.status_code, response.url, response.request = 200, request.url, request
    response.headers["Content-Type"] = "application/ld+json"
    response._content, response.encoding = body, "utf-8"
    response.raw = urllib3.HTTPResponse(
        body=io.BytesIO(body), status=200, headers=response.headers, preload_content=False
    )
    return response


def issues(crate: Path, severity: str, profile: str) -> list[str]:
    """The issues of a crate at a level, as lines of text."""
    from rocrate_validator import models, services

    result = services.validate(
        services.ValidationSettings(
            rocrate_uri=str(crate),
            profile_identifier=profile,
            requirement_severity=getattr(models.Severity, severity),
            no_cache=True,
        )
    )
    return sorted(
        {
            f"{issue.severity.name} {issue.check.identifier} {issue.message} "
            f"| {getattr(issue, 'violatingEntity', '')}"
            for issue in result.get_issues()
        }
    )


def main() -> int:
    """One line an issue."""
    options = SimpleNamespace(crate=Path(sys.argv[1]), level=sys.argv[2], profiles=sys.argv[3:])
    requests.adapters.HTTPAdapter.send = _send
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    found = 0
    for profile in options.profiles or PROFILES:
        lines = issues(options.crate, options.level, profile)
        found += len(lines)
        print(f"{profile}: {len(lines)} issues")
        for line in lines:
            print(f"  {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
