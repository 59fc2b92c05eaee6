"""Who may have started this process, and what they tell of the run: one table, a row for each.

Templates over facts (_templates.py), filled in by _recognise.py. Shown in
docs/reference/identity.md, which is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ORCHESTRATORS", "PARTS", "Orchestrator"]

PARTS = ("run", "step", "step_name", "experiment", "run_url", "attempt", "image")
_AZURE_WORKSPACE = (
    "?wsid=/subscriptions/{AZUREML_ARM_SUBSCRIPTION}"
    "/resourcegroups/{AZUREML_ARM_RESOURCEGROUP}/workspaces/{AZUREML_ARM_WORKSPACE_NAME}"
)
_PREFECT_URL = "{PREFECT_UI_URL|http}/flow-runs/flow-run/"
_MLFLOW_URL = "{MLFLOW_TRACKING_URI|http}/#/experiments/{MLFLOW_EXPERIMENT_ID}/runs/{MLFLOW_RUN_ID}"


@dataclass(frozen=True)
class Orchestrator:
    """One row. `recognised_by` names facts of which one suffices.

    Each part is a list of templates, of which the first that can be filled in whole counts:
    `{VARIABLE}`, `{framework:fact}`, both with `|filter`. `source` says where the names come from.
    """

    name: str
    recognised_by: tuple[str, ...]
    source: str
    run: tuple[str, ...] = ()
    step: tuple[str, ...] = ()
    step_name: tuple[str, ...] = ()
    experiment: tuple[str, ...] = ()
    run_url: tuple[str, ...] = ()
    attempt: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    note: str = ""


# From the inside out: a Metaflow task on Argo on a cluster is a Metaflow task.
ORCHESTRATORS = (
    Orchestrator(
        "Metaflow",
        ("METAFLOW_RUN_ID", "MF_PATHSPEC", "metaflow:run_id"),
        "metaflow 2.19: runtime.py (METAFLOW_RUN_ID), mflog/__init__.py (MF_PATHSPEC, MF_ATTEMPT), "
        "plugins/argo/argo_workflows.py (METAFLOW_STEP_NAME, …), metaflow_current.py (current)",
        run=(
            "{metaflow:flow_name}.{metaflow:run_id}",
            "{MF_PATHSPEC|flow}.{MF_PATHSPEC|flow_run}",
            "{METAFLOW_FLOW_NAME}.{METAFLOW_RUN_ID}",
            "{METAFLOW_RUN_ID}",
        ),
        step=(
            (
                "{metaflow:flow_name}.{metaflow:run_id}.{metaflow:step_name}.{metaflow:task_id}"
                ".{metaflow:retry_count|plus1}"
            ),
            "{MF_PATHSPEC|dots}.{MF_ATTEMPT|plus1}",
            "{MF_PATHSPEC|dots}",
        ),
        step_name=("{metaflow:step_name}", "{MF_PATHSPEC|flow_step}", "{METAFLOW_STEP_NAME}"),
        experiment=("{metaflow:flow_name}", "{MF_PATHSPEC|flow}", "{METAFLOW_FLOW_NAME}"),
        attempt=(
            "{metaflow:retry_count|plus1}",
            "{MF_ATTEMPT|plus1}",
            "{METAFLOW_RETRY_COUNT|plus1}",
        ),
    ),
    Orchestrator(
        "Prefect",
        ("PREFECT__FLOW_RUN_ID", "prefect:flow_run_id"),
        "prefect 3.9: workers/base.py and runtime/flow_run.py (PREFECT__FLOW_RUN_ID, address of "
        "the UI), context.py (FlowRunContext, TaskRunContext)",
        run=("{prefect:flow_run_id}", "{PREFECT__FLOW_RUN_ID}"),
        step=("{prefect:task_run_id}",),
        step_name=("{prefect:task_name}", "{prefect:flow_name}"),
        experiment=("{prefect:flow_name}",),
        run_url=(
            f"{_PREFECT_URL}{{prefect:flow_run_id}}",
            f"{_PREFECT_URL}{{PREFECT__FLOW_RUN_ID}}",
        ),
        attempt=("{prefect:run_count}",),
        note="Tasks run in the flow's process: it is one step run, unless init() is first called "
        "inside of a task. Put `@stepsight.step` under `@task` for a step run a task.",
    ),
    Orchestrator(
        "Dagster",
        ("dagster:run_id", "DAGSTER_PIPES_CONTEXT", "DAGSTER_RUN_STEP_KEY", "DAGSTER_RUN_JOB_NAME"),
        "dagster 1.13: OpExecutionContext.get(); dagster-pipes: PipesContextData, decode_param(); "
        "dagster-k8s 0.29: executor.py (DAGSTER_RUN_STEP_KEY, DAGSTER_RUN_JOB_NAME)",
        run=("{dagster:run_id}",),
        step=("{dagster:run_id}.{dagster:step_key|dots}.{dagster:retry_number|plus1}",),
        step_name=("{dagster:step_key}", "{DAGSTER_RUN_STEP_KEY}"),
        experiment=("{dagster:job_name}", "{DAGSTER_RUN_JOB_NAME}"),
        attempt=("{dagster:retry_number|plus1}",),
        image=("{DAGSTER_CURRENT_IMAGE}",),
        note="The run id is in no variable: it comes from the op's context, or from Dagster Pipes "
        "in an external process. Call init() inside of the op.",
    ),
    Orchestrator(
        "Airflow",
        ("AIRFLOW_CTX_DAG_RUN_ID", "airflow:run_id"),
        "apache-airflow-task-sdk 1.3: execution_time/context.py (AIRFLOW_VAR_NAME_FORMAT_MAPPING), "
        "definitions/context.py (get_current_context)",
        run=(
            "{airflow:dag_id|dots}.{airflow:run_id|dots}",
            "{AIRFLOW_CTX_DAG_ID|dots}.{AIRFLOW_CTX_DAG_RUN_ID|dots}",
        ),
        step=(
            (
                "{airflow:dag_id|dots}.{airflow:run_id|dots}.{airflow:task_id}.{airflow:map_index}"
                ".{airflow:try_number}"
            ),
            "{airflow:dag_id|dots}.{airflow:run_id|dots}.{airflow:task_id}.{airflow:try_number}",
            (
                "{AIRFLOW_CTX_DAG_ID|dots}.{AIRFLOW_CTX_DAG_RUN_ID|dots}.{AIRFLOW_CTX_TASK_ID}"
                ".{AIRFLOW_CTX_TRY_NUMBER}"
            ),
        ),
        step_name=("{airflow:task_id}", "{AIRFLOW_CTX_TASK_ID}"),
        experiment=("{airflow:dag_id}", "{AIRFLOW_CTX_DAG_ID}"),
        run_url=("{airflow:log_url|http}",),
        attempt=("{airflow:try_number}", "{AIRFLOW_CTX_TRY_NUMBER}"),
        note="A mapped task's index is in no variable: give a BashOperator `append_env=True` and "
        '`env={"STEPSIGHT_STEP_RUN_ID": "{{ run_id }}.{{ ti.task_id }}.{{ ti.map_index }}"}`.',
    ),
    Orchestrator(
        "Kubeflow Pipelines",
        ("KFP_POD_NAME",),
        "kubeflow/pipelines: backend/src/v2/compiler/argocompiler/common.go (KFP_POD_NAME), "
        "container.go (KFP_RETRY_INDEX); kfp 2.17: dsl/executor_main.py (--function_to_execute)",
        run=("{ARGO_WORKFLOW_NAME}", "{ARGO_NODE_ID|workflow}"),
        step=("{KFP_POD_NAME}",),
        step_name=("{kubeflow:function}",),
        attempt=("{KFP_RETRY_INDEX|plus1}",),
        note="The pipeline run is the Argo workflow's name. KFP's own run id is in no variable: "
        "`kubernetes.use_field_path_as_env` can give it as STEPSIGHT_PIPELINE_RUN.",
    ),
    Orchestrator(
        "Argo Workflows",
        ("ARGO_NODE_ID",),
        "argoproj/argo-workflows: workflow/common/common.go (names), "
        "workflow/controller/workflowpod.go (set on every container of a pod)",
        run=("{ARGO_WORKFLOW_NAME}", "{ARGO_NODE_ID|workflow}"),
        step=("{ARGO_NODE_ID}",),
        step_name=("{ARGO_TEMPLATE|template_name}",),
        image=("{ARGO_TEMPLATE|template_image}",),
        note="A node id is the workflow's name and a number; a retry is a node of its own.",
    ),
    Orchestrator(
        "Azure ML",
        ("AZUREML_RUN_ID",),
        "azureml-core 1.61: _run_impl/constants.py, core/run.py, core/_portal.py; "
        "AZUREML_ROOT_RUN_ID: zenml, integrations/azure/orchestrators/azureml_orchestrator.py",
        run=("{AZUREML_ROOT_RUN_ID}", "{AZUREML_RUN_ID}"),
        step=("{AZUREML_RUN_ID}",),
        experiment=("{AZUREML_ARM_PROJECT_NAME}",),
        run_url=(
            f"https://ml.azure.com/runs/{{AZUREML_ROOT_RUN_ID}}{_AZURE_WORKSPACE}",
            f"https://ml.azure.com/runs/{{AZUREML_RUN_ID}}{_AZURE_WORKSPACE}",
        ),
        note="The step's name is in no variable: it is the script's, unless STEPSIGHT_STEP is set.",
    ),
    Orchestrator(
        "SageMaker",
        ("TRAINING_JOB_NAME",),
        "aws/sagemaker-training-toolkit: src/sagemaker_training/params.py (TRAINING_JOB_NAME), "
        "ENVIRONMENT_VARIABLES.md (SM_HOSTS, SM_CURRENT_HOST)",
        run=("{TRAINING_JOB_NAME}",),
        step=("{TRAINING_JOB_NAME}",),
    ),
    Orchestrator(
        "Vertex AI",
        ("CLOUD_ML_JOB_ID",),
        "googleapis/python-aiplatform: training_utils/environment_variables.py "
        "(CLOUD_ML_JOB_ID, CLUSTER_SPEC)",
        run=("{CLOUD_ML_JOB_ID|dots}",),
        step=("{CLOUD_ML_JOB_ID|dots}",),
    ),
    Orchestrator(
        "Databricks",
        ("DATABRICKS_RUNTIME_VERSION",),
        "mlflow 3.17: utils/databricks_utils.py (DATABRICKS_RUNTIME_VERSION, "
        "dbruntime.databricks_repl_context: jobId, idInJob)",
        run=("{databricks:idInJob}",),
        experiment=("{databricks:jobId}",),
        note="Ids are in no variable; a notebook's context has the id of its own run only. For the "
        "run of a job with several tasks pass `{{job.run_id}}` on to init(parent_run_id=…), "
        "`{{task.run_id}}` as step_id and `{{task.name}}` as step_name.",
    ),
    Orchestrator(
        "MLflow",
        ("MLFLOW_RUN_ID", "mlflow:run_id"),
        "mlflow 3.17: environment_variables.py, projects/utils.py (get_run_env_vars), "
        "tracking/fluent.py (active_run)",
        run=("{MLFLOW_RUN_ID}", "{mlflow:run_id}"),
        experiment=("{MLFLOW_EXPERIMENT_NAME}", "{MLFLOW_EXPERIMENT_ID}", "{mlflow:experiment_id}"),
        run_url=(_MLFLOW_URL,),
        note="Only of a run that exists when recording begins, as under `mlflow run`.",
    ),
    Orchestrator(
        "SLURM",
        ("SLURM_JOB_ID",),
        "SchedMD/slurm: doc/man/man1/srun.1 and sbatch.1, OUTPUT ENVIRONMENT VARIABLES; "
        "slurm.schedmd.com/job_array.html",
        run=("slurm-{SLURM_ARRAY_JOB_ID}", "slurm-{SLURM_JOB_ID}"),
        step=(
            (
                "slurm-{SLURM_ARRAY_JOB_ID}_{SLURM_ARRAY_TASK_ID}.{SLURM_STEP_ID}"
                ".{SLURM_RESTART_COUNT|plus1}"
            ),
            "slurm-{SLURM_ARRAY_JOB_ID}_{SLURM_ARRAY_TASK_ID}.{SLURM_STEP_ID}",
            "slurm-{SLURM_JOB_ID}.{SLURM_STEP_ID}.{SLURM_RESTART_COUNT|plus1}",
            "slurm-{SLURM_JOB_ID}.{SLURM_STEP_ID}",
        ),
        step_name=("{SLURM_JOB_NAME}",),
        attempt=("{SLURM_RESTART_COUNT|plus1}",),
        note="What `srun` starts is one step run with its ranks; in the batch script itself every "
        "process that records is a step run.",
    ),
    Orchestrator(
        "GitHub Actions",
        ("GITHUB_ACTIONS",),
        "github/docs: content/actions/reference/workflows-and-actions/variables.md",
        run=("{GITHUB_REPOSITORY|dots}.{GITHUB_RUN_ID}",),
        step_name=("{GITHUB_JOB}",),
        experiment=("{GITHUB_WORKFLOW}",),
        run_url=("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",),
        attempt=("{GITHUB_RUN_ATTEMPT}",),
        note="Every process that records is a step run, for the jobs of a matrix share their id.",
    ),
    Orchestrator(
        "torchrun",
        ("TORCHELASTIC_RUN_ID",),
        "pytorch: torch/distributed/run.py, Environment Variables",
        run=("torchrun-{TORCHELASTIC_RUN_ID|given}", "torchrun-{torchrun:agent}"),
        step=(
            "torchrun-{TORCHELASTIC_RUN_ID|given}.{TORCHELASTIC_RESTART_COUNT|plus1}",
            "torchrun-{TORCHELASTIC_RUN_ID|given}",
            "torchrun-{torchrun:agent}.{TORCHELASTIC_RESTART_COUNT|plus1}",
            "torchrun-{torchrun:agent}",
        ),
        attempt=("{TORCHELASTIC_RESTART_COUNT|plus1}",),
        note="Its step run also counts where another row tells the run but no step. Without "
        "`--rdzv-id` the ranks of one node are a step run: give it on several nodes.",
    ),
)
