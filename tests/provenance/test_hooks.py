"""The engines still have the hooks that the recorder hangs on."""

import inspect

import cwltool.command_line_tool
import cwltool.context
import cwltool.job
import cwltool.main
import toil.cwl.cwltoil as toil


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_job_class_is_asked_of_the_tool() -> None:
    tool = cwltool.command_line_tool.CommandLineTool
    assert parameters(tool.make_job_runner) == ["self", "runtimeContext"]
    assert parameters(tool.job) == ["self", "job_order", "output_callbacks", "runtimeContext"]


def test_jobs_without_a_command_hand_over_their_outputs() -> None:
    tools = cwltool.command_line_tool
    assert parameters(tools.ExpressionTool.job)[1:] == [
        "job_order",
        "output_callbacks",
        "runtimeContext",
    ]
    for job in (tools.ExpressionJob, tools.CallbackJob):
        assert "output_callback" in parameters(job.__init__)
    assert issubclass(toil.ToilExpressionTool, tools.ExpressionTool)


def test_jobs_run_through_one_method() -> None:
    assert parameters(cwltool.job.JobBase._execute) == [
        "self",
        "runtime",
        "env",
        "runtimeContext",
        "monitor_function",
    ]
    context = cwltool.context.RuntimeContext()
    assert context.default_stderr is None
    assert context.default_stdout is None


def test_factories() -> None:
    assert "construct_tool_object" in vars(cwltool.context.LoadingContext())
    assert "loadingContext" in parameters(cwltool.main.main)
    assert parameters(cwltool.main.run) == ["args", "kwargs"]
    assert parameters(toil.toil_make_tool) == ["toolpath_object", "loadingContext"]
    assert issubclass(toil.ToilCommandLineTool, cwltool.command_line_tool.CommandLineTool)


def test_batch_system() -> None:
    """What latsky.run.toil_slurm extends."""
    from toil.batchSystems import registry
    from toil.batchSystems.slurm import SlurmBatchSystem
    from toil.worker import WALLTIME_EXIT_CODE

    from latsky.run.causes import EXIT_CODES

    thread = SlurmBatchSystem.GridEngineThread
    assert parameters(SlurmBatchSystem.issueBatchJob)[1:] == [
        "command", "job_desc", "job_environment",
    ]  # fmt: skip
    assert parameters(SlurmBatchSystem.getUpdatedBatchJob) == ["self", "maxWait"]
    assert parameters(thread.prepareSubmission)[1:4] == ["cpu", "memory", "walltime"]
    assert parameters(thread.submitJob) == ["self", "subLine"]
    assert parameters(thread._get_job_details) == ["self", "job_id_list"]
    assert parameters(thread._get_job_return_code) == ["self", "status"]
    assert parameters(thread._getJobDetailsFromSacct) == ["self", "job_id_list"]
    assert parameters(thread._canonicalize_state) == ["self", "state"]
    assert parameters(thread.checkOnJobs) == ["self"]
    assert parameters(thread._remaining_jobs) == ["self", "job_id_list", "job_details"]
    assert parameters(registry.add_batch_system_factory) == ["key", "class_factory"]
    assert EXIT_CODES["time"] == WALLTIME_EXIT_CODE
