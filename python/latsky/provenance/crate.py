"""A run as a Provenance Run Crate 0.5 (RO-Crate 1.1), written as JSON-LD.

Reference: https://www.researchobject.org/workflow-run-crate/profiles/ and RO-Crate 1.1.

One entity stands for each content: files of the same bytes are the same entity, whatever their
names. Files that are in the crate are named by their place, all others by their SHA-256. A record
of a CWL job order is one PropertyValue in whose JSON text files are named by their entities; the
files themselves are objects or results of the action too.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from latsky.provenance.crate_graph import Graph, reference
from latsky.provenance.cwl_model import (
    WORKFLOW,
    Port,
    Process,
    Step,
    read_process,
    simple_type,
    walk,
)
from latsky.provenance.hashing import entries, outermost, sha256
from latsky.provenance.recorder import ACCOUNT
from latsky.provenance.run_data import Record, RunData, end_of, error_of, record_place

METADATA = "ro-crate-metadata.json"
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]
PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
COMPUTATION = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#cwl"
ENGINES = {
    "cwltool": ("cwltool", "https://github.com/common-workflow-language/cwltool"),
    "toil": ("toil-cwl-runner", "https://toil.readthedocs.io/"),
}
USAGE = {
    "user_s": ("ru_utime", "user CPU time", "SEC", 1),
    "system_s": ("ru_stime", "system CPU time", "SEC", 1),
    "max_rss_kib": ("ru_maxrss", "largest resident memory", "AD", 1024),
}
"""key of a record → member of the system's struct rusage, name, unit code (s, byte), factor"""
RECORD_FILES = {
    ".json": "Record of a job",
    ".started": "Record of a job that never ended",
    ACCOUNT: "Slurm's account of a job",
    ".log": "Output of a job",
}
"""suffixes of the files of a record"""
RUSAGE = "https://man7.org/linux/man-pages/man2/getrusage.2.html#"

_TYPES = {
    "File": "File",
    "Directory": "Dataset",
    "string": "Text",
    "int": "Integer",
    "long": "Integer",
    "float": "Float",
    "double": "Float",
    "boolean": "Boolean",
    "enum": "Text",
    "Any": "DataType",
    "stdout": "File",
    "stderr": "File",
}
_FORMATS = {
    ".fits": "application/fits",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".cwl": "text/x+yaml",
    ".xml": "application/xml",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".slurm": "application/json",
    ".started": "application/json",
    ".html": "text/html",
    ".md": "text/markdown",
    ".png": "image/png",
}


def build(
    data: RunData,
    places: Mapping[str, str],
    *,
    agent: Mapping[str, str] | None = None,
    license_text: str | None = None,
) -> dict[str, Any]:
    """The crate's metadata document.

    ``places`` gives, by SHA-256, the files that are in the crate, by names relative to it.
    ``agent`` (name, orcid, affiliation) replaces the one in ``run.json``. ``license_text`` is an
    address or a text for the crate as a whole.
    """
    return _Builder(data, places, agent or data.run["agent"], license_text).document()


def moment(text: str | None) -> str | None:
    """A time in ISO 8601 with milliseconds, as the profiles want it."""
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds") if text else None


def describe_language(graph: Graph, version: str) -> None:
    """Add CWL of a version, and the profiles that workflows and their parameters conform to."""
    for uri in (PARAMETER, COMPUTATION):
        name, release = uri.split("/")[-2:]
        graph.add(uri, "CreativeWork", name=name, version=release)
    graph.add(
        LANGUAGE,
        "ComputerLanguage",
        name="Common Workflow Language",
        alternateName="CWL",
        identifier=reference("https://w3id.org/cwl/v1.2/"),
        url=reference("https://www.commonwl.org/"),
        version=version,
    )


class _Builder:
    """Makes the entities of one crate."""

    def __init__(
        self,
        data: RunData,
        places: Mapping[str, str],
        agent: Mapping[str, str],
        license_text: str | None,
    ) -> None:
        self.data, self.run, self.places = data, data.run, places
        self.failed = data.failed()
        self.graph = Graph()
        self.main = read_process(data.workflow)
        ran = {tuple(record["step"]) for record in data.records}
        self.ran = {path[:depth] for path in ran for depth in range(1, len(path) + 1)}
        self.used = {
            self._name(self.main),
            *(self._name(step.run) for path, step in walk(self.main) if path in self.ran),
        }
        self.parts: dict[str, None] = {}
        self.equal: list[tuple[str, str]] = []
        """parameters that have the same values: source and target of a connection"""
        self.actions: dict[str, None] = {}
        self.license = license_text
        self.agent = self._agent(agent)

    def document(self) -> dict[str, Any]:
        """All entities, the metadata descriptor and the root first."""
        graph, run = self.graph, self.run
        self._profiles()
        workflow = self._process(self.main)
        self._steps()
        self._run_action(workflow)
        self._step_actions()
        self._pass_examples_on()
        self._orchestration()
        self._own_files()
        name = f"Run of {self.main.label or self.main.file.name}"
        root = {
            "@id": "./",
            "@type": "Dataset",
            "name": name,
            "description": (
                f"{name} with {ENGINES[run['engine']][0]} on {run['start'][:10]}: what ran, on "
                f"what data, with which software, and what came out ({run['status']})."
            ),
            "datePublished": moment(run.get("end") or run["start"]),
            "license": self._license(),
            "author": reference(self.agent),
            "conformsTo": [reference(uri) for uri, _, _ in PROFILES],
            "hasPart": [reference(part) for part in self.parts],
            "mainEntity": reference(workflow),
            "mentions": [reference(action) for action in self.actions],
        }
        if "affiliation" in graph[self.agent]:
            root["publisher"] = graph[self.agent]["affiliation"]
        descriptor = {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": reference("./"),
            "conformsTo": [
                reference("https://w3id.org/ro/crate/1.1"),
                reference("https://w3id.org/workflowhub/workflow-ro-crate/1.0"),
            ],
        }
        return {"@context": CONTEXT, "@graph": [descriptor, root, *graph.entities()]}

    def _license(self) -> Any:
        text = self.license or "not stated"
        if text.startswith(("http://", "https://")):
            name = text.rstrip("/").rpartition("/")[2]
            return self.graph.add(text, "CreativeWork", name=name)
        return self.graph.add(
            "#license", "CreativeWork", name=text, description=f"License of this crate: {text}"
        )

    def _agent(self, given: Mapping[str, str]) -> str:
        agent = given.get("orcid") or "#agent"
        self.graph.add(agent, "Person", name=given.get("name"))
        if affiliation := given.get("affiliation"):
            address = affiliation if affiliation.startswith(("http://", "https://")) else None
            organisation = address or "#affiliation"
            self.graph.add(organisation, "Organization", name=affiliation, url=address)
            self.graph[agent]["affiliation"] = reference(organisation)
        return agent

    def _profiles(self) -> None:
        for uri, name, version in PROFILES:
            self.graph.add(uri, "CreativeWork", name=name, version=version)
        describe_language(self.graph, self.main.version)

    # Documents

    def _name(self, process: Process) -> str:
        return process.file.relative_to(self.data.directory.resolve()).as_posix()

    def _process(self, process: Process) -> str:
        """The entity of a document; of one that ran with its parameters."""
        name = self._name(process)
        if name in self.graph:
            return name
        types = ["File", "SoftwareSourceCode"]
        # the profile wants parts that ran of every workflow
        used = name in self.used
        workflow = process.kind == WORKFLOW and used
        if workflow:
            types += ["ComputationalWorkflow", "HowTo"]
        self._file_part(name, process.file)
        self.graph.add(
            name,
            types,
            name=process.label or process.file.stem,
            description=process.doc,
            version=self.run["suite"]["version"],
            programmingLanguage=reference(LANGUAGE),
            conformsTo=reference(COMPUTATION) if workflow else None,
            softwareRequirements=self._requirements(process),
            url=reference(name),
            input=[self._parameter(process, port) for port in process.inputs if used],
            output=[self._parameter(process, port) for port in process.outputs if used],
        )
        return name

    def _requirements(self, process: Process) -> list[Any]:
        found = process.requirements.get("SoftwareRequirement", {}).get("packages", {})
        named = found.items() if isinstance(found, dict) else ((p["package"], p) for p in found)
        packages = []
        for name, package in named:
            package = package if isinstance(package, dict) else {"specs": package}
            specs, versions = package.get("specs") or [], package.get("version") or []
            packages.append(
                self.graph.add(
                    specs[0] if specs else f"#software-{name}",
                    "SoftwareApplication",
                    name=name,
                    softwareVersion=", ".join(map(str, versions)),
                    url=specs[0] if specs else None,
                )
            )
        return packages

    def _parameter_id(self, process: Process, name: str) -> str:
        return f"{self._name(process)}#{name}"

    def _parameter(self, process: Process, port: Port) -> dict[str, str]:
        kind, optional, many = simple_type(port.type)
        default = port.default
        if isinstance(default, dict):
            default = default.get("location") or json.dumps(default, sort_keys=True)
        return self.graph.add(
            self._parameter_id(process, port.name),
            "FormalParameter",
            name=port.name,
            alternateName=port.label,
            description=port.doc,
            additionalType=_TYPES.get(kind, "PropertyValue"),
            valueRequired=str(not optional),
            multipleValues="True" if many else None,
            defaultValue=None if default is None else str(default),
            conformsTo=reference(PARAMETER),
        )

    def _step_id(self, path: tuple[str, ...]) -> str:
        """A step's place in its own workflow, of which a run may use several steps."""
        process = self.main
        for name in path[:-1]:
            process = next(step.run for step in process.steps if step.name == name)
        return f"{self._name(process)}#step/{path[-1]}"

    def _steps(self) -> None:
        """All workflows with their steps, tools and connections."""
        ran_steps = {self._step_id(path) for path in self.ran}
        done = set()
        for process in self._workflows(self.main):
            if process.file in done or self._name(process) not in self.used:
                continue
            done.add(process.file)
            owner = self._process(process)
            for number, step in enumerate(process.steps):
                tool = self._process(step.run)
                name = f"{owner}#step/{step.name}"
                notes = [f"scattered over {', '.join(step.scatter)}"] if step.scatter else []
                notes += ["conditional"] if step.conditional else []
                if tool in self.used:  # the profile wants an action of every tool that is a part
                    self.graph.append(owner, "hasPart", reference(tool))
                if name not in ran_steps:
                    notes.append("did not run")
                self.graph.append(owner, "step", reference(name))
                self.graph.add(
                    name,
                    "HowToStep",
                    name=step.label or step.name,
                    description="; ".join(notes),
                    position=str(number),
                    workExample=reference(tool),
                )
                if name in ran_steps:
                    self._connect_step(process, step, name)
            for port in process.outputs:
                for source in port.sources:
                    end = self._parameter_id(process, port.name)
                    if origin := self._connect(owner, process, source, end):
                        self.equal.append((origin, end))

    def _workflows(self, process: Process) -> Iterable[Process]:
        yield process
        for step in process.steps:
            if step.run.kind == WORKFLOW:
                yield from self._workflows(step.run)

    def _connect_step(self, process: Process, step: Step, name: str) -> None:
        known = {port.name for port in step.run.inputs}
        for target, sources in step.sources.items():
            for source in sources if target in known else ():
                end = self._parameter_id(step.run, target)
                origin = self._connect(name, process, source, end)
                if origin and target not in step.transformed:
                    self.equal.append((origin, end))

    def _connect(self, owner: str, process: Process, source: str, target: str) -> str | None:
        """Connect a parameter to where it comes from; the latter, None where that never ran."""
        step_name, _, port = source.rpartition("/")
        if step_name:
            process = next(step.run for step in process.steps if step.name == step_name)
        origin = self._parameter_id(process, port)
        self._process(process)
        if origin not in self.graph:
            return None
        name = f"{owner}{'/' if '#' in owner else '#'}connection/{_short(origin + target)}"
        self.graph.add(
            name,
            "ParameterConnection",
            sourceParameter=reference(origin),
            targetParameter=reference(target),
        )
        self.graph.append(owner, "connection", reference(name))
        return origin

    def _pass_examples_on(self) -> None:
        """Give the parameters of inner workflows the values of what they are connected to.

        Jobs are recorded, invocations of workflows are not. A parameter that has values of its
        own keeps those.
        """
        examples: dict[str, list[str]] = {}
        for entity in self.graph.entities():
            works = entity.get("exampleOfWork", [])
            for work in works if isinstance(works, list) else [works]:
                examples.setdefault(work["@id"], []).append(entity["@id"])
        recorded = set(examples)
        changed = True
        while changed:
            changed = False
            for pair in self.equal:
                for one, other in (pair, pair[::-1]):
                    kinds = {self.graph[name]["additionalType"] for name in pair}
                    if other in recorded or other in examples or one not in examples:
                        continue
                    if len(kinds) == 1:
                        examples[other] = list(examples[one])
                        changed = True
        for parameter in sorted(examples.keys() - recorded):
            for entity in examples[parameter]:
                self._example(reference(entity), parameter)

    # Actions

    def _run_action(self, workflow: str) -> None:
        run = self.run
        failed = None
        if run["status"] != "success":
            failed = f"{run['status']}, exit status {run.get('exit_status')}"
        defaults = {p.name: p.default for p in self.main.inputs if p.default is not None}
        objects = self._values(self.main, self.main.inputs, {**defaults, **self.data.order}, None)
        results = self._values(self.main, self.main.outputs, self.data.outputs, run.get("end"))
        command = shlex.join(["latsky", *run["arguments"]])
        self._action(
            "#run",
            f"Run of {self.main.label or workflow}",
            f"{command} on {run['machine']['host']}",
            workflow,
            run["start"],
            run.get("end"),
            failed,
            objects,
            results,
        )
        machine = {key: run["machine"][key] for key in ("cpu", "cores", "platform", "python")}
        for key, value in {**machine, **run["threads"]}.items():
            self._environment("#run", key, value)
        if original := run.get("rerun_of"):
            self.graph.add(
                f"urn:uuid:{original['run']}",
                "CreateAction",
                name="The run that was run again",
                description=f"archive {original['archive']}",
                instrument=reference(workflow),
                agent=reference(self.agent),
            )
            self.graph["#run"]["isBasedOn"] = reference(f"urn:uuid:{original['run']}")

    def _action(
        self,
        name: str,
        title: str,
        description: str,
        instrument: str,
        start: str | None,
        end: str | None,
        error: str | None,
        objects: list[dict[str, str]],
        results: list[dict[str, str]],
    ) -> None:
        status = "FailedActionStatus" if error else "CompletedActionStatus"
        self.actions[name] = None
        self.graph.add(
            name,
            "CreateAction",
            name=title,
            description=description,
            startTime=moment(start),
            endTime=moment(end),
            agent=reference(self.agent),
            instrument=reference(instrument),
            actionStatus=f"http://schema.org/{status}",
            error=error,
            object=objects,
            result=results,
        )

    def _environment(self, action: str, key: str, value: Any) -> None:
        name = f"#environment-{_short(f'{key}={value}')}"
        self.graph.add(name, "PropertyValue", name=key, value=str(value))
        self.graph.append(action, "environment", reference(name))

    def _step_actions(self) -> None:
        """An action for each record, and one for each step that is a workflow."""
        steps = dict(walk(self.main))
        self.controlled: dict[tuple[str, ...], list[str]] = {}
        for record in self.data.records:
            path = tuple(record["step"])
            step = steps.get(path)
            if step is not None:
                name = f"#{record['id']}"
                self._record_action(record, step, name)
                self.controlled.setdefault(path, []).append(name)
        for path, step in steps.items():
            if step.run.kind == WORKFLOW and path in self.ran:
                inner = [r for r in self.data.records if tuple(r["step"][: len(path)]) == path]
                name = f"#workflow/{'/'.join(path)}"
                self._workflow_action(path, step, name, inner)
                self.controlled[path] = [name]

    def _record_action(self, record: Record, step: Step, name: str) -> None:
        tool, end = step.run, end_of(record)
        what = "/".join(record["step"])
        if record["kind"] == "command":
            description = shlex.join([*record["runtime"], *record["command"]])
        else:
            description = f"{record['kind']}: {tool.label}"
        self._action(
            name,
            f"Run of {what} ({record['name']})" if "name" in record else f"Run of {what}",
            description,
            self._process(tool),
            record["start"],
            end,
            error_of(record),
            self._values(tool, tool.inputs, record["inputs"], None),
            self._values(tool, tool.outputs, record.get("outputs") or {}, end),
        )
        for key, (member, title, unit, factor) in USAGE.items():
            if key in record.get("usage", {}):
                self.graph.append(
                    name,
                    "resourceUsage",
                    self.graph.add(
                        f"{name}-{key}",
                        "PropertyValue",
                        name=title,
                        propertyID=f"{RUSAGE}{member}",
                        value=str(record["usage"][key] * factor),
                        unitCode=unit,
                    ),
                )
        for key, value in {"host": record["machine"]["host"], **record.get("slurm", {})}.items():
            self._environment(name, key, value)
        for key, value in record.get("toil", {}).items():
            self._environment(name, f"toil {key.replace('_', ' ')}", value)
        if container := record.get("container"):
            self.graph[name]["containerImage"] = self._image(container)
        for suffix, title in RECORD_FILES.items():
            part = f"{record_place(record)}/{record['id']}{suffix}"
            file = self.data.directory / part
            if file.is_file() and file.stat().st_size:
                self._file_part(part, file, title)
                self.graph[part]["about"] = reference(name)

    def _workflow_action(
        self, path: tuple[str, ...], step: Step, name: str, inner: list[Record]
    ) -> None:
        """All invocations of a step that is a workflow: what went in and what came out of it."""
        made = [key for r in inner for key in self.data.contents(r.get("outputs"))]
        taken = [key for r in inner for key in self.data.contents(r["inputs"])]
        outside = {
            key
            for record in self.data.records
            if tuple(record["step"][: len(path)]) != path
            for key in self.data.contents(record["inputs"])
        }
        outside.update(self.data.contents(self.data.outputs))
        own = set(made)
        wrong = [error_of(r) for r in self.failed if tuple(r["step"][: len(path)]) == path]
        ends = [end for r in inner if (end := end_of(r))]
        files = {self.data.content(f): f for r in inner for f in entries(r["inputs"])}
        files |= {self.data.content(f): f for r in inner for f in entries(r.get("outputs"))}
        self._action(
            name,
            f"Run of {'/'.join(path)}",
            f"all {len(inner)} jobs of this step: {step.run.label}",
            self._process(step.run),
            min(r["start"] for r in inner),
            max(ends) if ends else None,
            wrong[0] if wrong else None,
            [self._file(files[key]) for key in dict.fromkeys(taken) if key not in own],
            [self._file(files[key]) for key in dict.fromkeys(made) if key in outside],
        )

    def _orchestration(self) -> None:
        run = self.run
        engine, url = ENGINES[run["engine"]]
        latsky = "#software-latsky"  # as in the tools' requirements
        self.graph.add(
            latsky,
            "SoftwareApplication",
            name="latsky",
            softwareVersion=run["suite"]["version"],
            sha256=run["suite"]["sha256"],
            description="commands of the suite; sha256 is that of the list of its Python files",
        )
        self.graph.add(
            url,
            "SoftwareApplication",
            name=engine,
            softwareVersion=run["versions"].get(run["engine"], ""),
            url=url,
            softwareRequirements=reference(latsky),
        )
        controls = []
        for path, actions in self.controlled.items():
            control = f"#control/{'/'.join(path)}"
            self.graph.add(
                control,
                "ControlAction",
                name=f"Orchestrate {'/'.join(path)}",
                instrument=reference(self._step_id(path)),
                object=[reference(action) for action in actions],
            )
            controls.append(reference(control))
        if not controls:
            return  # nothing ran: there is no orchestration to tell of
        self.graph.add(
            "#orchestration",
            "OrganizeAction",
            name=f"Run of {engine}",
            startTime=moment(run["start"]),
            endTime=moment(run.get("end")),
            agent=reference(self.agent),
            instrument=reference(url),
            object=controls,
            result=reference("#run"),
        )

    # Data

    def _values(
        self, process: Process, ports: tuple[Port, ...], given: Mapping[str, Any], made: str | None
    ) -> list[dict[str, str]]:
        """The entities of all values of ports, each once; nulls have none."""
        found: dict[str, dict[str, str]] = {}
        for port in ports:
            value = given.get(port.name)
            if value is None:
                continue
            parameter = self._parameter_id(process, port.name)
            for file in entries(value):
                entity = self._file(file, made)
                found[entity["@id"]] = entity
            if simple_type(port.type)[0] not in ("File", "Directory", "stdout", "stderr"):
                entity = self._value(port.name, value)
                found[entity["@id"]] = entity
                self._example(entity, parameter)
            else:
                for file in outermost(value):
                    self._example(self._file(file), parameter)
        return list(found.values())

    def _example(self, entity: dict[str, str], parameter: str) -> None:
        self.graph.append(entity["@id"], "exampleOfWork", reference(parameter))

    def _value(self, name: str, value: Any) -> dict[str, str]:
        plain = self._with_entities(value)
        text = plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True)
        return self.graph.add(
            f"#value-{_short(f'{name}={text}')}", "PropertyValue", name=name, value=text
        )

    def _with_entities(self, value: Any) -> Any:
        """A value in which files are named by their entities."""
        if isinstance(value, dict):
            if value.get("class") in ("File", "Directory"):
                return self._file(value)
            return {key: self._with_entities(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._with_entities(item) for item in value]
        return value

    def _file(self, file: dict[str, Any], made: str | None = None) -> dict[str, str]:
        """The entity of a file or directory, by its content."""
        content = self.data.content(file)
        name = str(file.get("basename") or "")
        if not name:
            name = str(file.get("location") or file.get("path")).rstrip("/").rpartition("/")[2]
        directory = file["class"] == "Directory"
        if content is None:
            entity = f"#file-{_short(str(file.get('checksum') or file.get('location') or name))}"
        else:
            entity = self.places.get(content) or f"urn:hash::sha256:{content}"
        if directory and not entity.endswith("/"):
            entity += "/"
        location = str(file.get("location", ""))
        self.graph.add(
            entity,
            "Dataset" if directory else "File",
            name=name,
            sha256=content,
            sha1=str(file.get("checksum", "")).removeprefix("sha1$"),
            contentSize=str(file["size"]) if "size" in file else None,
            dateCreated=moment(made),
            encodingFormat=None if directory else _format(name),
            url=file.get("url")
            or (location if location.startswith(("http://", "https://", "ftp://")) else None),
            description=(
                "sha256 is that of the list of its files, as sha256sum has it"
                if directory
                else None
            ),
        )
        if not entity.startswith("#"):
            self.parts[entity] = None
        for inner in (*file.get("secondaryFiles", ()), *file.get("listing", ())):
            self.graph.append(entity, "hasPart", self._file(inner, made))
        return reference(entity)

    def _image(self, container: Mapping[str, Any]) -> dict[str, str]:
        content = container.get("sha256")
        sif = str(container["reference"]).endswith(".sif")
        name = str(container["reference"])
        registry, _, rest = name.partition("/")
        if not rest or not ({".", ":"} & set(registry) or registry == "localhost"):
            # a name without a registry leaves it to the container engine which one that is
            registry = "local file" if sif else "engine's default"
        kind = "SIFImage" if sif else "DockerImage"
        return self.graph.add(
            f"#image-{_short(content or name)}",
            "ContainerImage",
            additionalType=reference(f"https://w3id.org/ro/terms/workflow-run#{kind}"),
            name=name,
            registry=registry,
            tag=name.rpartition(":")[2] if not sif and ":" in name else None,
            sha256=content,
        )

    def _file_part(self, name: str, file: Path, title: str | None = None) -> None:
        """A file of the crate that is not data of the workflow."""
        self.parts[name] = None
        self.graph.add(
            name,
            "File",
            name=title,
            encodingFormat=_format(name),
            contentSize=str(file.stat().st_size),
            sha256=sha256(file),
        )

    def _own_files(self) -> None:
        directory = self.data.directory
        titles = {
            "run.json": "The run: software, machine, agent, status",
            "job-order.yml": "Job order with the hashes of all inputs",
            "outputs.json": "Outputs of the workflow",
            "engine.log": "Log of the engine",
            "overrides.json": "Image of each tool",
            "requirements.txt": "Python packages of the run",
            "inputs.json": "All input files with their places",
        }
        for path in sorted(p for p in (directory / "config").rglob("*") if p.is_file()):
            titles[path.relative_to(directory).as_posix()] = "Configuration of the analysis"
        for path in sorted((directory / "software").glob("*.whl")):
            titles[path.relative_to(directory).as_posix()] = "The commands of the jobs"
        for path in sorted(p for p in (directory / "suite").rglob("*") if p.is_file()):
            titles.setdefault(path.relative_to(directory).as_posix(), "Part of the workflow")
        for name, title in titles.items():
            file = directory / name
            if file.is_file() and file.stat().st_size and name not in self.graph:
                self._file_part(name, file, title)
        if (directory / "README.md").is_file():
            self._file_part("README.md", directory / "README.md", "How to run this again")
            self.graph["README.md"]["about"] = reference("./")


def _format(name: str) -> str:
    return _FORMATS.get(Path(name).suffix.lower(), "application/octet-stream")


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
